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
