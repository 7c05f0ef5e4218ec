-- What both ways of appending share. Nobody but them may call these.

CREATE OR REPLACE FUNCTION {schema}.may_append(caller_time timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING ERRCODE = 'JB002',
            MESSAGE = 'append needs the isolation READ COMMITTED, not ' || upper(current_setting('transaction_isolation')),
            HINT = 'look at default_transaction_isolation of the database and the role';
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    -- A clock that leapt ahead would freeze the time of every later block.
    IF caller_time NOT BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp() + interval '1 minute' THEN
        RAISE EXCEPTION USING ERRCODE = 'JB003',
            MESSAGE = format('the clocks of caller (%s) and database (%s) differ by more than a minute',
                caller_time, clock_timestamp());
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION {schema}.seal(
    head bigint, amount bigint, written_at timestamptz, block_root bytea, previous_chain bytea
) RETURNS void
LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$
BEGIN
    INSERT INTO {schema}.blocks (last_position, first_position, recorded_at, root, chain)
    VALUES (
        head + amount, head + 1, written_at, block_root,
        sha256(
            coalesce(previous_chain, decode(repeat('00', 32), 'hex'))
            || int8send(head + 1) || int8send(amount)
            || int8send((extract(epoch FROM written_at) * 1000000)::bigint) || block_root
        )
    );
END
$$;
