-- The same, judged command by command: what holds is stored, and of the rest is said why not.
--
-- Verdicts: a appended (number: first position), d done before, b behind a failed one of its aggregate, m not at the
-- expected version and c not at the version decided on (number: where it stands), r refused as data (why; none where
-- the caller had refused it already).
CREATE OR REPLACE FUNCTION {schema}.append_checked(
    caller_time      timestamptz,
    entry_types      text[],
    entry_ids        text[],
    entry_commands   uuid[],
    entry_versions   bigint[],
    entry_expected   bigint[],
    entry_amounts    integer[],
    entry_refused    boolean[],
    -- The events of all entries, one after the other.
    aggregate_types  text[],
    aggregate_ids    text[],
    sequences        bigint[],
    event_types      text[],
    event_versions   text[],
    payloads         text[],
    metadatas        text[],
    event_ids        uuid[],
    leaves           bytea[],
    OUT verdicts        text[],
    OUT numbers         bigint[],
    OUT whys            text[],
    OUT written_at      timestamptz,
    OUT contended_types text[],
    OUT contended_ids   text[]
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    head           bigint;
    previous_chain bytea;
    previous_time  timestamptz;
    stored_leaves  bytea[] := '{}';
    failed         text[] := '{}';
    lost_types     text[] := '{}';
    lost_ids       text[] := '{}';
    stored         bigint := 0;
    next_event     integer := 1;
    first_event    integer;
    actual         bigint;
    verdict        text;
    number         bigint;
    why            text;
    aggregate      text;
    amount         bigint;
    block_root     bytea;
BEGIN
{may_append}    PERFORM pg_advisory_xact_lock({lock_class}, {append_lock});

    SELECT b.last_position, b.chain, b.recorded_at INTO head, previous_chain, previous_time
        FROM {schema}.blocks b ORDER BY b.last_position DESC LIMIT 1;
    head := coalesce(head, 0);
    written_at := greatest(clock_timestamp(), previous_time);

    FOR entry IN 1 .. cardinality(entry_commands) LOOP
        first_event := next_event;
        next_event := next_event + entry_amounts[entry];
        aggregate := entry_types[entry] || '/' || entry_ids[entry];
        number := NULL;
        why := NULL;

        SELECT e.sequence INTO actual FROM {schema}.events e
            WHERE e.aggregate_type = entry_types[entry] AND e.aggregate_id = entry_ids[entry]
            ORDER BY e.sequence DESC LIMIT 1;
        actual := coalesce(actual, 0);
        PERFORM FROM {schema}.events e WHERE e.command_id = entry_commands[entry] AND e.command_ordinal = 0;

        verdict := CASE
            WHEN FOUND THEN 'd'
            WHEN aggregate = ANY (failed) THEN 'b'
            WHEN entry_expected[entry] <> actual THEN 'm'
            WHEN entry_versions[entry] <> actual THEN 'c'
            WHEN entry_refused[entry] THEN 'r'
            ELSE 'a'
        END;

        IF verdict = 'a' THEN
            number := head + stored + least(entry_amounts[entry], 1);
            BEGIN
                FOR event IN first_event .. next_event - 1 LOOP
                    INSERT INTO {schema}.events (
                        aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
                        position, event_id, command_id, command_ordinal, recorded_at, leaf
                    ) VALUES (
                        aggregate_types[event], aggregate_ids[event], sequences[event], event_types[event],
                        event_versions[event], payloads[event]::json, metadatas[event]::json,
                        head + stored + 1 + event - first_event, event_ids[event], entry_commands[entry],
                        event - first_event, written_at, leaves[event]
                    );
                END LOOP;
                stored := stored + entry_amounts[entry];
                FOR event IN first_event .. next_event - 1 LOOP
                    stored_leaves := array_append(stored_leaves, leaves[event]);
                END LOOP;
            EXCEPTION
                WHEN data_exception OR program_limit_exceeded OR check_violation OR not_null_violation THEN
                    verdict := 'r';
                    why := SQLERRM;
            END;
        END IF;
        IF verdict IN ('m', 'c', 'r') THEN
            number := actual;
        END IF;
        IF verdict <> 'a' THEN
            failed := array_append(failed, aggregate);
        END IF;
        IF verdict = 'c' THEN
            lost_types := array_append(lost_types, entry_types[entry]);
            lost_ids := array_append(lost_ids, entry_ids[entry]);
        END IF;
        verdicts := array_append(verdicts, verdict);
        numbers := array_append(numbers, number);
        whys := array_append(whys, why);
    END LOOP;

    IF stored > 0 THEN
        amount := stored;
        block_root := {schema}.merkle_root(stored_leaves);
{seal}    ELSE
        written_at := coalesce(previous_time, written_at);
    END IF;

    IF cardinality(lost_types) > 0 THEN
        DELETE FROM {schema}.contended c WHERE c.noted_at < clock_timestamp() - interval '10 seconds';
        INSERT INTO {schema}.contended (aggregate_type, aggregate_id, noted_at)
            SELECT DISTINCT l.aggregate_type, l.aggregate_id, clock_timestamp()
            FROM unnest(lost_types, lost_ids) AS l (aggregate_type, aggregate_id)
            ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE SET noted_at = excluded.noted_at;
    END IF;
    SELECT array_agg(c.aggregate_type), array_agg(c.aggregate_id) INTO contended_types, contended_ids
        FROM {schema}.contended c WHERE c.noted_at > clock_timestamp() - interval '1 second';
END
$$;
