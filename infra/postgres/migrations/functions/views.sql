-- Rooms for views. They are made by the owner's functions, so that a new version of a view can be rolled out without
-- a migration and without giving the application the right to make tables.

CREATE OR REPLACE FUNCTION {schema}.view_table(view_name text, view_version integer, is_shadow boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = {schema}, pg_temp AS $$
    SELECT 'view_' || view_name || '_v' || view_version || CASE WHEN is_shadow THEN '_shadow' ELSE '' END
$$;

CREATE OR REPLACE FUNCTION {schema}.make_view(
    view_name text, view_version integer, is_shadow boolean, column_names text[], column_types text[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    room    text := {schema}.view_table(view_name, view_version, is_shadow);
    known   text[];
    columns text := '';
BEGIN
    IF view_name !~ '^[a-z][a-z0-9_]{0,39}$' OR view_version NOT BETWEEN 1 AND 1000000 THEN
        RAISE EXCEPTION USING ERRCODE = 'JB005', MESSAGE = format('%s is no name for a view', quote_literal(view_name));
    END IF;
    FOR at IN 1 .. cardinality(column_names) LOOP
        IF column_names[at] !~ '^[a-z][a-z0-9_]{0,39}$' OR column_names[at] IN ('key', 'document', 'position') THEN
            RAISE EXCEPTION USING ERRCODE = 'JB005',
                MESSAGE = format('%s is no name for a column of view %s', quote_literal(column_names[at]), view_name);
        END IF;
        columns := columns || format(', %I %s', column_names[at], CASE column_types[at]
            WHEN 'text' THEN 'text COLLATE "C"' WHEN 'integer' THEN 'bigint'
            WHEN 'boolean' THEN 'boolean' WHEN 'time' THEN 'timestamptz' END);
    END LOOP;

    -- Two processes may start at once.
    PERFORM pg_advisory_xact_lock({lock_class}, {migrate_lock});
    IF to_regclass(format('{schema}.%I', room)) IS NOT NULL THEN
        SELECT array_agg(a.attname::text ORDER BY a.attnum) INTO known FROM pg_attribute a
            WHERE a.attrelid = to_regclass(format('{schema}.%I', room)) AND a.attnum > 3 AND NOT a.attisdropped;
        IF coalesce(known, '{}') <> column_names THEN
            RAISE EXCEPTION USING ERRCODE = 'JB005',
                MESSAGE = format('view %s version %s stands with other columns (%s); another shape is another version',
                    view_name, view_version, array_to_string(known, ', '));
        END IF;
    ELSE
        EXECUTE format('CREATE TABLE {schema}.%I (key text COLLATE "C" PRIMARY KEY, document jsonb, position bigint NOT NULL%s)',
            room, columns);
        FOR at IN 1 .. cardinality(column_names) LOOP
            EXECUTE format('CREATE INDEX ON {schema}.%I (%I, key)', room, column_names[at]);
        END LOOP;
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON {schema}.%I TO {app_role}', room);
    END IF;
    INSERT INTO {schema}.view_checkpoints (name, version, shadow) VALUES (view_name, view_version, is_shadow)
        ON CONFLICT (name, version, shadow) DO NOTHING;
END
$$;

-- False where the newcomer is behind what readers see now.
CREATE OR REPLACE FUNCTION {schema}.take_over_view(view_name text, view_version integer, is_shadow boolean)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    room     text := {schema}.view_table(view_name, view_version, is_shadow);
    place    text := {schema}.view_table(view_name, view_version, false);
    seen     integer;
    newcomer {schema}.view_checkpoints;
    present  bigint;
BEGIN
    SELECT c.version INTO seen FROM {schema}.current_views c WHERE c.name = view_name FOR UPDATE;
    -- Both checkpoints, in one order, so that nobody moves either and nobody deadlocks.
    PERFORM FROM {schema}.view_checkpoints v WHERE v.name = view_name ORDER BY v.version, v.shadow FOR UPDATE;
    SELECT * INTO newcomer FROM {schema}.view_checkpoints v
        WHERE v.name = view_name AND v.version = view_version AND v.shadow = is_shadow;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'JB005', MESSAGE = format('there is no room %s', room);
    END IF;
    SELECT v.position INTO present FROM {schema}.view_checkpoints v
        WHERE v.name = view_name AND NOT v.shadow
            AND v.version = CASE WHEN is_shadow THEN view_version ELSE seen END;
    IF newcomer.position < present THEN
        RETURN false;
    END IF;

    EXECUTE format('DELETE FROM {schema}.%I WHERE document IS NULL', room);
    IF is_shadow THEN
        EXECUTE format('DROP VIEW IF EXISTS {schema}.%I', view_name);
        EXECUTE format('DROP TABLE IF EXISTS {schema}.%I', place);
        EXECUTE format('ALTER TABLE {schema}.%I RENAME TO %I', room, place);
        DELETE FROM {schema}.view_checkpoints v WHERE v.name = view_name AND v.version = view_version AND v.shadow;
        INSERT INTO {schema}.view_checkpoints (name, version, shadow, position, stopped_at, stopped_why)
            VALUES (view_name, view_version, false, newcomer.position, newcomer.stopped_at, newcomer.stopped_why)
            ON CONFLICT (name, version, shadow) DO UPDATE SET position = excluded.position,
                stopped_at = excluded.stopped_at, stopped_why = excluded.stopped_why;
    ELSE
        INSERT INTO {schema}.current_views (name, version) VALUES (view_name, view_version)
            ON CONFLICT (name) DO UPDATE SET version = excluded.version;
        seen := view_version;
    END IF;
    IF seen IS NOT NULL THEN
        EXECUTE format('DROP VIEW IF EXISTS {schema}.%I', view_name);
        EXECUTE format('CREATE VIEW {schema}.%I AS SELECT * FROM {schema}.%I WHERE document IS NOT NULL',
            view_name, {schema}.view_table(view_name, seen, false));
        EXECUTE format('GRANT SELECT ON {schema}.%I TO {app_role}', view_name);
    END IF;
    RETURN true;
END
$$;
