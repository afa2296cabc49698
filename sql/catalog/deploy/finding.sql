-- Deploy catalog:finding
-- What the statements that read products stand on.

BEGIN;

-- The products whose names have all the words of the text, the last one
-- perhaps not written to its end; the rarest words first would be better
-- still, but the array is made once a list.
CREATE FUNCTION catalog.product_find(a_tenant text, txt text) RETURNS uuid[]
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    words  text[] := regexp_split_to_array(
        btrim(regexp_replace(lower(txt COLLATE "und-x-icu"),
                             '[^[:alnum:]]+', ' ', 'g')), ' +');
    prefix text := words[cardinality(words)];
    result uuid[];
BEGIN
    IF prefix = '' THEN
        RETURN '{}';
    END IF;

    SELECT array_agg(DISTINCT t.product_id) INTO result
      FROM catalog.product_term t
     WHERE t.tenant = a_tenant AND t.term >= 'w:' || prefix
       AND t.term < 'w:' || prefix || U&'\+10FFFF';

    FOR n IN 1 .. cardinality(words) - 1 LOOP
        EXIT WHEN result IS NULL;
        SELECT array_agg(t.product_id) INTO result
          FROM catalog.product_term t
         WHERE t.tenant = a_tenant AND t.term = 'w:' || words[n]
           AND t.product_id = ANY (result);
    END LOOP;

    RETURN coalesce(result, '{}');
END
$$;

-- What a statement answers for a product or a variant that is due.  By key:
-- an argument that is the whole row would be built for every row, due or not.
CREATE FUNCTION catalog.product_now(a_tenant text, a_product uuid)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT catalog.product_text(p, now()) FROM catalog.product p
             WHERE p.tenant = a_tenant AND p.product_id = a_product);
END
$$;

CREATE FUNCTION catalog.variant_now(a_tenant text, a_variant uuid)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT catalog.variant_text(v, now()) FROM catalog.variant v
             WHERE v.tenant = a_tenant AND v.variant_id = a_variant);
END
$$;

-- document OPERATOR(catalog.->) fields: the members that were asked for.
CREATE FUNCTION catalog.only(document text, fields text[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN core.pick(document::json, fields)::text;

CREATE OPERATOR catalog.-> (
    LEFTARG = text, RIGHTARG = text[], FUNCTION = catalog.only
);

COMMIT;
