    INSERT INTO {schema}.blocks (last_position, first_position, recorded_at, root, chain)
    VALUES (
        head + amount, head + 1, written_at, block_root,
        sha256(
            coalesce(previous_chain, decode(repeat('00', 32), 'hex'))
            || int8send(head + 1) || int8send(amount)
            || int8send((extract(epoch FROM written_at) * 1000000)::bigint) || block_root
        )
    );
