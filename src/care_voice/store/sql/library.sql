-- Lists of recordings. Each order has a statement over all recordings (library_*), and one over those that the search
-- index names (search_*). The page after a cursor is that after its sort key; the first page gives a key beyond all.

-- name: recording_filters
CASE WHEN r.trashed_at IS NULL THEN 0 ELSE 1 END = :trashed
AND r.created_at >= :since AND r.created_at < :until
AND (CAST(:state AS TEXT) IS NULL OR r.state = :state)
AND (CAST(:client AS TEXT) IS NULL OR r.client = :client)
AND (CAST(:source AS TEXT) IS NULL OR r.source = :source)
AND (CAST(:has_transcript AS INTEGER) IS NULL
    OR CASE WHEN r.transcript_id IS NULL THEN 0 ELSE 1 END = :has_transcript)
AND (CAST(:legal_hold AS INTEGER) IS NULL OR r.legal_hold = :legal_hold)
AND (CAST(:language AS TEXT) IS NULL
    OR EXISTS (SELECT 1 FROM transcripts t WHERE t.id = r.transcript_id AND t.language = :language))
AND (CAST(:transcription AS TEXT) IS NULL OR :transcription = COALESCE((
    SELECT j.state FROM jobs j WHERE j.recording_id = r.id AND j.kind = 'transcribe'
    ORDER BY j.created_at DESC, j.id DESC LIMIT 1
), 'none'))

-- name: has_tags
(SELECT COUNT(*) FROM tags g WHERE g.recording_id = r.id AND g.tag IN (SELECT value FROM json_each(:tags))) = :tag_count

-- name: has_tags (postgresql)
(SELECT COUNT(*) FROM tags g
    WHERE g.recording_id = r.id AND g.tag IN (SELECT jsonb_array_elements_text(CAST(:tags AS JSONB)))) = :tag_count

-- name: has_needles
NOT EXISTS (SELECT 1 FROM json_each(:needles) n WHERE INSTR(d.body, n.value) = 0)

-- name: has_needles (postgresql)
NOT EXISTS (SELECT 1 FROM jsonb_array_elements_text(CAST(:needles AS JSONB)) n (needle) WHERE STRPOS(d.body, needle) = 0)

-- name: library_newest
SELECT r.* FROM recordings r
WHERE (r.created_at, r.id) < (:key, :id) AND
-- include: recording_filters
ORDER BY r.created_at DESC, r.id DESC LIMIT :limit

-- name: library_oldest
SELECT r.* FROM recordings r
WHERE (r.created_at, r.id) > (:key, :id) AND
-- include: recording_filters
ORDER BY r.created_at, r.id LIMIT :limit

-- name: library_title
SELECT r.*, d.title_key, d.place FROM search_documents d JOIN recordings r ON r.id = d.recording_id
WHERE (d.title_key, d.place) > (:key, :id) AND
-- include: recording_filters
ORDER BY d.title_key, d.place LIMIT :limit

-- name: library_duration
SELECT r.* FROM recordings r
WHERE (COALESCE(r.duration_s, -1), r.id) < (:key, :id) AND
-- include: recording_filters
ORDER BY COALESCE(r.duration_s, -1) DESC, r.id DESC LIMIT :limit

-- name: library_count
SELECT COUNT(*) AS count FROM (
    SELECT 1 FROM recordings r WHERE
    -- include: recording_filters
    LIMIT :limit
) counted

-- What the planner of PostgreSQL believes about rare terms is wrong by orders of magnitude, and it would walk through
-- all documents: within a search it is left the index of the terms alone.
-- name: plan_search
SELECT 1

-- name: plan_search (postgresql)
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'off', true),
    set_config('enable_indexonlyscan', 'off', true)

-- name: matching
search_index f CROSS JOIN search_documents d ON d.place = f.rowid CROSS JOIN recordings r ON r.id = d.recording_id
WHERE search_index MATCH :match AND

-- name: matching (postgresql)
search_index f JOIN search_documents d ON d.place = f.place JOIN recordings r ON r.id = d.recording_id
WHERE f.terms @@ CAST(:match AS TSQUERY) AND

