-- auth_social_link: ties an account elsewhere to a user
-- lane: write
-- kind: write
-- returns: SocialIdentity
-- tenant: none because the browser comes back without a token; the function enters :value.tenant
SELECT * FROM auth.social_link(:value.tenant, :value.user::uuid,
    :value.provider, :value.subject, :value.email, :value.verified::boolean,
    :value.name)
