-- Revocation, API keys, certificates and roles of auth.

BEGIN;

SELECT plan(35);

SET LOCAL ROLE carmen_app;
SELECT set_config('carmen.tenant', 'acme', true) AS quiet \gset

\set ada '0190a0a0-0000-7000-8000-00000000000a'
\set bob '0190a0a0-0000-7000-8000-00000000000b'
\set hash '$2b$04$abcdefghijklmnopqrstuuN2V6mZzVYyPzGdHjTmuU5X5sYvUmiCO'

SELECT auth.credential_create('acme', :'ada', 'ada@example.com', :'hash',
    '{customer,sales}') AS quiet \gset
SELECT auth.credential_create('acme', :'bob', 'bob@example.com', :'hash',
    '{customer}') AS quiet \gset

-- marks

SELECT lives_ok($$SELECT auth.revoke('acme', 'token', 'one')$$, 'a mark');
SELECT is((SELECT cutoff FROM auth.revocation
            WHERE digest = auth.revocation_digest('token', 'acme', 'one')),
    99999999999, 'of all that was and will be issued');
SELECT is(auth.revocation_digest('token', 'acme', 'one'),
    substring(sha256(E'token\nacme\none'::bytea) FOR 16),
    'it is a digest');
SELECT isnt(auth.revocation_digest('token', 'other', 'one'),
    auth.revocation_digest('token', 'acme', 'one'), 'of a tenant');
SELECT throws_ok($$SELECT auth.revoke('acme', 'soul', 'x')$$, 'P0001', NULL,
    'of a kind that there is');
SELECT auth.revoke('acme', 'user', 'u', '2026-01-02 00:00:00Z') AS quiet \gset
SELECT auth.revoke('acme', 'user', 'u', '2026-01-01 00:00:00Z') AS quiet \gset
SELECT is((SELECT cutoff FROM auth.revocation
            WHERE digest = auth.revocation_digest('user', 'acme', 'u')),
    1767312000::bigint,
    'until then, and an earlier one does not take it back');
SELECT auth.revoke('acme', 'token', 'long', NULL, now() + interval '30 days')
    AS quiet \gset
SELECT cmp_ok((SELECT expires_ts FROM auth.revocation WHERE digest
                   = auth.revocation_digest('token', 'acme', 'long')), '>',
    now() + interval '30 days', 'it outlives what it is about');
UPDATE auth.revocation SET expires_ts = now() - interval '1 s';
SELECT auth.revoke('acme', 'token', 'two') AS quiet \gset
SELECT is((SELECT count(*) FROM auth.revocation), 1::bigint,
    'what has expired goes as others come');

-- sessions and users that end

SELECT session_id AS sid FROM auth.session_start('acme', :'ada', :'hash',
    NULL, 'carmen', repeat('1', 64), '1 hour', '192.0.2.1') \gset
SELECT session_id AS sid2 FROM auth.session_start('acme', :'ada', :'hash',
    NULL, 'carmen', repeat('2', 64), '1 hour', '192.0.2.1') \gset
SELECT session_id AS sid3 FROM auth.session_start('acme', :'ada', :'hash',
    NULL, 'carmen', repeat('3', 64), '1 hour', '192.0.2.1') \gset
SELECT throws_ok(format($$SELECT auth.session_revoke('acme', 'x', %L, %L)$$,
    :'bob', :'sid'), 'CA404', 'not-found', 'a session of another');
SELECT is((auth.session_revoke('acme', 'x', :'ada', :'sid')).status, 204,
    'one''s own');
SELECT ok(EXISTS (SELECT FROM auth.revocation WHERE digest
    = auth.revocation_digest('session', 'acme', :'sid')), 'leaves a mark');
SELECT is((auth.session_revoke('acme', 'x', :'ada', :'sid')).status, 204,
    'once more');
SELECT is((auth.sessions_revoke('acme', 'x', :'ada', true, :'sid2')).body::json
    ->> 'revoked', '1', 'all but one');
SELECT is((SELECT end_reason FROM auth.session WHERE session_id = :'sid2'),
    NULL, 'which goes on');
SELECT throws_ok($$SELECT auth.sessions_revoke('acme', 'x', core.uuid7(),
    false, NULL)$$, 'CA404', 'not-found', 'those of nobody');
