// Providers that say what the test tells them to say:
//   node fakes.mjs PORT
// POST /tell sets members of what is below; GET /heard shows the last requests.

import { createServer } from 'node:http';
import { createHmac, createSign, generateKeyPairSync } from 'node:crypto';

const port = process.argv[2];
const base = `http://127.0.0.1:${port}`;
const keys = { one: pair(), two: pair() };
const initial = {
    issuer: `${base}/op`, iss: true, claims: {}, alg: 'RS256', key: 'one',
    kid: 'one', published: ['one'], userinfo: null, tokenStatus: 200,
    github: {}, emails: [], facebook: {},
};
let told = { ...initial };
let heard = {};

function pair() {
    return generateKeyPairSync('rsa', { modulusLength: 2048 });
}

const encode = (value) => Buffer.from(JSON.stringify(value))
    .toString('base64url');

function token() {
    const { alg, kid, claims } = told;
    const text = `${encode({ typ: 'JWT', alg, kid })}.${encode(claims)}`;
    const pem = keys[told.key].publicKey.export({ type: 'spki',
        format: 'pem' });
    const signature = alg === 'none' ? ''
        : alg === 'HS256'
            ? createHmac('sha256', pem).update(text).digest('base64url')
            : createSign('sha256').update(text)
                .sign(keys[told.key].privateKey, 'base64url');
    return `${text}.${signature}`;
}

const routes = {
    '/op/.well-known/openid-configuration': () => ({
        issuer: told.issuer,
        authorization_endpoint: `${base}/op/authorize`,
        token_endpoint: `${base}/op/token`,
        jwks_uri: `${base}/op/jwks`,
        userinfo_endpoint: `${base}/op/userinfo`,
        token_endpoint_auth_methods_supported: ['client_secret_post'],
        authorization_response_iss_parameter_supported: told.iss,
    }),
    '/op/jwks': () => ({
        keys: [
            { kty: 'oct', k: 'A'.repeat(43), alg: 'HS256', kid: 'shared' },
            { kty: 'EC', crv: 'P-384', x: 'AA', y: 'AA', kid: 'odd' },
            ...told.published.map((kid) => ({
                ...keys[kid].publicKey.export({ format: 'jwk' }),
                kid, alg: 'RS256', use: 'sig',
            })),
        ],
    }),
    '/op/token': () => ({ access_token: 'at', token_type: 'Bearer',
        id_token: token() }),
    '/op/userinfo': () => told.userinfo ?? { sub: told.claims.sub },
    '/github/token': () => ({ access_token: 'gh', token_type: 'bearer' }),
    '/github/user': () => told.github,
    '/github/emails': () => told.emails,
    '/facebook/token': () => ({ access_token: 'fb', token_type: 'bearer' }),
    '/facebook/me': () => told.facebook,
};

createServer((request, response) => {
    const path = request.url.split('?')[0];
    let body = '';
    request.on('data', (data) => { body += data; });
    request.on('end', () => {
        if (path === '/tell') {
            told = { ...initial, ...JSON.parse(body) };
            return response.end('{}');
        }
        if (path === '/heard') {
            response.end(JSON.stringify(heard));
            heard = {};
            return undefined;
        }
        (heard[path] ??= []).push({ body, headers: request.headers });
        const answer = routes[path]?.();
        response.statusCode = path.endsWith('/token') ? told.tokenStatus
            : answer ? 200 : 404;
        response.setHeader('Content-Type', 'application/json');
        return response.end(JSON.stringify(answer ?? {}));
    });
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
