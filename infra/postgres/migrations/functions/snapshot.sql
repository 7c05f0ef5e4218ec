-- A snapshot of an aggregate written for cqrs-es, kept in the transaction that appends its events.
CREATE OR REPLACE FUNCTION {schema}.append_with_snapshot(
    snapshot_type    text,
    snapshot_id      text,
    snapshot_version bigint,
    snapshot_number  bigint,
    snapshot_payload json,
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
    check_types      text[],
    check_ids        text[],
    check_present    bigint[],
    check_absent     bigint[],
    OUT first_position bigint,
    OUT written_at     timestamptz
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    kept bigint;
BEGIN
    IF snapshot_number = 1 THEN
        INSERT INTO {schema}.snapshots (aggregate_type, aggregate_id, last_sequence, current_snapshot, payload)
            VALUES (snapshot_type, snapshot_id, snapshot_version, 1, snapshot_payload);
    ELSE
        UPDATE {schema}.snapshots s
            SET last_sequence = snapshot_version, current_snapshot = snapshot_number, payload = snapshot_payload
            WHERE s.aggregate_type = snapshot_type AND s.aggregate_id = snapshot_id
                AND s.current_snapshot = snapshot_number - 1;
        GET DIAGNOSTICS kept = ROW_COUNT;
        IF kept <> 1 THEN
            RAISE EXCEPTION USING ERRCODE = 'JB001', MESSAGE = 'another snapshot was kept meanwhile';
        END IF;
    END IF;
    SELECT a.first_position, a.written_at INTO first_position, written_at FROM {schema}.append(
        caller_time, block_root, aggregate_types, aggregate_ids, sequences, event_types, event_versions, payloads,
        metadatas, event_ids, command_ids, command_ordinals, leaves, check_types, check_ids, check_present,
        check_absent, '{}'
    ) a;
END
$$;
