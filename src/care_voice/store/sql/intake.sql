-- name: take_over_recording
UPDATE recordings SET appender = appender + 1, length = :length WHERE id = :id RETURNING appender

-- name: receive_bytes
UPDATE recordings SET received = :received, updated_at = :now, expires_at = :expires_at
WHERE id = :id AND appender = :appender AND received = :expected AND state = 'receiving'

-- name: complete_recording
UPDATE recordings SET state = 'complete', length = received, completed_at = :now,
    updated_at = :now, expires_at = NULL, version = version + 1
WHERE id = :id

-- name: amend_recording
UPDATE recordings SET filename = :filename, media_type = :media_type, title = :title, metadata_json = :metadata_json,
    wish_json = :wish_json
WHERE id = :id

-- name: give_up_recording
UPDATE recordings SET trashed_at = :now, updated_at = :now, version = version + 1
WHERE id = :id

-- name: delete_recording_row
DELETE FROM recordings WHERE id = :id

-- name: forget_idempotent_results
DELETE FROM idempotency_keys WHERE client = :client AND result_id = :id

-- name: expired_uploads
SELECT id FROM recordings WHERE expires_at < :now AND trashed_at IS NULL ORDER BY expires_at LIMIT :limit

-- name: bytes_held
SELECT COALESCE(SUM(CASE WHEN length > received THEN length ELSE received END), 0) AS held FROM recordings

-- name: bytes_held_by
SELECT COALESCE(SUM(CASE WHEN length > received THEN length ELSE received END), 0) AS held FROM recordings
WHERE client = :client

-- Whoever writes is alone on SQLite.
-- name: lock_quota
SELECT 1 AS locked

-- name: lock_quota (postgresql)
SELECT 1 AS locked FROM (SELECT pg_advisory_xact_lock(41, hashtext(CAST(:whose AS TEXT)))) AS lock
