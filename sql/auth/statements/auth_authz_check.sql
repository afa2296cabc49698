-- auth_authz_check: Say of many permissions whether somebody has them
-- returns: AuthorizationResults
SELECT json_build_object('results', json_agg(json_build_object(
           'subject', a.answer->'subject', 'permission', a.answer->'permission',
           'allowed', a.answer->'allowed') ORDER BY a.n))::text AS body
FROM (SELECT c.n, auth.authz(:tenant, :actor, :value.granted,
                             :scope(users:read)::boolean, c.item->>'subject',
                             c.item->>'permission') AS answer
        FROM json_array_elements(:body::json->'checks')
             WITH ORDINALITY c (item, n)) a
