// The pages in a real browser: pages.mjs <issuer> <directory of pictures>
// Prints a line of JSON for each fact: {"name": ..., "ok": ...}.

import { chromium } from 'playwright-core';

const [issuer, pictures] = process.argv.slice(2);
const password = 'correct horse battery staple';

function fact(name, ok, more) {
    console.log(JSON.stringify({ name, ok: !!ok, more: ok ? undefined : more }));
}

function request(with_ = {}) {
    return `${issuer}/oauth/authorize?` + new URLSearchParams({
        response_type: 'code', client_id: 'guest', state: 'st',
        redirect_uri: `${issuer}/client/back`, scope: 'openid orders:read',
        code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
        code_challenge_method: 'S256', ...with_ });
}

const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium', headless: true,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic',
           '--no-first-run', '--disable-background-networking',
           '--disable-component-update', '--disable-sync'] });

async function run(name, options) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const refused = [];
    page.on('console', m => {
        if (/Content Security Policy|Refused/.test(m.text()))
            refused.push(m.text());
    });
    const picture = async what => {
        if (pictures)
            await page.screenshot({ path: `${pictures}/${name}-${what}.png` });
    };
    const wide = async what => fact(`${name}: ${what} fits the screen`,
        options.javaScriptEnabled === false || await page.evaluate(
            () => document.documentElement.scrollWidth
                  <= document.documentElement.clientWidth));

    await page.goto(request({ prompt: 'consent' }));
    await picture('login');
    await wide('login');
    await page.getByLabel('E-mail address').fill('ada@example.com');
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    fact(`${name}: a wrong password is told`,
         await page.getByRole('alert').isVisible());
    await picture('wrong');
    await page.getByLabel('Password').fill(password);
    await page.keyboard.press('Enter');
    await page.waitForURL(/authorize\?flow=/);
    fact(`${name}: consent`, await page.getByRole('heading',
         { name: 'Allow access?' }).isVisible());
    await picture('consent');
    await wide('consent');
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.waitForURL(/client\/back\?/);
    const back = new URL(page.url());
    fact(`${name}: the code comes back`, back.searchParams.get('code')
         && back.searchParams.get('state') === 'st'
         && back.searchParams.get('iss') === issuer, page.url());
    const [cookie] = await context.cookies(issuer);
    fact(`${name}: a cookie that scripts cannot read`,
         cookie.httpOnly && cookie.sameSite === 'Lax', cookie);

    await page.goto(request({ response_mode: 'form_post' }));
    if (options.javaScriptEnabled === false) {
        await picture('form-post');
        await page.getByRole('button', { name: 'Continue' }).click();
    }
    await page.waitForURL(/client\/back/);
    fact(`${name}: form_post arrives`,
         (await page.content()).includes('posted'));

    await page.goto(`${issuer}/oauth/device`);
    await picture('device');
    await page.getByLabel('Code').fill(process.env.USER_CODE);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.waitForSelector('p.code');
    await picture('device-decide');
    await wide('device');

    await page.goto(`${issuer}/oauth/logout`);
    await picture('logout');
    await page.getByRole('button', { name: 'Sign out' }).click();
    fact(`${name}: signed out`, await page.getByRole('heading',
         { name: 'Signed out' }).isVisible());
    await picture('signed-out');
    await page.goto(request({ redirect_uri: 'https://evil.example/' }));
    await picture('error');
    fact(`${name}: nothing was refused by the policy`, refused.length === 0,
         refused);
    await context.close();
}

const desktop = { viewport: { width: 1280, height: 800 } };
const phone = { viewport: { width: 360, height: 740 }, isMobile: true,
                hasTouch: true, deviceScaleFactor: 2 };

await run('desktop', desktop);
await run('plain', { ...desktop, javaScriptEnabled: false });
await run('phone', phone);
await run('dark', { ...desktop, colorScheme: 'dark' });
await browser.close();
