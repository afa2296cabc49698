-- Deploy catalog:tables
-- Products and their variants, categories, brands, media and prices.

BEGIN;

CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE SCHEMA catalog;
GRANT USAGE ON SCHEMA catalog TO carmen_app;

-- GS1 General Specifications 7.9: digits weighted 3 and 1 from the right,
-- the check digit makes the sum a multiple of ten.
CREATE FUNCTION catalog.gtin_valid(gtin text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN gtin ~ '^([0-9]{8}|[0-9]{12,14})$'
    AND (SELECT sum(substr(lpad(gtin, 14, '0'), i, 1)::int
                    * CASE WHEN i % 2 = 1 THEN 3 ELSE 1 END) % 10 = 0
           FROM generate_series(1, 14) i);

CREATE TABLE catalog.brand (
    tenant          text COLLATE "C" NOT NULL,
    brand_id        uuid NOT NULL DEFAULT core.uuid7(),
    name            text NOT NULL CHECK (name <> ''),
    name_key        text COLLATE "C" NOT NULL
                    GENERATED ALWAYS AS (lower(name COLLATE "und-x-icu"))
                    STORED,
    description     text,
    logo            text,
    status          text COLLATE "C" NOT NULL DEFAULT 'active'
                    CHECK (status IN ('active', 'inactive')),
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, brand_id),
    CONSTRAINT brand_name UNIQUE (tenant, name_key)
);
CREATE INDEX brand_by_name ON catalog.brand (tenant, name_key, brand_id);
CREATE INDEX brand_by_createts ON catalog.brand (tenant, createts, brand_id);
SELECT core.protect('catalog.brand');

CREATE TABLE catalog.category (
    tenant             text COLLATE "C" NOT NULL,
    category_id        uuid NOT NULL DEFAULT core.uuid7(),
    parent_category_id uuid,
    name               text NOT NULL CHECK (name <> ''),
    name_key           text COLLATE "C" NOT NULL
                       GENERATED ALWAYS AS (lower(name COLLATE "und-x-icu"))
                       STORED,
    description        text,
    status             text COLLATE "C" NOT NULL DEFAULT 'active'
                       CHECK (status IN ('active', 'inactive')),
    enterprise_code    text NOT NULL DEFAULT 'DEFAULT',
    version            bigint NOT NULL DEFAULT 1,
    createts           timestamptz NOT NULL DEFAULT now(),
    modifyts           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, category_id),
    CONSTRAINT category_parent FOREIGN KEY (tenant, parent_category_id)
        REFERENCES catalog.category (tenant, category_id),
    CONSTRAINT category_self CHECK (parent_category_id <> category_id)
);
-- siblings have different names, the roots among themselves as well
CREATE UNIQUE INDEX category_name ON catalog.category
    (tenant, coalesce(parent_category_id,
                      '00000000-0000-0000-0000-000000000000'), name_key);
CREATE INDEX category_by_parent
    ON catalog.category (tenant, parent_category_id, name_key, category_id);
CREATE INDEX category_by_name
    ON catalog.category (tenant, name_key, category_id);
CREATE INDEX category_by_createts
    ON catalog.category (tenant, createts, category_id);
SELECT core.protect('catalog.category');

-- "document" is the product as a client reads it: kept by triggers, so that
-- the read of a product is the read of one row.  It holds until "due", when
-- a price begins or ends; "boundaries" are those times.  Each one that has
-- passed counts as a version, since the representation changed then.
CREATE TABLE catalog.product (
    tenant          text COLLATE "C" NOT NULL,
    product_id      uuid NOT NULL DEFAULT core.uuid7(),
    version         bigint NOT NULL DEFAULT 1,
    due             timestamptz NOT NULL DEFAULT 'infinity',
    document        text NOT NULL DEFAULT '{}',
    name            text NOT NULL CHECK (name <> ''),
    name_key        text COLLATE "C" NOT NULL
                    GENERATED ALWAYS AS (lower(name COLLATE "und-x-icu"))
                    STORED,
    description     text,
    brand_id        uuid,
    category_id     uuid,
    status          text COLLATE "C" NOT NULL DEFAULT 'draft'
                    CHECK (status IN ('draft', 'active', 'inactive',
                                      'archived')),
    attributes      jsonb NOT NULL DEFAULT '{}'
                    CHECK (jsonb_typeof(attributes) = 'object'),
    gtin            text COLLATE "C" CHECK (catalog.gtin_valid(gtin)),
    gtin14          text COLLATE "C"
                    GENERATED ALWAYS AS (lpad(gtin, 14, '0')) STORED,
    boundaries      timestamptz[] NOT NULL DEFAULT '{}',
    terms           text[] COLLATE "C" NOT NULL DEFAULT '{}',
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, product_id),
    CONSTRAINT product_gtin UNIQUE (tenant, gtin14),
    CONSTRAINT product_brand FOREIGN KEY (tenant, brand_id)
        REFERENCES catalog.brand (tenant, brand_id),
    CONSTRAINT product_category FOREIGN KEY (tenant, category_id)
        REFERENCES catalog.category (tenant, category_id)
) WITH (toast_tuple_target = 8160, fillfactor = 80);
CREATE INDEX product_by_category
    ON catalog.product (tenant, category_id, product_id);
