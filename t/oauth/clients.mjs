// The flows as real client libraries drive them.  The test is asked for what
// a person or an administrator does: a line of JSON out, a line back.

import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import https from 'node:https';
import readline from 'node:readline';
import { readFileSync } from 'node:fs';

const setup = JSON.parse(process.argv[2]);
const lines = readline.createInterface({ input: process.stdin })[
    Symbol.asyncIterator]();
const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');
const ask = async (line) => {
    say(line);
    return JSON.parse((await lines.next()).value);
};
const ok = (value, name) => say({ ok: !!value, name });
const is = (got, want, name) => say({
    ok: JSON.stringify(got) === JSON.stringify(want), name,
    diag: `got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`,
});

const plain = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(setup.issuer);
const redirect = 'https://shop.example/callback';

const as = await oauth.processDiscoveryResponse(issuer,
    await oauth.discoveryRequest(issuer, plain));
is(as.issuer, setup.issuer, 'OpenID Connect discovery');
const as2 = await oauth.processDiscoveryResponse(issuer,
    await oauth.discoveryRequest(issuer, { ...plain, algorithm: 'oauth2' }));
is(as2.token_endpoint, as.token_endpoint, 'RFC 8414 discovery');

async function section(name, run) {
    try {
        await run();
    } catch (e) {
        let cause = e.cause instanceof Response
            ? await e.cause.text().catch(() => '')
            : JSON.stringify(e.cause ?? null);
        say({ ok: false, name, diag: `${e.stack}\n${cause}` });
    }
}

// a code, as the browser would bring it back

async function code(client, auth, { dpop, par, scope = 'openid email' } = {}) {
    const verifier = oauth.generateRandomCodeVerifier();
    const challenge = await oauth.calculatePKCECodeChallenge(verifier);
    const nonce = oauth.generateRandomNonce();
    const state = oauth.generateRandomState();
    const wanted = {
        client_id: client.client_id, redirect_uri: redirect,
        response_type: 'code', scope, nonce, state, code_challenge: challenge,
        code_challenge_method: 'S256',
    };
    const url = new URL(as.authorization_endpoint);

    if (par) {
        const pushed = await oauth.processPushedAuthorizationResponse(as,
            client, await oauth.pushedAuthorizationRequest(as, client, auth,
                new URLSearchParams(wanted), { ...plain, DPoP: dpop }));
        ok(/^urn:ietf:params:oauth:request_uri:/.test(pushed.request_uri),
            'a pushed request');
        url.searchParams.set('client_id', client.client_id);
        url.searchParams.set('request_uri', pushed.request_uri);
    } else {
        for (const name in wanted) {
            url.searchParams.set(name, wanted[name]);
        }
    }

    const { callback } = await ask({ authorize: url.href, wanted });
    const params = oauth.validateAuthResponse(as, client, new URL(callback),
        state);
    const response = await oauth.authorizationCodeGrantRequest(as, client,
        auth, params, redirect, verifier, { ...plain, DPoP: dpop });
    const tokens = await oauth.processAuthorizationCodeResponse(as, client,
        response, { expectedNonce: nonce, requireIdToken: true });
    await oauth.validateApplicationLevelSignature(as, response, plain);
    return tokens;
}

await section('a public client with a code', async () => {
    const client = { client_id: 'spa' };
    const auth = oauth.None();
    const tokens = await code(client, auth);
    is(tokens.token_type, 'bearer', 'a bearer token');

    const claims = oauth.getValidatedIdTokenClaims(tokens);
    is(claims.sub, setup.user, 'the user');
    ok(claims.at_hash && claims.sid && claims.auth_time,
        'at_hash, sid and auth_time');
    is(claims.amr, ['pwd'], 'amr');
    const info = await oauth.processUserInfoResponse(as, client, claims.sub,
        await oauth.userInfoRequest(as, client, tokens.access_token, plain));
    is(info.email, 'ada@example.com', 'userinfo has the e-mail address');

    const next = await oauth.processRefreshTokenResponse(as, client,
        await oauth.refreshTokenGrantRequest(as, client, auth,
            tokens.refresh_token, plain));
    ok(next.refresh_token && next.refresh_token !== tokens.refresh_token,
        'a refresh brings the next refresh token');

    await oauth.processRevocationResponse(
        await oauth.revocationRequest(as, client, auth, next.refresh_token,
            plain));
    await oauth.refreshTokenGrantRequest(as, client, auth, next.refresh_token,
        plain).then((r) => oauth.processRefreshTokenResponse(as, client, r))
        .then(() => ok(false, 'a revoked token is over'),
            (e) => is(e.error, 'invalid_grant', 'a revoked token is over'));
});

