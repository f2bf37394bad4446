-- The schema as the database itself tells it.

-- name: table_names (sqlite)
SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name

-- name: table_names (postgresql)
SELECT table_name AS name FROM information_schema.tables
WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY table_name

-- name: column_names (sqlite)
SELECT name FROM pragma_table_info(:name) ORDER BY cid

-- name: column_names (postgresql)
SELECT column_name AS name FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name = :name AND is_generated = 'NEVER' ORDER BY ordinal_position

-- name: key_columns (sqlite)
SELECT name FROM pragma_table_info(:name) WHERE pk > 0 ORDER BY pk

-- name: key_columns (postgresql)
SELECT a.attname AS name FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
WHERE i.indisprimary AND n.nspname = current_schema() AND c.relname = :name
ORDER BY array_position(i.indkey::int2[], a.attnum)

-- name: parent_tables (sqlite)
SELECT DISTINCT "table" AS name FROM pragma_foreign_key_list(:name)

-- name: parent_tables (postgresql)
SELECT DISTINCT p.relname AS name FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class p ON p.oid = k.confrelid
WHERE k.contype = 'f' AND n.nspname = current_schema() AND c.relname = :name

-- name: full_text_tables (sqlite)
SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'virtual' ORDER BY name

-- name: count_recordings
SELECT COUNT(*) AS count FROM recordings

-- name: recording_ids
SELECT id FROM recordings WHERE id > :after ORDER BY id LIMIT :limit

-- What a backup has to bring besides the rows.
-- name: objects_of_rows
SELECT key, length AS size FROM audio_parts UNION SELECT key, size FROM assets

-- Nobody works on jobs of a database that was put back; what they have computed is there.
-- name: requeue_restored_jobs
UPDATE jobs SET owner = NULL, lease_expires_at = NULL,
    state = CASE WHEN cancel_requested = 1 THEN 'cancelled' ELSE 'queued' END,
    ended_at = CASE WHEN cancel_requested = 1 THEN CAST(:now AS DOUBLE PRECISION) ELSE NULL END
WHERE state = 'running'
