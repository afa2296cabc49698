-- auth_passkey_add: a passkey that was verified
-- lane: write
-- kind: raw
SELECT p.passkey_id, p.codes
FROM auth.passkey_add(:tenant, :actor, :value.session,
                      make_interval(secs => :value.age::int),
                      :value.passkey::jsonb, :value.codes::text[]) p
