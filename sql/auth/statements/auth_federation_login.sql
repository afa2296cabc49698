-- auth_federation_login: the user of an account elsewhere, and a session
-- lane: write
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT l.outcome, l.user_id, l.session_id, l.scope, l.roles, l.methods,
       a.acr, a.amr, a.auth_time
FROM auth.federation_login(:value.tenant, :value.provider, :value.subject,
    :value.email, :value.verified::boolean, :value.name, :value.given,
    :value.family,
    ARRAY(SELECT json_array_elements_text(:value.held::json)),
    ARRAY(SELECT json_array_elements_text(:value.managed::json)),
    :value.client, :value.token,
    make_interval(secs => :value.lifetime::int), :value.address) l
LEFT JOIN LATERAL auth.session_assurance(:value.tenant, l.session_id) a
       ON true
