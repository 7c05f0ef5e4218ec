-- What must hold of every event, once none is left without its position.

ALTER TABLE {schema}.events
    ALTER COLUMN position        SET NOT NULL,
    ALTER COLUMN event_id        SET NOT NULL,
    ALTER COLUMN command_id      SET NOT NULL,
    ALTER COLUMN command_ordinal SET NOT NULL,
    ALTER COLUMN recorded_at     SET NOT NULL,
    ALTER COLUMN leaf            SET NOT NULL,
    ADD CONSTRAINT events_position_key UNIQUE (position),
    ADD CONSTRAINT events_leaf_check CHECK (octet_length(leaf) = 32);

-- A command is carried out at most once. The rest of its events stand right behind the first, in the same block, so
-- this index finds them all.
CREATE UNIQUE INDEX events_command_key ON {schema}.events (command_id) WHERE command_ordinal = 0;