-- name: search_newest
SELECT r.*, d.place, d.body, d.starts_json
FROM search_index f CROSS JOIN search_documents d ON d.place = f.rowid CROSS JOIN recordings r ON r.id = d.recording_id
WHERE search_index MATCH :match AND f.rowid < :key AND
-- include: recording_filters
AND
-- include: has_tags
AND
-- include: has_needles
ORDER BY f.rowid DESC LIMIT :limit

-- OFFSET 0 keeps the sorted places apart from the joins, which then end as soon as there are enough rows.
-- name: search_newest (postgresql)
SELECT r.*, d.place, d.body, d.starts_json
FROM (
    SELECT place FROM search_index WHERE terms @@ CAST(:match AS TSQUERY) AND place < :key ORDER BY place DESC OFFSET 0
) f JOIN search_documents d ON d.place = f.place JOIN recordings r ON r.id = d.recording_id
WHERE
-- include: recording_filters
AND
-- include: has_tags
AND
-- include: has_needles
ORDER BY f.place DESC LIMIT :limit

-- name: search_oldest
SELECT r.*, d.place, d.body, d.starts_json
FROM search_index f CROSS JOIN search_documents d ON d.place = f.rowid CROSS JOIN recordings r ON r.id = d.recording_id
WHERE search_index MATCH :match AND f.rowid > :key AND
-- include: recording_filters
AND
-- include: has_tags
AND
-- include: has_needles
ORDER BY f.rowid LIMIT :limit

-- name: search_oldest (postgresql)
SELECT r.*, d.place, d.body, d.starts_json
FROM (
    SELECT place FROM search_index WHERE terms @@ CAST(:match AS TSQUERY) AND place > :key ORDER BY place OFFSET 0
) f JOIN search_documents d ON d.place = f.place JOIN recordings r ON r.id = d.recording_id
WHERE
-- include: recording_filters
AND
-- include: has_tags
AND
-- include: has_needles
ORDER BY f.place LIMIT :limit

-- name: search_title
SELECT r.*, d.title_key, d.place, d.body, d.starts_json FROM
-- include: matching
(d.title_key, d.place) > (:key, :id) AND
-- include: recording_filters
AND
-- include: has_tags
AND
-- include: has_needles
ORDER BY d.title_key, d.place LIMIT :limit

-- name: search_duration
SELECT r.*, d.place, d.body, d.starts_json FROM
-- include: matching
(COALESCE(r.duration_s, -1), r.id) < (:key, :id) AND
-- include: recording_filters
AND
-- include: has_tags
AND
-- include: has_needles
ORDER BY COALESCE(r.duration_s, -1) DESC, r.id DESC LIMIT :limit

-- name: search_count
SELECT COUNT(*) AS count FROM (
    SELECT 1 FROM
    -- include: matching
    -- include: recording_filters
    AND
    -- include: has_tags
    AND
    -- include: has_needles
    LIMIT :limit
) counted

-- name: tags_of_many
SELECT recording_id, tag FROM tags WHERE recording_id IN (SELECT value FROM json_each(:ids)) ORDER BY recording_id, tag

-- name: tags_of_many (postgresql)
SELECT recording_id, tag FROM tags
WHERE recording_id IN (SELECT jsonb_array_elements_text(CAST(:ids AS JSONB))) ORDER BY recording_id, tag

-- The language of the current transcript, and the first lines of it.
-- name: beginnings_of_many
SELECT r.id, t.language, (
    SELECT json_group_array(f.text) FROM (
        SELECT s.text FROM segments s WHERE s.transcript_id = t.id ORDER BY s.place LIMIT :lines
    ) f
) AS lines_json
FROM recordings r JOIN transcripts t ON t.id = r.transcript_id
WHERE r.id IN (SELECT value FROM json_each(:ids))

-- name: beginnings_of_many (postgresql)
SELECT r.id, t.language, (
    SELECT CAST(COALESCE(json_agg(f.text), '[]') AS TEXT) FROM (
        SELECT s.text FROM segments s WHERE s.transcript_id = t.id ORDER BY s.place LIMIT :lines
    ) f
) AS lines_json
FROM recordings r JOIN transcripts t ON t.id = r.transcript_id
WHERE r.id IN (SELECT jsonb_array_elements_text(CAST(:ids AS JSONB)))

