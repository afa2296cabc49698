// Chromium with a virtual authenticator, @simplewebauthn/server, and an
// authenticator made of node's crypto for what no honest one would say.
// A JSON command a line comes in, a JSON answer a line goes out.

import { chromium } from 'playwright-core';
import { verifyAuthenticationResponse, verifyRegistrationResponse }
    from '@simplewebauthn/server';
import crypto from 'node:crypto';
import readline from 'node:readline';

const [origin, executablePath] = process.argv.slice(2);
const b64 = (data) => Buffer.from(data).toString('base64url');
const bytes = (text) => Buffer.from(text, 'base64url');
const sha256 = (data) => crypto.createHash('sha256').update(data).digest();

let browser, page, cdp, authenticatorId;
const keys = new Map();

function cbor(value) {
    const head = (type, n) => n < 24 ? Buffer.from([type << 5 | n])
        : n < 256 ? Buffer.from([type << 5 | 24, n])
        : Buffer.from([type << 5 | 25, n >> 8, n & 255]);
    if (typeof value === 'number') {
        return value < 0 ? head(1, -1 - value) : head(0, value);
    }
    if (typeof value === 'string') {
        return Buffer.concat([head(3, Buffer.byteLength(value)),
            Buffer.from(value)]);
    }
    if (value instanceof Uint8Array) {
        return Buffer.concat([head(2, value.length), value]);
    }
    if (Array.isArray(value)) {
        return Buffer.concat([head(4, value.length), ...value.map(cbor)]);
    }
    return Buffer.concat([head(5, value.size),
        ...[...value].flatMap(([k, v]) => [cbor(k), cbor(v)])]);
}

function pair(alg) {
    if (alg === 'EdDSA') {
        const key = crypto.generateKeyPairSync('ed25519');
        const x = bytes(key.publicKey.export({ format: 'jwk' }).x);
        return { ...key, cose: new Map([[1, 1], [3, -8], [-1, 6], [-2, x]]),
            digest: null, label: -8 };
    }
    if (alg === 'RS256') {
        const key = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
        const { n, e } = key.publicKey.export({ format: 'jwk' });
        return { ...key, cose: new Map([[1, 3], [3, -257], [-1, bytes(n)],
            [-2, bytes(e)]]), digest: 'sha256', label: -257 };
    }
    const key = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x, y } = key.publicKey.export({ format: 'jwk' });
    return { ...key, cose: new Map([[1, 2], [3, -7], [-1, 1], [-2, bytes(x)],
        [-3, bytes(y)]]), digest: 'sha256', label: -7 };
}

function clientData(type, with_) {
    return Buffer.from(JSON.stringify({ type: with_.type ?? type,
        challenge: with_.challenge, origin: with_.origin ?? origin,
        crossOrigin: with_.crossOrigin ?? false }));
}

function authData(with_, tail) {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(with_.count ?? 1);
    return Buffer.concat([sha256(with_.rpId ?? 'localhost'),
        Buffer.from([with_.flags]), count, ...tail]);
}

