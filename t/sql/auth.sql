-- Credentials, sessions, refresh rotation and the tenant guard of auth.

BEGIN;

SELECT plan(44);

SET LOCAL ROLE carmen_app;
SELECT set_config('carmen.tenant', 'acme', true) AS quiet \gset

\set ada '0190a0a0-0000-7000-8000-00000000000a'
\set bob '0190a0a0-0000-7000-8000-00000000000b'
\set hash '$2b$04$abcdefghijklmnopqrstuuN2V6mZzVYyPzGdHjTmuU5X5sYvUmiCO'
\set hash2 '$2b$05$abcdefghijklmnopqrstuuN2V6mZzVYyPzGdHjTmuU5X5sYvUmiCO'

-- credentials and roles

SELECT lives_ok(format($$SELECT auth.credential_create('acme', %L,
    'Ada@Example.com', %L, '{customer,sales}')$$, :'ada', :'hash'),
    'a credential is created in a tenant that had no roles');
SELECT is((SELECT count(*) FROM auth.role), 5::bigint,
    'the tenant has got its roles');
SELECT is(auth.roles_of('acme', :'ada'), '{customer,sales}',
    'the roles of the user');
SELECT is(auth.scopes_of('acme', :'ada'), ARRAY['catalog:read',
    'inventory:read', 'inventory:reserve', 'orders:manage', 'orders:price',
    'orders:read', 'orders:write', 'users:self'],
    'scopes add up, sorted, each once');
SELECT throws_ok(format($$SELECT auth.credential_create('acme', %L,
    'ADA@example.COM', %L, '{customer}')$$, :'bob', :'hash'),
    'CA409', 'conflict', 'a login name is taken in any case of letters');
SELECT throws_ok(format($$SELECT auth.credential_create('acme', %L,
    'bob@example.com', %L, '{emperor}')$$, :'bob', :'hash'),
    'CA422', 'unknown-reference', 'a role must be there');
SELECT throws_ok(format($$SELECT auth.credential_create('acme', %L,
    'bob@example.com', 'letmein', '{customer}')$$, :'bob'),
    '23514', NULL, 'a password in clear is not a hash');
SELECT lives_ok(format($$SELECT auth.credential_create('acme', %L,
    'bob@example.com', %L, '{read-only}')$$, :'bob', :'hash'), 'Bob');
SELECT throws_ok(format($$SELECT auth.credential_rename('acme', %L,
    'Ada@example.com')$$, :'bob'), 'CA409', 'conflict',
    'renaming to a taken name');
SELECT lives_ok(format($$SELECT auth.credential_rename('acme', %L,
    'Bobby@example.com')$$, :'bob'), 'renaming');
SELECT is((SELECT login FROM auth.credential WHERE user_id = :'bob'),
    'bobby@example.com', 'the new name is in lower case');
SELECT throws_ok($$SELECT auth.credential_rename('acme', core.uuid7(), 'x')$$,
    'CA404', 'not-found', 'renaming nobody');
SELECT lives_ok(format($$SELECT auth.roles_set('acme', %L, '{sales}')$$,
    :'bob'), 'roles are set');
SELECT is(auth.roles_of('acme', :'bob'), '{sales}', 'and replaced');
SELECT throws_ok($$SELECT auth.roles_set('acme', core.uuid7(), '{sales}')$$,
    'CA404', 'not-found', 'roles of nobody');

-- tenants

SELECT is_empty($$SELECT * FROM auth.login_find('other', 'ada@example.com')$$,
    'another tenant does not know Ada');
SELECT set_config('carmen.tenant', 'other', true) AS quiet \gset
SELECT is((SELECT count(*) FROM auth.credential), 0::bigint,
    'nor does a query that forgets the tenant');
SELECT throws_ok(format($$INSERT INTO auth.credential
    (tenant, user_id, login, password_hash)
    VALUES ('acme', core.uuid7(), 'eve', %L)$$, :'hash'), '42501', NULL,
    'nobody writes into another tenant');

-- login: the function enters the tenant itself

SELECT is((SELECT user_id FROM auth.login_find('acme', 'ADA@example.com')),
    :'ada', 'a login finds the user in any case of letters');
SELECT lives_ok(format($$SELECT auth.login_failed('acme', %L, '192.0.2.1')$$,
    :'ada'), 'a failure is recorded');
SELECT lives_ok($$SELECT auth.login_failed('acme', NULL, '192.0.2.1')$$,
    'of an unknown name, too');
SELECT set_eq($$SELECT reference_value FROM core.audit
    WHERE operation = 'auth.login.failed'$$,
    ARRAY[:'ada', 'unknown']::text[], 'the audit has them, without what was typed');

SELECT is_empty(format($$SELECT * FROM auth.session_start('acme', %L, %L,
    NULL, 'carmen', repeat('0', 64), '1 hour', '192.0.2.1')$$,
    :'ada', :'hash2'), 'a password changed meanwhile starts no session');
SELECT session_id AS sid, scope AS granted, roles::text AS roles
  FROM auth.session_start('acme', :'ada', :'hash', :'hash2', 'carmen',
                          repeat('0', 64), '1 hour', '192.0.2.1') \gset