SELECT auth.credential_disable('acme', :'ada') AS quiet \gset
SELECT cmp_ok((SELECT cutoff FROM auth.revocation WHERE digest
    = auth.revocation_digest('user', 'acme', :'ada')), '<=',
    ceil(extract(epoch FROM clock_timestamp()))::bigint,
    'a user who is disabled: what was issued until now');
SELECT auth.credential_enable('acme', :'ada') AS quiet \gset

-- API keys

SELECT fresh AS fresh, body_text::json ->> 'keyId' AS key
  FROM auth.api_key_create('acme', :'ada', 'k', 'h',
    'orders:read orders:manage', 'ck_acme.abc', repeat('a', 64),
    '{"name":"n","scopes":["orders:manage"]}') \gset
SELECT is(:'fresh'::text, 't', 'a key');
SELECT is((SELECT fresh FROM auth.api_key_create('acme', :'ada', 'k', 'h',
    'orders:read', 'ck_acme.xyz', repeat('b', 64), '{"name":"n"}')), false,
    'the request repeated makes none');
SELECT throws_ok(format($$SELECT auth.api_key_create('acme', %L, NULL, NULL,
    'users:write', 'ck', repeat('c', 64),
    '{"name":"n","scopes":["users:write"]}')$$, :'ada'), 'CA422',
    'validation-failed', 'no more than the owner has');
SELECT throws_ok(format($$SELECT auth.api_key_create('acme', %L, NULL, NULL,
    'orders:read', 'ck', repeat('c', 64),
    '{"name":"n","scopes":["orders:manage"]}')$$, :'ada'), 'CA422',
    'validation-failed', 'nor than the token');
SELECT set_config('carmen.tenant', '', true) AS quiet \gset
SELECT is((SELECT scope FROM auth.api_key_find('acme', repeat('a', 64))),
    'orders:manage', 'it is found before anybody is identified');
SELECT is_empty($$SELECT * FROM auth.api_key_find('other', repeat('a', 64))$$,
    'not in another tenant');
SELECT set_config('carmen.tenant', 'acme', true) AS quiet \gset
SELECT auth.roles_set('acme', :'ada', '{customer}') AS quiet \gset
SELECT is((SELECT scope FROM auth.api_key_find('acme', repeat('a', 64))), '',
    'what the owner lost, the key lost');
SELECT throws_ok(format($$SELECT auth.api_key_revoke('acme', 'x', %L, %L)$$,
    :'bob', :'key'), 'CA404', 'not-found', 'a key of another');
SELECT is((auth.api_key_revoke('acme', 'x', :'ada', :'key')).status, 204,
    'revoked');
SELECT is_empty($$SELECT * FROM auth.api_key_find('acme', repeat('a', 64))$$,
    'it is found no more');
SELECT ok(EXISTS (SELECT FROM auth.revocation WHERE digest
    = auth.revocation_digest('key', 'acme', :'key')), 'and leaves a mark');

-- certificates

SELECT is((auth.certificate_create('acme', 'x', NULL, NULL, jsonb_build_object(
    'userId', :'bob', 'name', 'n', 'fingerprint', 'AA:' || repeat('0', 62))))
    .status, 201, 'a certificate');
SELECT is((SELECT user_id::text FROM auth.certificate_find('acme',
    'aa' || repeat('0', 62))), :'bob', 'stands for a user');
DELETE FROM auth.credential WHERE user_id = :'bob';
SELECT is_empty($$SELECT * FROM auth.certificate$$, 'and goes with him');

-- roles

SELECT throws_ok($$SELECT auth.role_permit('acme', 'admin', '["a"]')$$,
    'CA422', 'validation-failed', 'admin stays able to give rights');
SELECT ok('audit:read' = ANY (SELECT scope FROM auth.role_scope
    WHERE role = 'admin'), 'and reads the audit');
SELECT is(auth.authz('acme', :'ada', 'x', false, NULL, 'x')->>'allowed',
    'true', 'the caller: what the token says');
SELECT throws_ok(format($$SELECT auth.authz('acme', 'y', '', false, %L,
    'x')$$, :'ada'), 'CA403', 'forbidden', 'others: for the trusted');

-- tenants

SELECT set_config('carmen.tenant', 'other', true) AS quiet \gset
SELECT is((SELECT count(*) FROM auth.api_key) + (SELECT count(*)
    FROM auth.certificate) + (SELECT count(*) FROM auth.permission),
    0::bigint, 'another tenant sees none of it');

SELECT * FROM finish();
ROLLBACK;
