-- Revert auth:mfa

BEGIN;

DROP FUNCTION auth.passkey_remove(text, text, text, interval, uuid);
DROP FUNCTION auth.passkey_add(text, text, text, interval, jsonb, text[]);
DROP FUNCTION auth.passkey_take(text, text, text, text);
DROP FUNCTION auth.passkey_enrol(text, text, text, interval, text, text);
DROP FUNCTION auth.passkey_begin(text, text, text, text);
DROP FUNCTION auth.mfa_webauthn(text, text, text);
DROP FUNCTION auth.passkey_list(text, uuid);
DROP FUNCTION auth.recovery_renew(text, text, text, interval, text[]);
DROP FUNCTION auth.totp_remove(text, text, text, interval);
DROP FUNCTION auth.totp_confirm(text, text, text, interval, text, bigint,
                                text[]);
DROP FUNCTION auth.totp_pending(text, text);
DROP FUNCTION auth.totp_begin(text, text, text, interval, text);
DROP FUNCTION auth.mfa_removed(text, uuid, text);
DROP FUNCTION auth.mfa_enrol(text, uuid, text, text, text, text[]);
DROP FUNCTION auth.mfa_overview(text, text);
DROP FUNCTION auth.step_up(text, text, text, text);
DROP FUNCTION auth.mfa_failed(text, uuid, text, text);
DROP FUNCTION auth.mfa_finish(text, text, text, text, bigint, boolean,
                              boolean, text, interval, text);
DROP FUNCTION auth.factor_use(text, uuid, text, text, bigint, boolean,
                              boolean);
DROP FUNCTION auth.mfa_open(text, text, text);
DROP FUNCTION auth.session_assurance(text, uuid);
DROP FUNCTION auth.mfa_login(text, uuid, text, text, text, text, interval,
                             text);
DROP FUNCTION auth.mfa_challenge_add(text, text, text, uuid, uuid, text,
                                     text);
DROP FUNCTION auth.fresh(text, text, text, interval);
DROP FUNCTION auth.mail(text, uuid, text, jsonb);
DROP FUNCTION auth.mfa_enrolled(text, uuid);
DROP FUNCTION auth.mfa_methods(text, uuid);
DROP TABLE auth.mfa_challenge;
DROP TABLE auth.passkey;
DROP TABLE auth.recovery_code;
DROP TABLE auth.totp;

UPDATE auth.session SET end_reason = 'logout'
 WHERE end_reason NOT IN ('logout', 'reuse', 'disabled');
ALTER TABLE auth.session
    DROP COLUMN amr,
    DROP COLUMN acr,
    DROP COLUMN auth_ts,
    DROP CONSTRAINT session_end_reason_check,
    ADD CONSTRAINT session_end_reason_check
        CHECK (end_reason IN ('logout', 'reuse', 'disabled'));

COMMIT;
