-- name: create_migrations
CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    applied_at DOUBLE PRECISION NOT NULL
)

-- name: create_breaks
CREATE TABLE IF NOT EXISTS breaking_migrations (number INTEGER PRIMARY KEY)

-- name: breaks_exist
SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'breaking_migrations'

-- name: breaks_exist (postgresql)
SELECT table_name AS name FROM information_schema.tables
WHERE table_schema = current_schema() AND table_name = 'breaking_migrations'

-- name: breaking_migrations
SELECT number FROM breaking_migrations

-- name: record_break
INSERT INTO breaking_migrations (number) VALUES (:number)

-- name: lock_migrations
SELECT 1 AS locked

-- name: lock_migrations (postgresql)
SELECT 1 AS locked FROM (SELECT pg_advisory_xact_lock(7205759403792793)) AS lock

-- name: migrations_exist
SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'migrations'

-- name: migrations_exist (postgresql)
SELECT table_name AS name FROM information_schema.tables
WHERE table_schema = current_schema() AND table_name = 'migrations'

-- name: applied_migrations
SELECT number, name, sha256, applied_at FROM migrations ORDER BY number

-- name: record_migration
INSERT INTO migrations (number, name, sha256, applied_at) VALUES (:number, :name, :sha256, :now)
