-- auth_password_reset_find: the login name behind a reset token
-- lane: write
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT auth.mail_token_find(:value.tenant, :value.token, 'password-reset')
       AS login
