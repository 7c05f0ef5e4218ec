-- The RFC 9162 tree hash over leaf hashes. A lone last node rises unchanged, which is the RFC's split.
CREATE OR REPLACE FUNCTION {schema}.merkle_root(leaves bytea[]) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = {schema}, pg_temp AS $$
DECLARE
    level bytea[] := leaves;
    above bytea[];
    width integer := cardinality(leaves);
BEGIN
    IF width = 0 THEN
        RETURN sha256(''::bytea);
    END IF;
    WHILE width > 1 LOOP
        above := '{}';
        FOR at IN 1 .. width BY 2 LOOP
            IF at < width THEN
                above := array_append(above, sha256('\x01'::bytea || level[at] || level[at + 1]));
            ELSE
                above := array_append(above, level[at]);
            END IF;
        END LOOP;
        level := above;
        width := cardinality(level);
    END LOOP;
    RETURN level[1];
END
$$;