const secret = 'a secret & 100% strange + one';
for (const [id, auth] of [
    ['basic', oauth.ClientSecretBasic(secret)],
    ['post', oauth.ClientSecretPost(secret)],
]) {
    await section(`client credentials, ${id}`, async () => {
        const client = { client_id: id };
        const tokens = await oauth.processClientCredentialsResponse(as,
            client, await oauth.clientCredentialsGrantRequest(as, client,
                auth, { scope: 'orders:read' }, plain));
        is(tokens.scope, 'orders:read', `client credentials, ${id}`);

        const seen = await oauth.processIntrospectionResponse(as, client,
            await oauth.introspectionRequest(as, client, auth,
                tokens.access_token, plain));
        is([seen.active, seen.sub, seen.client_id], [true, id, id],
            'introspection');
        const other = await oauth.processIntrospectionResponse(as, client,
            await oauth.introspectionRequest(as, client, auth, 'nonsense',
                plain));
        is(other, { active: false }, 'of nonsense nothing is told');
    });
}

await section('private_key_jwt, pushed, DPoP', async () => {
    const key = await crypto.subtle.importKey('jwk', setup.key,
        { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
    const client = { client_id: 'keyed' };
    const auth = oauth.PrivateKeyJwt({ key, kid: setup.key.kid });
    const pair = await oauth.generateKeyPair('ES256');
    const dpop = oauth.DPoP(client, pair);
    const tokens = await code(client, auth, { dpop, par: true });
    is(tokens.token_type, 'dpop', 'a DPoP token');

    const claims = oauth.getValidatedIdTokenClaims(tokens);
    const info = await oauth.processUserInfoResponse(as, client, claims.sub,
        await oauth.userInfoRequest(as, client, tokens.access_token,
            { ...plain, DPoP: dpop }));
    is(info.sub, setup.user, 'userinfo with a proof');

    const next = await oauth.processRefreshTokenResponse(as, client,
        await oauth.refreshTokenGrantRequest(as, client, auth,
            tokens.refresh_token, { ...plain, DPoP: dpop }));
    is(next.token_type, 'dpop', 'refreshed with a proof');

    const seen = await oauth.processIntrospectionResponse(as, client,
        await oauth.introspectionRequest(as, client, auth, next.access_token,
            plain));
    is(seen.cnf.jkt, await dpop.calculateThumbprint(), 'bound to the key');
});

await section('a device', async () => {
    const client = { client_id: 'tv' };
    const auth = oauth.None();
    const device = await oauth.processDeviceAuthorizationResponse(as, client,
        await oauth.deviceAuthorizationRequest(as, client, auth,
            { scope: 'openid catalog:read' }, plain));
    ok(/^[B-Z]{4}-[B-Z]{4}$/.test(device.user_code), 'a code to show');

    const poll = async () => oauth.processDeviceCodeResponse(as, client,
        await oauth.deviceCodeGrantRequest(as, client, auth,
            device.device_code, plain));
    await poll().catch((e) => is(e.error, 'authorization_pending', 'pending'));
    await poll().catch((e) => is(e.error, 'slow_down', 'too fast'));
    is((await ask({ device: device.user_code.toLowerCase() })).decided, true,
        'a person allows it');
    const tokens = await poll();
    is(oauth.getValidatedIdTokenClaims(tokens).sub, setup.user, 'its tokens');
    await poll().then(() => ok(false, 'once'),
        (e) => is(e.error, 'invalid_grant', 'once'));
});

await section('a registration', async () => {
    const made = await oauth.processDynamicClientRegistrationResponse(
        await oauth.dynamicClientRegistrationRequest(as, {
            client_name: 'Registered', redirect_uris: [redirect],
            grant_types: ['authorization_code', 'refresh_token'],
            token_endpoint_auth_method: 'client_secret_post',
            scope: 'openid email orders:read',
        }, { ...plain, initialAccessToken: setup.registrar }));
    ok(made.client_secret && made.registration_access_token, 'registered');
    const tokens = await code({ client_id: made.client_id },
        oauth.ClientSecretPost(made.client_secret));
    ok(tokens.refresh_token, 'and used');

    const manage = { headers: {
        authorization: `Bearer ${made.registration_access_token}` } };
    const read = await fetch(made.registration_client_uri, manage);
    is((await read.json()).client_name, 'Registered', 'it reads itself');
    const changed = await fetch(made.registration_client_uri, { ...manage,
        method: 'PUT', body: JSON.stringify({ client_name: 'Other',
            redirect_uris: [redirect], token_endpoint_auth_method: 'none',
            scope: 'openid' }) });
    const now = await changed.json();
    is([changed.status, now.client_name, now.scope],
        [200, 'Other', 'openid'], 'it changes itself');
    is((await fetch(made.registration_client_uri, manage)).status, 401,
        'the old registration token is over');
    manage.headers.authorization = `Bearer ${now.registration_access_token}`;
    is((await fetch(made.registration_client_uri, { ...manage,
        method: 'DELETE' })).status, 204, 'it deletes itself');
    is((await fetch(made.registration_client_uri, manage)).status, 401,
        'and is gone');
});

await section('a certificate', async () => {
    const agent = new https.Agent({ rejectUnauthorized: false,
        cert: readFileSync(setup.certificate), key: readFileSync(setup.pem) });
    const stranger = new https.Agent({ rejectUnauthorized: false,
        cert: readFileSync(setup.stranger),
        key: readFileSync(setup.stranger_pem) });
    const via = (agent) => (url, options) => new Promise((done, failed) => {
        const target = new URL(url);
        const request = https.request({ agent, host: '127.0.0.1',
            port: setup.tls_port, path: target.pathname + target.search,
            method: options.method,
            headers: Object.fromEntries(new Headers(options.headers)) },
            (r) => {
                const parts = [];
                r.on('data', (part) => parts.push(part));
                r.on('end', () => done(new Response(
                    r.statusCode === 204 ? null : Buffer.concat(parts),
                    { status: r.statusCode, headers: r.headers })));
            });
        request.on('error', failed);
        request.end(options.body ? options.body.toString() : undefined);
    });
    const client = { client_id: 'certified' };
    const mine = { ...plain, [oauth.customFetch]: via(agent) };
    const tokens = await oauth.processClientCredentialsResponse(as, client,
        await oauth.clientCredentialsGrantRequest(as, client, oauth.TlsClientAuth(),
            { scope: 'orders:read' }, mine));
    const cnf = JSON.parse(Buffer.from(
        tokens.access_token.split('.')[1], 'base64url')).cnf;
    is(cnf['x5t#S256'], setup.x5t, 'a token that is bound to a certificate');

    const use = async (agent) => (await via(agent)(
        'https://x/api/v1/auth/logout', { method: 'POST', headers: {
            authorization: `Bearer ${tokens.access_token}` } })).status;
    is(await use(agent), 204, 'it works with the certificate');
    is(await use(stranger), 401, 'not with another');
    is((await fetch(setup.issuer + '/api/v1/auth/logout', { method: 'POST',
        headers: { authorization: `Bearer ${tokens.access_token}` } })).status,
        401, 'nor without');
    const bad = await oauth.clientCredentialsGrantRequest(as, client,
        oauth.TlsClientAuth(), {}, { ...plain,
            [oauth.customFetch]: via(stranger) });
    is(bad.status, 401, 'a stranger gets none');
});

await section('openid-client', async () => {
    const config = await oidc.discovery(issuer, 'basic', secret,
        oidc.ClientSecretBasic(secret),
        { execute: [oidc.allowInsecureRequests] });
    const verifier = oidc.randomPKCECodeVerifier();
    const wanted = {
        redirect_uri: redirect, scope: 'openid email',
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256', nonce: oidc.randomNonce(),
        state: oidc.randomState(), client_id: 'basic',
        response_type: 'code',
    };
    const url = oidc.buildAuthorizationUrl(config, wanted);
    const { callback } = await ask({ authorize: url.href, wanted });
    const tokens = await oidc.authorizationCodeGrant(config,
        new URL(callback), { pkceCodeVerifier: verifier,
            expectedNonce: wanted.nonce, expectedState: wanted.state,
            idTokenExpected: true });
    is(tokens.claims().sub, setup.user, 'openid-client: a code');
    const info = await oidc.fetchUserInfo(config, tokens.access_token,
        setup.user);
    is(info.email, 'ada@example.com', 'openid-client: userinfo');
    const next = await oidc.refreshTokenGrant(config, tokens.refresh_token);
    ok(next.access_token, 'openid-client: refresh');
    const seen = await oidc.tokenIntrospection(config, next.access_token);
    is(seen.active, true, 'openid-client: introspection');
    await oidc.tokenRevocation(config, next.access_token);
    is((await oidc.tokenIntrospection(config, next.access_token)).active,
        false, 'openid-client: revoked');
    const own = await oidc.clientCredentialsGrant(config,
        { scope: 'orders:read' });
    is(own.scope, 'orders:read', 'openid-client: client credentials');
});

say({ done: true });
process.exit(0);
