-- The one way into the ledger, optimistic: everything is stored, or nothing and an error.
--
-- The lock is a statement of its own, so that the statements after it see what was committed before it was had; it is
-- held until this commit is visible, so positions are given out in commit order. Nothing of anybody else runs under it.
CREATE OR REPLACE FUNCTION {schema}.append(
    caller_time      timestamptz,
    block_root       bytea,
    aggregate_types  text[],
    aggregate_ids    text[],
    sequences        bigint[],
    event_types      text[],
    event_versions   text[],
    payloads         json[],
    metadatas        json[],
    event_ids        uuid[],
    command_ids      uuid[],
    command_ordinals integer[],
    leaves           bytea[],
    -- An aggregate has an event of that sequence, and none of the other (0: do not ask).
    check_types      text[],
    check_ids        text[],
    check_present    bigint[],
    check_absent     bigint[],
    -- Ids that were never carried out.
    unknown_commands uuid[],
    OUT first_position  bigint,
    OUT written_at      timestamptz,
    OUT contended_types text[],
    OUT contended_ids   text[]
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    head           bigint;
    previous_chain bytea;
    previous_time  timestamptz;
    amount         bigint := cardinality(event_ids);
    stored         bigint;
BEGIN
{may_append}    SELECT array_agg(c.aggregate_type), array_agg(c.aggregate_id) INTO contended_types, contended_ids
        FROM {schema}.contended c WHERE c.noted_at > clock_timestamp() - interval '1 second';

    PERFORM pg_advisory_xact_lock({lock_class}, {append_lock});

    SELECT b.last_position, b.chain, b.recorded_at INTO head, previous_chain, previous_time
        FROM {schema}.blocks b ORDER BY b.last_position DESC LIMIT 1;
    head := coalesce(head, 0);
    first_position := head + 1;
    written_at := greatest(clock_timestamp(), previous_time);

    IF cardinality(check_types) > 0 THEN
        -- LATERAL … LIMIT: one look into the index each, whatever the planner thinks of the numbers.
        PERFORM FROM unnest(check_types, check_ids, check_present, check_absent)
                AS c (aggregate_type, aggregate_id, present, absent)
            LEFT JOIN LATERAL (
                SELECT true AS stands FROM {schema}.events e
                WHERE c.present > 0 AND e.aggregate_type = c.aggregate_type AND e.aggregate_id = c.aggregate_id
                    AND e.sequence = c.present LIMIT 1
            ) AS before ON true
            LEFT JOIN LATERAL (
                SELECT true AS stands FROM {schema}.events e
                WHERE c.absent > 0 AND e.aggregate_type = c.aggregate_type AND e.aggregate_id = c.aggregate_id
                    AND e.sequence = c.absent LIMIT 1
            ) AS after ON true
            WHERE (c.present > 0 AND before.stands IS NULL) OR after.stands;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'JB001', MESSAGE = 'an aggregate does not stand at its version';
        END IF;
    END IF;
    IF cardinality(unknown_commands) > 0 THEN
        PERFORM FROM {schema}.events e WHERE e.command_id = ANY (unknown_commands) AND e.command_ordinal = 0;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'JB001', MESSAGE = 'a command was carried out before';
        END IF;
    END IF;
    IF amount = 0 THEN
        written_at := coalesce(previous_time, written_at);
        RETURN;
    END IF;
    IF octet_length(block_root) IS DISTINCT FROM 32 THEN
        RAISE EXCEPTION USING ERRCODE = 'JB004', MESSAGE = 'a block''s root has 32 bytes';
    END IF;

    INSERT INTO {schema}.events (
        aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
        position, event_id, command_id, command_ordinal, recorded_at, leaf
    )
    SELECT n.aggregate_type, n.aggregate_id, n.sequence, n.event_type, n.event_version, n.payload, n.metadata,
        head + n.place, n.event_id, n.command_id, n.command_ordinal, written_at, n.leaf
    FROM unnest(
        aggregate_types, aggregate_ids, sequences, event_types, event_versions, payloads, metadatas,
        event_ids, command_ids, command_ordinals, leaves
    ) WITH ORDINALITY AS n (
        aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
        event_id, command_id, command_ordinal, leaf, place
    )
    -- Not a CHECK: PostgreSQL reads the text of each CHECK of a table anew for every statement that inserts.
    WHERE octet_length(n.leaf) = 32 AND n.sequence >= 0;
    GET DIAGNOSTICS stored = ROW_COUNT;
    IF stored <> amount THEN
        RAISE EXCEPTION USING ERRCODE = 'JB004', MESSAGE = format('%s of %s events were stored', stored, amount);
    END IF;
{seal}END
$$;
