-- What a recording has, for its receipt.
-- name: counts_of_recording
SELECT
    (SELECT COUNT(*) FROM audio_parts WHERE recording_id = :id) AS parts,
    (SELECT COUNT(*) FROM assets WHERE recording_id = :id) AS assets,
    (SELECT COALESCE(SUM(size), 0) FROM assets WHERE recording_id = :id) AS derived_bytes,
    (SELECT COUNT(*) FROM tags WHERE recording_id = :id) AS tags,
    (SELECT COUNT(*) FROM events WHERE recording_id = :id) AS events,
    (SELECT COUNT(*) FROM jobs WHERE recording_id = :id) AS jobs,
    (SELECT COUNT(*) FROM windows w JOIN jobs j ON j.id = w.job_id WHERE j.recording_id = :id) AS windows,
    (SELECT COUNT(*) FROM transcripts WHERE recording_id = :id) AS transcripts,
    (SELECT COUNT(*) FROM segments s JOIN transcripts t ON t.id = s.transcript_id WHERE t.recording_id = :id)
        AS segments,
    (SELECT COUNT(*) FROM edits e JOIN transcripts t ON t.id = e.transcript_id WHERE t.recording_id = :id) AS edits

-- name: forget_searched
DELETE FROM search_documents WHERE recording_id = :id

-- name: forget_requests
DELETE FROM idempotency_keys WHERE result_id = :id OR result_id IN (SELECT id FROM jobs WHERE recording_id = :id)

-- What was told about it, or is still to be told, holds its title and perhaps its words.
-- name: forget_told
DELETE FROM deliveries WHERE payload LIKE :pattern

-- name: delete_recording
DELETE FROM recordings WHERE id = :id

-- name: insert_receipt
INSERT INTO receipts (id, recording_id, at, who, reason, body_json)
VALUES (:id, :recording_id, :now, :who, :reason, :body_json)

-- name: receipt
SELECT id, recording_id, at, who, reason, body_json, audio_gone_at FROM receipts WHERE id = :id

-- name: receipts
SELECT id, recording_id, at, who, reason, body_json, audio_gone_at FROM receipts
WHERE (CAST(:recording_id AS TEXT) IS NULL OR recording_id = :recording_id)
    AND (CAST(:before AS TEXT) IS NULL OR id < :before)
ORDER BY id DESC LIMIT :limit

-- name: open_receipts
SELECT id, recording_id FROM receipts WHERE audio_gone_at IS NULL AND id > :after ORDER BY id LIMIT :limit

-- name: complete_receipt
UPDATE receipts SET audio_gone_at = :now WHERE id = :id AND audio_gone_at IS NULL

-- name: doomed_of_recording
SELECT key FROM doomed_objects WHERE key LIKE :pattern ORDER BY key

-- name: count_receipts
SELECT COUNT(*) AS count FROM receipts

-- name: any_receipt_since
SELECT id FROM receipts WHERE at >= :since LIMIT 1
