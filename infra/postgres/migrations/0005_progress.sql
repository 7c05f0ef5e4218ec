-- How far policies came, what they parked, and which contexts are stopped.
--
-- Keys, values and headers of records are bytes: nobody promises that they are text.

CREATE TABLE {schema}.policies (
    context       text        NOT NULL,
    policy        text        NOT NULL,
    starts_after  bigint      NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (context, policy)
);

CREATE TABLE {schema}.marks (
    context     text    NOT NULL,
    policy      text    NOT NULL,
    topic       text    NOT NULL,
    partition   integer NOT NULL,
    position    bigint  NOT NULL,
    next_offset bigint  NOT NULL,
    PRIMARY KEY (context, topic, partition, policy)
) WITH (fillfactor = 50);

CREATE TABLE {schema}.parked (
    number        bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    context       text        NOT NULL,
    topic         text        NOT NULL,
    key           bytea       NOT NULL,
    position      bigint      NOT NULL,
    partition     integer     NOT NULL,
    log_topic     text        NOT NULL,
    log_offset    bigint      NOT NULL,
    record_key    bytea,
    record_value  bytea,
    header_names  bytea[]     NOT NULL,
    header_values bytea[]     NOT NULL,
    error         text        NOT NULL,
    is_unknown    boolean     NOT NULL,
    owed          text[]      NOT NULL,
    parked_at     timestamptz NOT NULL,
    UNIQUE (context, topic, key, position)
);
CREATE INDEX parked_key_order ON {schema}.parked (context, topic, key, number);

CREATE TABLE {schema}.contexts (
    context text        PRIMARY KEY,
    why     text        NOT NULL,
    since   timestamptz NOT NULL
);

CREATE TABLE {schema}.dead_letters (
    number        bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    consumer      text        NOT NULL,
    topic         text        NOT NULL,
    partition     integer     NOT NULL,
    log_offset    bigint      NOT NULL,
    record_key    bytea,
    record_value  bytea,
    header_names  bytea[]     NOT NULL,
    header_values bytea[]     NOT NULL,
    why           text        NOT NULL,
    kept_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
