-- name: recordings_with_digest
-- Complete ones first, then those that can be gone on with.
SELECT id, source, state, received, length, expires_at, trashed_at FROM recordings WHERE sha256 = :sha256
ORDER BY CASE WHEN state = 'complete' THEN 0 ELSE 1 END, CASE WHEN trashed_at IS NULL THEN 0 ELSE 1 END, id
