-- Users: creating, changing, suspending, erasing, and the tenant guard.

BEGIN;

SELECT plan(35);

SET LOCAL ROLE carmen_app;
SELECT set_config('carmen.tenant', 'acme', true) AS quiet \gset

\set hash '$2b$04$abcdefghijklmnopqrstuuN2V6mZzVYyPzGdHjTmuU5X5sYvUmiCO'

-- registration

SELECT status, version, body::jsonb->>'userId' AS ada, body AS said
  FROM users.create_user('acme', NULL, 'k1', 'h1', '{"email":
    "Ada@Example.com", "givenName": "Ada", "familyName": "Lovelace",
    "roles": ["admin"], "externalRef": "X1"}', :'hash', false) \gset
SELECT is(:status, 201, 'Ada registers');
SELECT is(:'said'::jsonb->'roles', '["customer"]', 'as a customer, not more');
SELECT is(:'said'::jsonb->>'externalRef', NULL, 'without a number of hers');
SELECT ok(:'said' NOT LIKE '%$2b$%', 'no hash is shown');
SELECT is(auth.roles_of('acme', :'ada'), '{customer}', 'auth knows her');
SELECT is((SELECT login FROM auth.credential WHERE user_id = :'ada'),
    'ada@example.com', 'by her address');
SELECT is(r.body, :'said', 'the same key, the same answer')
  FROM users.create_user('acme', NULL, 'k1', 'h1', '{}', :'hash', false) r;
SELECT throws_ok(format($$SELECT users.create_user('acme', NULL, 'k2', 'h2',
    '{"email": "ADA@example.com"}', %L, false)$$, :'hash'),
    'CA409', 'email-unavailable', 'an address is used once');
SELECT is((SELECT count(*) FROM users."user"), 1::bigint, 'one user');

-- an administrator's

SELECT body::jsonb->>'userId' AS bob
  FROM users.create_user('acme', :'ada', 'k3', 'h3', '{"company": "ALFKI",
    "roles": ["sales"], "externalRef": "ALFKI"}', NULL, true) \gset
SELECT is((SELECT roles FROM users."user" WHERE user_id = :'bob'), '{sales}',
    'a user without a password has roles');
SELECT is((SELECT count(*) FROM auth.credential WHERE user_id = :'bob'),
    0::bigint, 'and cannot log in');
SELECT throws_ok($$SELECT users.create_user('acme', NULL, 'k4', 'h4',
    '{"externalRef": "ALFKI"}', NULL, true)$$,
    'CA409', 'duplicate-external-ref', 'a reference is used once');
SELECT throws_ok($$SELECT users.create_user('acme', NULL, 'k5', 'h5',
    '{"roles": ["emperor"]}', NULL, true)$$,
    'CA422', 'unknown-reference', 'a role must be there');

-- changes

SELECT is((SELECT body::jsonb->>'displayName' FROM users.update_user('acme',
    :'ada', :'ada', '1', '{"displayName": "Countess", "givenName": null,
    "timeZone": "Europe/London"}')), 'Countess', 'a profile is changed');
SELECT throws_ok(format($$SELECT users.update_user('acme', %1$L, %1$L, '1',
    '{"phone": "123"}')$$, :'ada'),
    'CA412', 'precondition-failed', 'not on what was seen before');
SELECT throws_ok(format($$SELECT users.update_user('acme', %1$L, %1$L, NULL,
    '{"timeZone": "Mars/Olympus"}')$$, :'ada'),
    'CA422', 'validation-failed', 'a time zone is one of the IANA database');
SELECT throws_ok(format($$SELECT users.update_user('acme', %1$L, %1$L, NULL,
    '{"email": null}')$$, :'ada'),
    'CA422', 'validation-failed', 'who logs in keeps an address');
SELECT is((SELECT name_key FROM users."user" WHERE user_id = :'ada'),
    'countess', 'what she is sorted by');
SELECT lives_ok(format($$SELECT users.update_user('acme', %1$L, %1$L, NULL,
    '{"email": "countess@example.com", "roles": ["admin", "sales"]}')$$,
    :'ada'), 'address and roles');
SELECT is((SELECT login FROM auth.credential WHERE user_id = :'ada'),
    'countess@example.com', 'go to auth: address');
SELECT is(auth.roles_of('acme', :'ada'), '{admin,sales}',
    'go to auth: roles');
SELECT is((SELECT body FROM users.set_preferences('acme', :'ada', :'ada', '3',
    '{"preferences": {"news": false}}'))::jsonb,
    '{"preferences": {"news": false}}', 'preferences');

-- status

SELECT is((SELECT body::jsonb->>'status' FROM users.become('acme', 'x', NULL,
    NULL, :'ada', 'suspended')), 'suspended', 'suspended');
SELECT isnt((SELECT disabled_ts FROM auth.credential
              WHERE user_id = :'ada'), NULL, 'no log-in');
SELECT is((SELECT version FROM users.become('acme', 'x', NULL, NULL, :'ada',
    'suspended')), 5::bigint, 'once more: no change');
SELECT is((SELECT body::jsonb->>'status' FROM users.become('acme', 'x', NULL,
    NULL, :'ada', 'active')), 'active', 'active again');
SELECT throws_ok(format($$SELECT users.become('acme', %1$L, NULL, NULL, %1$L,
    'suspended')$$, :'ada'), 'CA409', 'own-account', 'not by herself');

-- erasure

SELECT is((SELECT status FROM users.delete_user('acme', 'x', :'ada', NULL)),
    204, 'forgotten');
SELECT is((SELECT row(email, given_name, family_name, display_name, roles)
             FROM users."user" WHERE user_id = :'ada'),
    row(NULL::text, NULL::text, NULL::text, NULL::text,
        '{}'::text[] COLLATE "C"),
    'nothing of the person is left');
SELECT is((SELECT count(*) FROM auth.credential
            WHERE login LIKE '%example.com'), 0::bigint, 'nor in auth');
SELECT throws_ok(format($$SELECT users.update_user('acme', 'x', %L, NULL,
    '{}')$$, :'ada'), 'CA404', 'not-found', 'she is not found');
SELECT is_empty($$SELECT subject FROM core.event GROUP BY subject
    HAVING max(sequence) <> count(*)$$, 'events without a gap');
SELECT is_empty($$SELECT data FROM core.event
    WHERE data::text ~* 'ada|lovelace|countess@'$$, 'and without a name');

-- tenants

SELECT set_config('carmen.tenant', 'other', true) AS quiet \gset
SELECT is((SELECT count(*) FROM users."user"), 0::bigint,
    'another tenant sees nobody');
SELECT throws_ok(format($$SELECT users.become('acme', 'x', NULL, NULL, %L,
    'suspended')$$, :'bob'), 'CA404', 'not-found', 'and touches nobody');

SELECT finish();
ROLLBACK;
