-- The ledger: events and the blocks they were written in.
--
-- The first seven columns are those of postgres-es, so that a database it filled can be adopted (the table is there
-- already) and it can go on reading ours. Ours are added without NOT NULL, since adoption has yet to fill them;
-- 0002 closes them. `json`, not `jsonb`: it keeps the very bytes that were hashed.

CREATE TABLE IF NOT EXISTS {schema}.events (
    aggregate_type text   NOT NULL,
    aggregate_id   text   NOT NULL,
    sequence       bigint NOT NULL CHECK (sequence >= 0),
    event_type     text   NOT NULL,
    event_version  text   NOT NULL,
    payload        json   NOT NULL,
    metadata       json   NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
);

ALTER TABLE {schema}.events
    ADD COLUMN position        bigint,
    ADD COLUMN event_id        uuid,
    ADD COLUMN command_id      uuid,
    ADD COLUMN command_ordinal integer,
    ADD COLUMN recorded_at     timestamptz,
    ADD COLUMN leaf            bytea;

CREATE TABLE {schema}.blocks (
    last_position  bigint      PRIMARY KEY,
    first_position bigint      NOT NULL CHECK (first_position BETWEEN 1 AND last_position),
    recorded_at    timestamptz NOT NULL,
    root           bytea       NOT NULL CHECK (octet_length(root) = 32),
    chain          bytea       NOT NULL CHECK (octet_length(chain) = 32)
);

CREATE TABLE {schema}.store (
    the_only_one boolean PRIMARY KEY DEFAULT true CHECK (the_only_one),
    name         text    NOT NULL
);

-- A store has a new incarnation whenever its history forks; positions of two are never compared.
CREATE TABLE {schema}.incarnations (
    number      integer     PRIMARY KEY,
    incarnation uuid        NOT NULL UNIQUE,
    begun_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    head        bigint      NOT NULL
);

-- Who lost a race of late. Losing the table in a crash loses nothing.
CREATE UNLOGGED TABLE {schema}.contended (
    aggregate_type text        NOT NULL,
    aggregate_id   text        NOT NULL,
    noted_at       timestamptz NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id)
) WITH (fillfactor = 50);
