-- name: transcripts_of
SELECT t.*, r.transcript_id AS current_id FROM transcripts t JOIN recordings r ON r.id = t.recording_id
WHERE t.recording_id = :recording_id ORDER BY t.number

-- name: transcript_numbered
SELECT t.*, r.transcript_id AS current_id FROM transcripts t JOIN recordings r ON r.id = t.recording_id
WHERE t.recording_id = :recording_id AND t.number = :number

-- name: transcript_current
SELECT t.*, r.transcript_id AS current_id FROM transcripts t JOIN recordings r ON r.id = t.recording_id
WHERE t.recording_id = :recording_id AND t.id = r.transcript_id

-- name: next_transcript_number
SELECT COALESCE(MAX(number), 0) + 1 AS number FROM transcripts WHERE recording_id = :recording_id

-- name: insert_transcript
INSERT INTO transcripts (id, recording_id, job_id, number, model, task, language, duration_s, created_at)
VALUES (:id, :recording_id, :job_id, :number, :model, :task, :language, :duration_s, :now)

-- name: set_current_transcript
UPDATE recordings SET transcript_id = :transcript_id, updated_at = :now WHERE id = :recording_id

-- name: insert_segment
INSERT INTO segments (
    transcript_id, id, place, start_s, end_s, speaker, text, words_json, stats_json, language
) VALUES (
    :transcript_id, :id, :place, :start_s, :end_s, :speaker, :text, :words_json, :stats_json, :language
)

-- name: update_segment
-- What is NULL stays as it is.
UPDATE segments SET place = COALESCE(CAST(:place AS DOUBLE PRECISION), place),
    start_s = COALESCE(CAST(:start_s AS DOUBLE PRECISION), start_s),
    end_s = COALESCE(CAST(:end_s AS DOUBLE PRECISION), end_s),
    speaker = COALESCE(CAST(:speaker AS TEXT), speaker), text = COALESCE(CAST(:text AS TEXT), text),
    words_json = COALESCE(CAST(:words_json AS TEXT), words_json)
WHERE transcript_id = :transcript_id AND id = :id

-- name: delete_segment
DELETE FROM segments WHERE transcript_id = :transcript_id AND id = :id

-- name: segment
SELECT * FROM segments WHERE transcript_id = :transcript_id AND id = :id

-- name: segments_after
SELECT * FROM segments WHERE transcript_id = :transcript_id AND place > :place ORDER BY place LIMIT :limit

-- name: segments_page
SELECT * FROM segments WHERE transcript_id = :transcript_id ORDER BY place LIMIT :limit OFFSET :skip

-- name: segments_of
SELECT * FROM segments WHERE transcript_id = :transcript_id ORDER BY place

-- name: count_segments
SELECT COUNT(*) AS count FROM segments WHERE transcript_id = :transcript_id

-- name: insert_edit
INSERT INTO edits (transcript_id, revision, at, who, kind, before_json, after_json, undoes)
VALUES (:transcript_id, :revision, :now, :who, :kind, :before_json, :after_json, :undoes)

-- name: set_revision
UPDATE transcripts SET revision = :revision WHERE id = :transcript_id

-- name: note_edit
-- The version stays: it is that of the title, notes and tags.
UPDATE recordings SET updated_at = :now WHERE id = :recording_id

-- name: edit_steps
SELECT revision, kind, undoes FROM edits WHERE transcript_id = :transcript_id ORDER BY revision

-- name: edit
SELECT * FROM edits WHERE transcript_id = :transcript_id AND revision = :revision

-- name: edits_before
SELECT * FROM edits WHERE transcript_id = :transcript_id AND revision < :revision ORDER BY revision DESC LIMIT :limit

-- name: last_removal
SELECT * FROM edits WHERE transcript_id = :transcript_id AND after_json LIKE :pattern ORDER BY revision DESC LIMIT 1