-- name: tag_counts
SELECT g.tag, COUNT(*) AS count FROM tags g JOIN recordings r ON r.id = g.recording_id
WHERE r.trashed_at IS NULL GROUP BY g.tag ORDER BY count DESC, g.tag LIMIT :limit

-- Segments by their number in the order of the transcript.
-- name: segments_numbered
WITH wanted AS (
    SELECT json_extract(value, '$[0]') AS transcript_id, json_extract(value, '$[1]') AS number FROM json_each(:wanted)
), numbered AS (
    SELECT rowid AS at, transcript_id, ROW_NUMBER() OVER (PARTITION BY transcript_id ORDER BY place) - 1 AS number
    FROM segments WHERE transcript_id IN (SELECT transcript_id FROM wanted)
)
SELECT n.transcript_id, n.number, s.id, s.start_s, s.end_s, s.text
FROM numbered n JOIN segments s ON s.rowid = n.at
WHERE (n.transcript_id, n.number) IN (SELECT transcript_id, number FROM wanted)

-- name: segments_numbered (postgresql)
SELECT w.transcript_id, w.number, s.id, s.start_s, s.end_s, s.text
FROM (
    SELECT each ->> 0 AS transcript_id, CAST(each ->> 1 AS INTEGER) AS number
    FROM jsonb_array_elements(CAST(:wanted AS JSONB)) each
) w CROSS JOIN LATERAL (
    SELECT id, start_s, end_s, text FROM segments
    WHERE transcript_id = w.transcript_id ORDER BY place LIMIT 1 OFFSET w.number
) s

-- name: describe_recording
UPDATE recordings SET title = :title, notes = :notes WHERE id = :id

-- name: trash_recording
UPDATE recordings SET trashed_at = :at WHERE id = :id

-- name: search_place
SELECT place FROM search_documents WHERE recording_id = :id

-- Nothing is written where the place is taken.
-- name: insert_search_document
INSERT INTO search_documents (place, recording_id, folding, title_key, body, starts_json, terms)
VALUES (:place, :id, :folding, :title_key, :body, :starts_json, :terms) ON CONFLICT (place) DO NOTHING

-- name: insert_search_document (postgresql)
WITH document AS (
    INSERT INTO search_documents (place, recording_id, folding, title_key, body, starts_json)
    VALUES (:place, :id, :folding, :title_key, :body, :starts_json) ON CONFLICT (place) DO NOTHING RETURNING place
)
INSERT INTO search_index (place, terms) SELECT place, array_to_tsvector(string_to_array(:terms, ' ')) FROM document

-- name: update_search_document
UPDATE search_documents SET folding = :folding, title_key = :title_key, body = :body, starts_json = :starts_json,
    terms = :terms
WHERE place = :place

-- name: update_search_document (postgresql)
WITH document AS (
    UPDATE search_documents SET folding = :folding, title_key = :title_key, body = :body, starts_json = :starts_json
    WHERE place = :place RETURNING place
)
UPDATE search_index SET terms = array_to_tsvector(string_to_array(:terms, ' '))
FROM document WHERE search_index.place = document.place

-- name: search_sources
SELECT r.id, r.client, r.created_at, r.title, r.notes, r.filename, r.transcript_id FROM recordings r WHERE r.id = :id

-- Locked, so that nobody else makes its document at the same time.
-- name: search_sources (postgresql)
SELECT r.id, r.client, r.created_at, r.title, r.notes, r.filename, r.transcript_id FROM recordings r WHERE r.id = :id
FOR NO KEY UPDATE

-- name: search_segments
SELECT text FROM segments WHERE transcript_id = :transcript_id ORDER BY place

-- name: unsearchable
SELECT r.id FROM recordings r LEFT JOIN search_documents d ON d.recording_id = r.id
WHERE r.id > :after AND (d.folding IS NULL OR d.folding <> :folding) ORDER BY r.id LIMIT :limit

-- name: tidy_search
INSERT INTO search_index (search_index, rank) VALUES ('merge', :pages)

-- name: tidy_search (postgresql)
SELECT CAST(:pages AS INTEGER)

-- name: changes_so_far
SELECT total_changes() AS count

-- name: changes_so_far (postgresql)
SELECT 0 AS count