SELECT is(:'granted'::text, 'catalog:read inventory:read inventory:reserve '
    'orders:manage orders:price orders:read orders:write users:self',
    'the scope of the session');
SELECT is(:'roles'::text, '["customer","sales"]', 'its roles');
SELECT is((SELECT password_hash FROM auth.credential WHERE user_id = :'ada'),
    :'hash2', 'the hash of an old cost was replaced');
SELECT is((SELECT type || ' ' || sequence FROM core.event
            WHERE subject = :'sid'), 'com.carmen.auth.session.started.v1 1',
    'an event tells of it');

-- refresh: 0 -> 1 -> 2

SELECT is((auth.session_refresh('acme', repeat('0', 64), repeat('1', 64),
    'another', 'agent', '10 s')).outcome, 'unknown',
    'a token of another client is unknown');
SELECT is((auth.session_refresh('acme', repeat('f', 64), repeat('1', 64),
    'carmen', 'agent', '10 s')).outcome, 'unknown', 'so is a made-up one');
SELECT results_eq(format($$SELECT outcome, user_id, session_id, scope,
    expires_in BETWEEN 3590 AND 3600
    FROM auth.session_refresh('acme', repeat('0', 64), repeat('1', 64),
                              'carmen', 'agent', '10 s')$$),
    format($$VALUES ('rotated', %L::uuid, %L::uuid, %L, true)$$,
           :'ada', :'sid', :'granted'), 'a refresh rotates');
SELECT is((auth.session_refresh('acme', repeat('0', 64), repeat('a', 64),
    'carmen', 'agent', '10 s')).outcome, 'repeated',
    'the same client may repeat it within the grace');
SELECT is((auth.session_refresh('acme', repeat('1', 64), repeat('2', 64),
    'carmen', 'agent', '10 s')).outcome, 'rotated', 'the child rotates');
SELECT is((auth.session_refresh('acme', repeat('0', 64), repeat('b', 64),
    'carmen', 'agent', '10 s')).outcome, 'reused',
    'once a child was used, the parent is a stolen one');
SELECT is((SELECT end_reason FROM auth.session WHERE session_id = :'sid'),
    'reuse', 'the session has ended for it');
SELECT is((auth.session_refresh('acme', repeat('2', 64), repeat('3', 64),
    'carmen', 'agent', '10 s')).outcome, 'ended',
    'for the honest client as well');
SELECT is((SELECT max(sequence) FROM core.event WHERE subject = :'sid'),
    2::bigint, 'an event tells of the end');

-- grace: another agent, and none

SELECT session_id AS sid FROM auth.session_start('acme', :'ada', :'hash2',
    NULL, 'carmen', repeat('4', 64), '1 hour', '192.0.2.1') \gset
SELECT outcome AS quiet FROM auth.session_refresh('acme', repeat('4', 64),
    repeat('5', 64), 'carmen', 'agent', '10 s') \gset
SELECT is((auth.session_refresh('acme', repeat('4', 64), repeat('6', 64),
    'carmen', 'other agent', '10 s')).outcome, 'reused',
    'the grace is for the same client');
SELECT session_id AS sid FROM auth.session_start('acme', :'ada', :'hash2',
    NULL, 'carmen', repeat('7', 64), '1 hour', '192.0.2.1') \gset
SELECT outcome AS quiet FROM auth.session_refresh('acme', repeat('7', 64),
    repeat('8', 64), 'carmen', 'agent', '0 s') \gset
SELECT is((auth.session_refresh('acme', repeat('7', 64), repeat('9', 64),
    'carmen', 'agent', '0 s')).outcome, 'reused', 'a grace of 0 is none');

-- the end

SELECT session_id AS sid FROM auth.session_start('acme', :'ada', :'hash2',
    NULL, 'carmen', repeat('c', 64), '1 hour', '192.0.2.1') \gset
SELECT is((auth.logout('acme', :'bob', :'sid')).status, 0,
    'a logout from another''s session');
SELECT is((SELECT ended_ts FROM auth.session WHERE session_id = :'sid'), NULL,
    'ends nothing');
SELECT lives_ok($$SELECT auth.logout('acme', 'x', 'no uuid')$$,
    'nor does one from no session');
SELECT auth.logout('acme', :'ada', :'sid') AS quiet \gset
SELECT is((SELECT end_reason FROM auth.session WHERE session_id = :'sid'),
    'logout', 'a logout ends the session');

SELECT session_id AS sid FROM auth.session_start('acme', :'ada', :'hash2',
    NULL, 'carmen', repeat('d', 64), '1 hour', '192.0.2.1') \gset
SELECT auth.credential_disable('acme', :'ada') AS quiet \gset
SELECT is((SELECT end_reason FROM auth.session WHERE session_id = :'sid'),
    'disabled', 'disabling ends all sessions');
SELECT ok((SELECT disabled FROM auth.login_find('acme', 'ada@example.com')),
    'and the next login is told');

SELECT * FROM finish();
ROLLBACK;
