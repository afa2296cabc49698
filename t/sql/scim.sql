-- SCIM: filters as trees, injection through them, PATCH, groups, and the
-- tenant guard in both directions.

BEGIN;

SELECT plan(47);

SET LOCAL ROLE carmen_app;
SELECT set_config('carmen.tenant', 'acme', true) AS quiet \gset

-- values and filters

\set doc '{"a": "Abc", "n": {"b": "x"}, "on": true, "m": [{"t": "w", "v": "1"}, {"t": "h", "v": "2"}], "at": "2026-01-02T03:04:05.000Z", "none": ""}'

CREATE FUNCTION pg_temp.m(f jsonb) RETURNS boolean LANGUAGE sql AS
$$ SELECT users.scim_match('{"a": "Abc", "n": {"b": "x"}, "on": true,
    "m": [{"t": "w", "v": "1"}, {"t": "h", "v": "2"}],
    "at": "2026-01-02T03:04:05.000Z", "none": ""}',
    '{"type": "string", "exact": false}' || f) $$;

SELECT is(users.scim_values(:'doc', '["m","v"]'), ARRAY['"1"', '"2"']::jsonb[],
    'values of a list');
SELECT is(users.scim_values(:'doc', '["n","b"]'), ARRAY['"x"']::jsonb[],
    'of an object');
SELECT is(users.scim_values(:'doc', '["a","b"]'), '{}'::jsonb[],
    'nothing below a text');
