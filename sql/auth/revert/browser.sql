-- Revert auth:browser

BEGIN;

DROP TRIGGER browser_disabled ON auth.credential;
DROP FUNCTION auth.browser_disabled();
DROP FUNCTION auth.consent_give(text, uuid, text, text);
DROP FUNCTION auth.browser_logout(text, text);
DROP FUNCTION auth.browser_step(text, text, text, interval, text);
DROP FUNCTION auth.browser_start(text, uuid, text, text, text, text, interval,
                                 text, text, text, boolean);
DROP FUNCTION auth.browser_end(text, uuid, text);
DROP FUNCTION auth.browser_find(text, text, text);
DROP FUNCTION auth.browser_factors(text, uuid);
DROP TABLE auth.consent;
DROP TABLE auth.browser_session;

COMMIT;
