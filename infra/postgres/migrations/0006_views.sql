-- Where the views stand. Their documents have a table each, made by make_view().

CREATE TABLE {schema}.view_checkpoints (
    name        text    NOT NULL,
    version     integer NOT NULL,
    shadow      boolean NOT NULL,
    position    bigint  NOT NULL DEFAULT 0,
    lease       bigint  NOT NULL DEFAULT 0,
    stopped_at  bigint,
    stopped_why text,
    PRIMARY KEY (name, version, shadow)
) WITH (fillfactor = 20);

-- The version of each view that readers see.
CREATE TABLE {schema}.current_views (
    name    text    PRIMARY KEY,
    version integer NOT NULL
);
