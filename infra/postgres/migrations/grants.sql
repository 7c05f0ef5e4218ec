-- What the application may: read everything, append through the functions, and write what is only its own progress.

GRANT USAGE ON SCHEMA {schema} TO {app_role};

REVOKE ALL ON {schema}.events, {schema}.blocks, {schema}.store, {schema}.incarnations, {schema}.contended,
    {schema}.snapshots, {schema}.relay, {schema}.current_views FROM PUBLIC, {app_role};
GRANT SELECT ON {schema}.events, {schema}.blocks, {schema}.store, {schema}.incarnations, {schema}.snapshots,
    {schema}.current_views TO {app_role};
GRANT SELECT, UPDATE ON {schema}.relay TO {app_role};
GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.states, {schema}.policies, {schema}.marks, {schema}.parked,
    {schema}.contexts, {schema}.dead_letters, {schema}.view_checkpoints TO {app_role};

REVOKE ALL ON FUNCTION {schema}.append, {schema}.append_checked, {schema}.append_with_snapshot,
    {schema}.merkle_root, {schema}.make_view, {schema}.take_over_view, {schema}.view_table FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.append, {schema}.append_checked, {schema}.append_with_snapshot,
    {schema}.merkle_root, {schema}.make_view, {schema}.take_over_view, {schema}.view_table TO {app_role};
