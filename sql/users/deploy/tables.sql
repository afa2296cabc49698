-- Deploy users:tables
-- Persons and programs that have dealings with a tenant.  What they prove
-- who they are with is auth's.

BEGIN;

CREATE SCHEMA users;
GRANT USAGE ON SCHEMA users TO carmen_app;

CREATE TABLE users."user" (
    tenant          text COLLATE "C" NOT NULL,
    user_id         uuid NOT NULL DEFAULT core.uuid7(),
    email           text,
    email_key       text COLLATE "C"
                    GENERATED ALWAYS AS (lower(email COLLATE "und-x-icu"))
                    STORED,
    given_name      text,
    family_name     text,
    display_name    text,
    company         text,
    phone           text,
    -- what lists are sorted by
    name_key        text COLLATE "C" NOT NULL
                    GENERATED ALWAYS AS (lower(coalesce(display_name,
                        family_name || coalesce(' ' || given_name, ''),
                        given_name, company, email, '')
                        COLLATE "und-x-icu")) STORED,
    external_ref    text COLLATE "C",
    status          text COLLATE "C" NOT NULL DEFAULT 'active'
                    CHECK (status IN ('active', 'suspended', 'deleted')),
    roles           text[] COLLATE "C" NOT NULL DEFAULT '{}',
    locale          text,
    time_zone       text,
    profile         jsonb NOT NULL DEFAULT '{}'
                    CHECK (jsonb_typeof(profile) = 'object'),
    preferences     jsonb NOT NULL DEFAULT '{}'
                    CHECK (jsonb_typeof(preferences) = 'object'),
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, user_id),
    CONSTRAINT user_email UNIQUE (tenant, email_key),
    CONSTRAINT user_external_ref UNIQUE (tenant, external_ref)
);
CREATE INDEX user_by_name ON users."user" (tenant, name_key, user_id);
CREATE INDEX user_by_createts ON users."user" (tenant, createts, user_id);
SELECT core.protect('users."user"');

COMMIT;