CREATE INDEX product_by_brand
    ON catalog.product (tenant, brand_id, product_id);
SELECT core.protect('catalog.product');

-- The constraints are deferrable because a product is created parts first.
CREATE TABLE catalog.variant (
    tenant          text COLLATE "C" NOT NULL,
    variant_id      uuid NOT NULL DEFAULT core.uuid7(),
    product_id      uuid NOT NULL,
    sku             text COLLATE "C" NOT NULL CHECK (sku <> ''),
    name            text,
    attributes      jsonb NOT NULL DEFAULT '{}'
                    CHECK (jsonb_typeof(attributes) = 'object'),
    status          text COLLATE "C" NOT NULL DEFAULT 'active'
                    CHECK (status IN ('active', 'inactive')),
    sort_order      int NOT NULL DEFAULT 0,
    document        text NOT NULL DEFAULT '{}',
    due             timestamptz NOT NULL DEFAULT 'infinity',
    boundaries      timestamptz[] NOT NULL DEFAULT '{}',
    price_version   bigint NOT NULL DEFAULT 0,
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, variant_id),
    CONSTRAINT variant_sku UNIQUE (tenant, sku),
    CONSTRAINT variant_product FOREIGN KEY (tenant, product_id)
        REFERENCES catalog.product (tenant, product_id) ON DELETE CASCADE
        DEFERRABLE INITIALLY IMMEDIATE
) WITH (fillfactor = 80);
CREATE INDEX variant_by_product
    ON catalog.variant (tenant, product_id, sort_order, variant_id);
SELECT core.protect('catalog.variant');

-- What a variant costs in a channel and a currency, over a span of time;
-- two spans of the same never overlap.  Minor units.
CREATE TABLE catalog.price (
    tenant          text COLLATE "C" NOT NULL,
    price_id        uuid NOT NULL DEFAULT core.uuid7(),
    variant_id      uuid NOT NULL,
    channel         text COLLATE "C" NOT NULL DEFAULT 'default'
                    CHECK (channel <> ''),
    currency        char(3) COLLATE "C" NOT NULL
                    CHECK (currency ~ '^[A-Z]{3}$'),
    amount          bigint NOT NULL CHECK (amount >= 0),
    validity        tstzrange NOT NULL DEFAULT tstzrange(now(), NULL)
                    CHECK (NOT isempty(validity)
                           AND lower_inc(validity)
                           AND NOT upper_inc(validity)),
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, price_id),
    CONSTRAINT price_variant FOREIGN KEY (tenant, variant_id)
        REFERENCES catalog.variant (tenant, variant_id) ON DELETE CASCADE
        DEFERRABLE INITIALLY IMMEDIATE,
    CONSTRAINT price_overlap EXCLUDE USING gist (
        tenant WITH =, variant_id WITH =, channel WITH =, currency WITH =,
        validity WITH &&)
);
CREATE INDEX price_by_variant
    ON catalog.price (tenant, variant_id, channel, currency);
SELECT core.protect('catalog.price');

CREATE TABLE catalog.media (
    tenant          text COLLATE "C" NOT NULL,
    media_id        uuid NOT NULL DEFAULT core.uuid7(),
    product_id      uuid NOT NULL,
    type            text COLLATE "C" NOT NULL DEFAULT 'image'
                    CHECK (type IN ('image', 'video', 'document', 'model')),
    url             text NOT NULL CHECK (url ~ '^https?://'),
    alt_text        text,
    sort_order      int NOT NULL DEFAULT 0,
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, media_id),
    CONSTRAINT media_product FOREIGN KEY (tenant, product_id)
        REFERENCES catalog.product (tenant, product_id) ON DELETE CASCADE
        DEFERRABLE INITIALLY IMMEDIATE
);
CREATE INDEX media_by_product
    ON catalog.media (tenant, product_id, sort_order, media_id);
SELECT core.protect('catalog.media');

-- What a product can be found by: "" all of them, "s:" a status, "b:" a brand,
-- "c:" a category or one above it, "k:" a SKU, "g:" a GTIN, "w:" a word of the
-- name.  A list walks the rows of one term in its order; row-level security
-- lets it use the index, since comparisons of text are leakproof and those of
-- tsvector and arrays are not.
CREATE TABLE catalog.product_term (
    tenant     text COLLATE "C" NOT NULL,
    term       text COLLATE "C" NOT NULL,
    name_key   text COLLATE "C" NOT NULL,
    createts   timestamptz NOT NULL,
    product_id uuid NOT NULL,
    PRIMARY KEY (tenant, product_id, term),
    CONSTRAINT product_term_product FOREIGN KEY (tenant, product_id)
        REFERENCES catalog.product (tenant, product_id) ON DELETE CASCADE
);
CREATE INDEX product_term_by_name
    ON catalog.product_term (tenant, term, name_key, product_id);
CREATE INDEX product_term_by_createts
    ON catalog.product_term (tenant, term, createts, product_id);
SELECT core.protect('catalog.product_term');

COMMIT;
