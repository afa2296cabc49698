// An OpenID provider that signs in whoever login_hint names, without asking:
//   node provider.mjs PORT REDIRECT_URI

import { Provider } from 'oidc-provider';

const [port, redirect] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
    clients: [{
        client_id: 'shop',
        client_secret: 'a secret: of %the% shop',
        redirect_uris: [redirect],
        grant_types: ['authorization_code'],
        response_types: ['code'],
    }],
    claims: {
        email: ['email', 'email_verified'],
        profile: ['name', 'given_name', 'family_name', 'groups'],
    },
    cookies: { keys: ['only for this test'] },
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true },
    interactions: { url: (ctx, interaction) => `/pass/${interaction.uid}` },
    findAccount: (ctx, id) => ({
        accountId: id,
        claims: () => ({
            sub: id, email: `${id}@example.com`, email_verified: true,
            name: 'Grace Hopper', given_name: 'Grace', family_name: 'Hopper',
            groups: id === 'boss' ? ['staff', 'sales-team'] : ['staff'],
        }),
    }),
});

provider.use(async (ctx, next) => {
    if (!ctx.path.startsWith('/pass/')) {
        return next();
    }

    const { params } = await provider.interactionDetails(ctx.req, ctx.res);
    const accountId = 'grace';
    const grant = new provider.Grant({ accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);

    ctx.respond = false;
    await provider.interactionFinished(ctx.req, ctx.res, {
        login: { accountId },
        consent: { grantId: await grant.save() },
    });
});

provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
