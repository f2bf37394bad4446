-- name: named_objects
SELECT key, needed FROM (
    SELECT key, needed FROM (
        SELECT key, length AS needed FROM audio_parts WHERE key > :after ORDER BY key LIMIT :limit
    ) AS parts
    UNION ALL
    SELECT key, needed FROM (
        SELECT key, size AS needed FROM assets WHERE key > :after ORDER BY key LIMIT :limit
    ) AS derived
) AS named ORDER BY key LIMIT :limit

-- name: bytes_needed_of
SELECT length AS needed FROM audio_parts WHERE key = :key UNION ALL SELECT size AS needed FROM assets WHERE key = :key

-- name: bytes_named
SELECT CAST(
    (SELECT COALESCE(SUM(length), 0) FROM audio_parts) + (SELECT COALESCE(SUM(size), 0) FROM assets) AS BIGINT
) AS bytes

-- name: postpone_doomed
UPDATE doomed_objects SET since = :now WHERE key = :key

-- name: count_doomed
SELECT COUNT(*) AS waiting FROM doomed_objects

-- name: installation
SELECT id FROM installation

-- name: insert_installation
INSERT INTO installation (number, id) VALUES (1, :id) ON CONFLICT DO NOTHING
