-- Revert auth:oauth

BEGIN;

DROP FUNCTION auth.oauth_client_delete(text, text);
DROP FUNCTION auth.oauth_client_save(text, text, jsonb, text, text, text);
DROP FUNCTION auth.oauth_userinfo(text, uuid, text);
DROP FUNCTION auth.oauth_revoke(text, text, text, text);
DROP FUNCTION auth.oauth_refresh_look(text, text, text);
DROP FUNCTION auth.oauth_session_open(text, text, text);
DROP FUNCTION auth.oauth_device_redeem(text, text, text, text, text, text,
                                       interval, text);
DROP FUNCTION auth.oauth_device_decide(text, text, uuid, uuid, text, text,
                                       jsonb, timestamptz);
DROP FUNCTION auth.oauth_device_find(text, text);
DROP FUNCTION auth.oauth_user_code(text);
DROP FUNCTION auth.oauth_device_begin(text, text, text, text, text, interval);
DROP FUNCTION auth.oauth_refresh(text, text, text, text, text, interval,
                                 text, text, text);
DROP FUNCTION auth.oauth_code_redeem(text, text, text, text, text, text, text,
                                     text, interval, text);
DROP FUNCTION auth.oauth_session(text, uuid, text, text, uuid, timestamptz,
                                 text, jsonb, text, text, text, interval,
                                 text);
DROP FUNCTION auth.oauth_code_issue(text, text, text, text, text, text, text,
                                    text, uuid, uuid, timestamptz, text,
                                    jsonb, interval);
DROP FUNCTION auth.oauth_request_take(text, text, text);
DROP FUNCTION auth.oauth_request_push(text, text, text, jsonb, interval);
DROP FUNCTION auth.oauth_client_find(text, text);
DROP FUNCTION auth.oauth_scope(text, uuid, text);
DROP FUNCTION auth.oauth_narrow(text, text[]);
DROP FUNCTION auth.oauth_openid_scopes();
DROP TABLE auth.oauth_device;
DROP TABLE auth.oauth_code;
DROP TABLE auth.oauth_request;
DROP INDEX auth.session_of_browser;
ALTER TABLE auth.session
    DROP scope, DROP browser_session, DROP jkt, DROP x5t;
DROP TABLE auth.client;

DELETE FROM auth.role_scope rs WHERE rs.scope = 'clients:write';

CREATE OR REPLACE FUNCTION auth.role_defaults()
RETURNS TABLE (role text, description text, scopes text[])
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    VALUES
    ('admin', 'Everything.', ARRAY[
        'users:self', 'users:read', 'users:write',
        'catalog:read', 'catalog:write',
        'inventory:read', 'inventory:write', 'inventory:reserve',
        'orders:read', 'orders:write', 'orders:manage', 'orders:price']),
    ('service', 'A program: everything but changing users.', ARRAY[
        'users:self', 'users:read',
        'catalog:read', 'catalog:write',
        'inventory:read', 'inventory:write', 'inventory:reserve',
        'orders:read', 'orders:write', 'orders:manage', 'orders:price']),
    ('read-only', 'Looks and does not touch.', ARRAY[
        'users:read', 'catalog:read', 'inventory:read', 'orders:read']),
    ('customer', 'Buys.', ARRAY[
        'users:self', 'catalog:read', 'inventory:read', 'inventory:reserve',
        'orders:read', 'orders:write']),
    ('sales', 'Sells: orders of all customers, at prices of its own.', ARRAY[
        'users:self', 'catalog:read', 'inventory:read', 'inventory:reserve',
        'orders:read', 'orders:write', 'orders:manage', 'orders:price']);
END;

COMMIT;
