-- name: insert_recording
INSERT INTO recordings (
    id, client, source, state, filename, media_type, title, notes, metadata_json, wish_json, length, created_at,
    updated_at, expires_at
) VALUES (
    :id, :client, :source, 'receiving', :filename, :media_type, :title, :notes, :metadata_json, :wish_json, :length,
    :now, :now, :expires_at
)

-- name: recording
SELECT * FROM recordings WHERE id = :id

-- name: lock_recording
SELECT * FROM recordings WHERE id = :id

-- name: lock_recording (postgresql)
SELECT * FROM recordings WHERE id = :id FOR UPDATE

-- name: tags_of
SELECT tag FROM tags WHERE recording_id = :id ORDER BY tag

-- name: insert_tag
INSERT INTO tags (recording_id, tag) VALUES (:recording_id, :tag) ON CONFLICT DO NOTHING

-- name: delete_tags
DELETE FROM tags WHERE recording_id = :id

-- name: touch_recording
UPDATE recordings SET updated_at = :now, version = version + 1 WHERE id = :id

-- name: parts_of
SELECT start, length, key FROM audio_parts WHERE recording_id = :id ORDER BY start

-- name: insert_part
INSERT INTO audio_parts (recording_id, start, length, key) VALUES (:recording_id, :start, :length, :key)
ON CONFLICT (recording_id, start) DO UPDATE SET length = excluded.length, key = excluded.key

-- name: delete_parts
DELETE FROM audio_parts WHERE recording_id = :id

-- name: assets_of
SELECT kind, key, media_type, size, sha256, created_at FROM assets WHERE recording_id = :id ORDER BY kind

-- name: upsert_asset
INSERT INTO assets (recording_id, kind, key, media_type, size, sha256, created_at)
VALUES (:recording_id, :kind, :key, :media_type, :size, :sha256, :now)
ON CONFLICT (recording_id, kind) DO UPDATE SET key = excluded.key, media_type = excluded.media_type,
    size = excluded.size, sha256 = excluded.sha256, created_at = excluded.created_at

-- name: set_sound
UPDATE recordings SET sha256 = COALESCE(:sha256, sha256), duration_s = COALESCE(:duration_s, duration_s)
WHERE id = :id

-- name: next_event
UPDATE recordings SET event_seq = event_seq + 1 WHERE id = :id RETURNING event_seq

-- name: insert_event
INSERT INTO events (recording_id, seq, at, kind, body_json) VALUES (:recording_id, :seq, :now, :kind, :body_json)

-- name: events_after
SELECT recording_id, seq, at, kind, body_json FROM events WHERE recording_id = :id AND seq > :seq
ORDER BY seq LIMIT :limit

-- name: doom
INSERT INTO doomed_objects (key, since) VALUES (:key, :now) ON CONFLICT DO NOTHING

-- name: doomed_due
SELECT key, since FROM doomed_objects ORDER BY since LIMIT :limit

-- name: doomed_gone
DELETE FROM doomed_objects WHERE key = :key

-- name: idempotent_result
SELECT request_sha256, result_id FROM idempotency_keys WHERE client = :client AND key = :key

-- name: insert_idempotency_key
INSERT INTO idempotency_keys (client, key, request_sha256, result_id, created_at)
VALUES (:client, :key, :request_sha256, :result_id, :now) ON CONFLICT DO NOTHING

-- name: expire_idempotency_keys
DELETE FROM idempotency_keys WHERE created_at < :before

-- name: set_idempotent_result
UPDATE idempotency_keys SET result_id = :result_id WHERE client = :client AND key = :key
