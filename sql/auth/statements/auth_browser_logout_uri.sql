-- auth_browser_logout_uri: may a client have the browser back at an address
-- lane: fast
-- kind: raw
SELECT auth.logout_uri(:tenant, :value.client, :value.uri) AS known