const commands = {

    async start({ authenticator }) {
        browser ??= await chromium.launch({ executablePath,
            args: ['--no-sandbox'] });
        page ??= await browser.newPage();
        if (!cdp) {
            await page.goto(`${origin}/passkey.html`);
            cdp = await page.context().newCDPSession(page);
            await cdp.send('WebAuthn.enable');
        }
        if (authenticatorId) {
            await cdp.send('WebAuthn.removeVirtualAuthenticator',
                { authenticatorId });
        }
        ({ authenticatorId } = await cdp.send(
            'WebAuthn.addVirtualAuthenticator', { options: authenticator }));
        return { version: browser.version() };
    },

    async create({ options }) {
        return page.evaluate(async (json) => {
            const publicKey =
                PublicKeyCredential.parseCreationOptionsFromJSON(json);
            return (await navigator.credentials.create({ publicKey }))
                .toJSON();
        }, options);
    },

    async get({ options }) {
        return page.evaluate(async (json) => {
            const publicKey =
                PublicKeyCredential.parseRequestOptionsFromJSON(json);
            return (await navigator.credentials.get({ publicKey })).toJSON();
        }, options);
    },

    async verified({ value }) {
        await cdp.send('WebAuthn.setUserVerified',
            { authenticatorId, isUserVerified: !!value });
        return {};
    },

    async agreeRegistration({ response, challenge }) {
        const { verified, registrationInfo: info } =
            await verifyRegistrationResponse({ response,
                expectedChallenge: challenge, expectedOrigin: origin,
                expectedRPID: 'localhost', requireUserVerification: false });
        return { verified, id: info.credential.id,
            publicKey: b64(info.credential.publicKey),
            counter: info.credential.counter };
    },

    async agreeAuthentication({ response, challenge, credential }) {
        const { verified, authenticationInfo: info } =
            await verifyAuthenticationResponse({ response,
                expectedChallenge: challenge, expectedOrigin: origin,
                expectedRPID: 'localhost', requireUserVerification: false,
                credential: { ...credential,
                    publicKey: bytes(credential.publicKey) } });
        return { verified, counter: info.newCounter };
    },

    // what a registration says, true or not
    async make(with_) {
        const key = pair(with_.alg);
        const id = with_.id ? bytes(with_.id) : crypto.randomBytes(32);
        keys.set(b64(id), key);

        const cose = cbor(key.cose);
        const data = authData({ flags: 0x45, count: 0, ...with_ }, [
            Buffer.alloc(16), Buffer.from([id.length >> 8, id.length & 255]),
            id, cose, ...with_.tail ? [bytes(with_.tail)] : []]);
        const client = clientData('webauthn.create', with_);
        const statement = new Map();
        const fmt = with_.fmt ?? 'none';
        if (fmt === 'packed') {
            const signer = with_.key
                ? { privateKey: crypto.createPrivateKey(with_.key),
                    digest: 'sha256', label: -7 }
                : key;
            const sig = crypto.sign(signer.digest,
                Buffer.concat([data, sha256(client)]), signer.privateKey);
            if (with_.badSignature) {
                sig[sig.length - 1] ^= 1;
            }
            statement.set('alg', with_.label ?? signer.label);
            statement.set('sig', sig);
            if (with_.x5c) {
                statement.set('x5c', [Buffer.from(with_.x5c, 'base64')]);
            }
        }
        let object = cbor(new Map([['fmt', fmt], ['attStmt', statement],
            ['authData', data]]));
        if (with_.object) {
            object = bytes(with_.object);
        }
        if (with_.cut) {
            object = object.subarray(0, object.length - with_.cut);
        }
        if (with_.append) {
            object = Buffer.concat([object, bytes(with_.append)]);
        }
        return { id: b64(id), rawId: b64(id), type: 'public-key',
            clientExtensionResults: {}, response: {
                clientDataJSON: b64(client), attestationObject: b64(object),
                transports: ['internal'] } };
    },

    // what an assertion says, true or not
    async use(with_) {
        const key = keys.get(with_.id);
        const data = authData({ flags: 0x05, ...with_ },
            with_.tail ? [bytes(with_.tail)] : []);
        const client = clientData('webauthn.get', with_);
        const signature = crypto.sign(key.digest,
            Buffer.concat([data, sha256(client)]), key.privateKey);
        if (with_.badSignature) {
            signature[signature.length - 1] ^= 1;
        }
        return { id: with_.id, rawId: with_.id, type: 'public-key',
            clientExtensionResults: {}, response: {
                clientDataJSON: b64(client), authenticatorData: b64(data),
                signature: b64(signature),
                ...with_.userHandle && { userHandle: with_.userHandle } } };
    },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
    const { op, ...with_ } = JSON.parse(line);
    let answer;
    try {
        answer = await commands[op](with_);
    } catch (error) {
        answer = { error: String(error.message ?? error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
}

await browser?.close();