SELECT ok(pg_temp.m('{"op":"eq","path":["a"],"value":"aBC"}'), 'eq');
SELECT ok(NOT pg_temp.m('{"op":"eq","path":["a"],"value":"aBC",
    "exact":true}'), 'eq, case counts');
SELECT ok(NOT pg_temp.m('{"op":"ne","path":["a"],"value":"abc"}'), 'ne');
SELECT ok(pg_temp.m('{"op":"ne","path":["x"],"value":"abc"}'), 'ne, absent');
SELECT ok(pg_temp.m('{"op":"co","path":["a"],"value":"B"}'), 'co');
SELECT ok(pg_temp.m('{"op":"sw","path":["a"],"value":"ab"}'), 'sw');
SELECT ok(pg_temp.m('{"op":"ew","path":["a"],"value":"bc"}'), 'ew');
SELECT ok(pg_temp.m('{"op":"gt","path":["a"],"value":"abb"}'), 'gt');
SELECT ok(NOT pg_temp.m('{"op":"lt","path":["a"],"value":"abc"}'), 'lt');
SELECT ok(pg_temp.m('{"op":"le","path":["a"],"value":"abc"}'), 'le');
SELECT ok(pg_temp.m('{"op":"pr","path":["m"]}'), 'pr');
SELECT ok(NOT pg_temp.m('{"op":"pr","path":["none"]}'), 'pr, empty');
SELECT ok(pg_temp.m('{"op":"absent","path":["x"]}'), 'absent');
SELECT ok(pg_temp.m('{"op":"eq","path":["on"],"value":"true"}'), 'true');
SELECT ok(pg_temp.m('{"op":"gt","path":["at"],"type":"dateTime",
    "value":"2026-01-02T03:04:04Z"}'), 'time');
SELECT ok(pg_temp.m('{"op":"eq","path":["at"],"type":"dateTime",
    "value":"2026-01-02T04:04:05+01:00"}'), 'time of another zone');
SELECT throws_ok($$SELECT pg_temp.m('{"op":"gt","path":["at"],
    "type":"dateTime","value":"now"}')$$, 'CA400', 'scim-invalid-filter',
    'no word for a time');
SELECT ok(pg_temp.m('{"op":"has","path":["m"],"a":{"op":"and",
    "a":{"op":"eq","path":["t"],"value":"w","exact":false},
    "b":{"op":"eq","path":["v"],"value":"1","exact":false}}}'),
    'one value fits both');
SELECT ok(NOT pg_temp.m('{"op":"has","path":["m"],"a":{"op":"and",
    "a":{"op":"eq","path":["t"],"value":"w","exact":false},
    "b":{"op":"eq","path":["v"],"value":"2","exact":false}}}'),
    'no value fits both');

-- injection: what is special to SQL, LIKE, regular expressions, JSON paths

SELECT is(count(*), 0::bigint, 'nothing is special in a value')
  FROM unnest(ARRAY['%', '_bc', 'a.c', '.*', ''' OR ''1''=''1',
    '"; DROP TABLE users."user"; --', '$.a', E'\\', 'Abc'' --']) v,
       unnest(ARRAY['eq', 'co', 'sw', 'ew']) o
 WHERE pg_temp.m(jsonb_build_object('op', o, 'path', '["a"]'::jsonb,
                                    'value', v));
SELECT is(users.scim_values(:'doc', '["a''--"]'), '{}'::jsonb[],
    'nor in a name');

-- users

SELECT (users.scim_create_user('acme', 'x', '{"userName": "ada@example.com",
    "name": {"givenName": "Ada", "middleName": "K"}, "title": "Countess",
    "externalId": "A1"}', NULL)).user_id AS ada \gset
SELECT is((SELECT row(email, given_name, scim) FROM users."user"
            WHERE user_id = :'ada'),
    row('ada@example.com'::text, 'Ada'::text,
        '{"name": {"middleName": "K"}, "title": "Countess"}'::jsonb),
    'columns, and the rest');
SELECT throws_ok($$SELECT users.scim_create_user('acme', 'x',
    '{"userName": "ADA@example.com"}', NULL)$$, 'CA409', 'scim-uniqueness',
    'a userName is used once');
SELECT lives_ok($$SELECT users.scim_create_user('acme', 'x',
    '{"userName": "nick", "emails": [{"value": "n@example.com"}]}', NULL)$$,
    'a name beside the address');
SELECT throws_ok($$SELECT users.scim_create_user('acme', 'x',
    '{"userName": "n@example.com"}', NULL)$$, 'CA409', 'scim-uniqueness',
    'which is used once, too');
SELECT throws_ok($$SELECT users.scim_create_user('acme', 'x',
    '{"userName": "m", "emails": [{"value": "a", "primary": true}]}', NULL)$$,
    'CA400', 'scim-invalid-value', 'an address is one');

SELECT is((SELECT count(*) FROM users.scim_candidates('acme',
    '{"op":"eq","path":["userName"],"value":"NICK"}')), 1::bigint,
    'one candidate by an index');
SELECT is((SELECT count(*) FROM users.scim_candidates('acme',
    '{"op":"or","a":{"op":"eq","path":["userName"],"value":"nick"},
      "b":{"op":"pr","path":["title"]}}')), 2::bigint, 'all of them for or');

-- patch

SELECT is(users.scim_patch('{"m": [{"v": "1", "primary": true}]}',
    '[{"op":"add","path":["m"],"multi":true,
       "value":[{"v":"2","primary":true}]}]'),
    '{"m": [{"v": "1"}, {"v": "2", "primary": true}]}'::jsonb,
    'one is primary');
SELECT is(users.scim_patch('{"m": [{"v": "1"}]}',
    '[{"op":"add","path":["m"],"multi":true,"value":[{"v":"1"}]}]'),
    '{"m": [{"v": "1"}]}'::jsonb, 'what is there is not added');
SELECT is(users.scim_patch('{}',
    '[{"op":"replace","path":["n","b"],"multi":false,"value":"x"}]'),
    '{"n": {"b": "x"}}'::jsonb, 'below what was not there');
SELECT is(users.scim_patch('{"m": [{"v": "1"}, {"v": "2"}]}',
    '[{"op":"replace","path":["m"],"sub":"t","multi":true,"value":"w"}]'),
    '{"m": [{"t": "w", "v": "1"}, {"t": "w", "v": "2"}]}'::jsonb,
    'a part of each');

-- groups

SELECT is((users.scim_write('acme', 'x', 'Group', 'create', NULL, NULL, '{}',
    '', format('{"displayName": "Sales, EU", "members": [{"value": "%s"}]}',
               :'ada')::jsonb, NULL)).status, 201, 'a group');
SELECT is((SELECT roles FROM users."user" WHERE user_id = :'ada'),
    '{sales-eu}', 'is a role');
SELECT is(users.scim_role_of('42 Ünïts'), users.scim_role_of('42 Ünïts'),
    'a name for any name');
SELECT matches(users.scim_role_of('日本'), '^[a-z][a-z0-9-]{0,62}$',
    'that is a role''s');
SELECT is_empty($$SELECT subject FROM core.event GROUP BY source, subject
    HAVING max(sequence) <> count(*)$$, 'events without a gap');

-- tenants

SELECT set_config('carmen.tenant', 'other', true) AS quiet \gset
SELECT is_empty($$SELECT * FROM users.scim_get('acme', 'Group', 'sales-eu',
    '{}', '')$$, 'another tenant reads no group');
SELECT is((users.scim_list('acme', 'User', '{"start":1,"count":9}', '')
    ).body::jsonb->'totalResults', '0', 'and lists no user');
SELECT throws_ok(format($$SELECT users.scim_change_user('acme', 'x',
    'patch', %L, NULL, '[]')$$, :'ada'), 'CA404', 'not-found',
    'and changes none');
SELECT lives_ok($$SELECT users.scim_write('other', 'x', 'User', 'create',
    NULL, NULL, '{}', '', '{"userName": "ada@example.com"}', NULL)$$,
    'the same userName in another tenant');
SELECT throws_ok(format($$SELECT users.scim_write('other', 'x', 'Group',
    'create', NULL, NULL, '{}', '', '{"displayName": "Spies",
    "members": [{"value": "%s"}]}', NULL)$$, :'ada'), 'CA400',
    'scim-invalid-value', 'whose groups have no member from here');
SELECT set_config('carmen.tenant', 'acme', true) AS quiet \gset
SELECT is((users.scim_list('acme', 'User', '{"start":1,"count":9}', '')
    ).body::jsonb->'totalResults', '2', 'nor do we see theirs');
SELECT is_empty($$SELECT FROM users."user" WHERE tenant = 'other'$$,
    'in no way');

SELECT finish();
ROLLBACK;
