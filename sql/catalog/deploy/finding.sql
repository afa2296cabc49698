-- Deploy catalog:finding
-- The search of a list of products by words, by field and in a language of
-- its own.

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

-- The document, or the members of it that were asked for.
CREATE FUNCTION catalog.only(document text, fields text[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN fields IS NULL THEN document
            ELSE core.pick(document::json, fields)::text END;

COMMIT;
