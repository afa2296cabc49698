-- Revert users:scim_write

BEGIN;

-- The person is forgotten; the number stays, for orders that name it.
CREATE OR REPLACE FUNCTION users.delete_user(a_tenant text, a_actor text, a_user uuid,
                                  a_match text) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    u users."user" := users.take(a_tenant, a_user, a_match);
BEGIN
    IF a_user = users.me(a_actor) THEN
        PERFORM core.refuse(409, 'own-account',
            'An administrator cannot delete himself.');
    END IF;

    UPDATE users."user" x SET
        status = 'deleted', email = NULL, given_name = NULL,
        family_name = NULL, display_name = NULL, company = NULL,
        phone = NULL, external_ref = NULL, roles = '{}', locale = NULL,
        time_zone = NULL, profile = '{}', preferences = '{}'
     WHERE x.tenant = a_tenant AND x.user_id = a_user
    RETURNING x.* INTO u;

    IF users.has_credential(a_tenant, a_user) THEN
        PERFORM auth.credential_rename(a_tenant, a_user,
                                       'deleted:' || a_user);
        PERFORM auth.credential_disable(a_tenant, a_user);
        PERFORM auth.roles_set(a_tenant, a_user, '{}');
    END IF;

    PERFORM users.announce(u, 'deleted');
    PERFORM core.log(a_tenant, a_actor, 'delete', 'user', a_user::text);
    RETURN ROW(204, NULL, NULL, NULL)::core.reply;
END
$$;

DROP FUNCTION users.scim_write;
DROP FUNCTION users.scim_delete_group;
DROP FUNCTION users.scim_take_group;
DROP FUNCTION users.scim_set_group;
DROP FUNCTION users.scim_role_of;
DROP FUNCTION users.scim_members;
DROP FUNCTION users.scim_change_user;
DROP FUNCTION users.scim_create_user;
DROP FUNCTION users.scim_fill;
DROP FUNCTION users.scim_check;
DROP FUNCTION users.scim_refuse;
DROP FUNCTION users.scim_main;
DROP FUNCTION users.scim_patch;
DROP FUNCTION users.scim_apply;
DROP FUNCTION users.scim_apply_each;
DROP FUNCTION users.scim_primary;
DROP FUNCTION users.scim_put;
DROP FUNCTION users.scim_clean;

COMMIT;
