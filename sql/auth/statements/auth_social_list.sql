-- auth_social_list: the accounts elsewhere of the caller
-- lane: fast
-- kind: read
-- returns: SocialIdentities
SELECT l.body FROM auth.social_list(:tenant, :actor) l
