-- How far the relay came, and whose turn it is to move it: only the newest epoch may.

CREATE TABLE {schema}.relay (
    the_only_one boolean PRIMARY KEY DEFAULT true CHECK (the_only_one),
    epoch        bigint  NOT NULL DEFAULT 0,
    position     bigint  NOT NULL DEFAULT 0,
    partitions   json    NOT NULL DEFAULT '[]',
    counts       json    NOT NULL DEFAULT '{}',
    stopped      text
) WITH (fillfactor = 20);

INSERT INTO {schema}.relay DEFAULT VALUES;
