-- What an append pays for each time and need not: CHECKs, whose text PostgreSQL reads anew for every INSERT (the
-- function looks at the same), and functions of its own for what is now part of its text.

ALTER TABLE {schema}.events DROP CONSTRAINT IF EXISTS events_sequence_check, DROP CONSTRAINT IF EXISTS events_leaf_check;
ALTER TABLE {schema}.blocks DROP CONSTRAINT IF EXISTS blocks_check, DROP CONSTRAINT IF EXISTS blocks_root_check,
    DROP CONSTRAINT IF EXISTS blocks_chain_check;
DROP FUNCTION IF EXISTS {schema}.may_append(timestamptz);
DROP FUNCTION IF EXISTS {schema}.seal(bigint, bigint, timestamptz, bytea, bytea);
