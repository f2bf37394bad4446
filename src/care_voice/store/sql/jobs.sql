-- name: insert_job
INSERT INTO jobs (id, recording_id, kind, state, priority, client, request_json, not_before, created_at)
VALUES (:id, :recording_id, :kind, 'queued', :priority, :client, :request_json, 0, :now)

-- name: job
SELECT * FROM jobs WHERE id = :id

-- name: lock_job
SELECT * FROM jobs WHERE id = :id

-- name: lock_job (postgresql)
SELECT * FROM jobs WHERE id = :id FOR UPDATE

-- Of those made at the same moment, people wait for the transcript.
-- name: jobs_of
SELECT * FROM jobs WHERE recording_id = :recording_id
ORDER BY created_at, CASE kind WHEN 'transcribe' THEN 0 ELSE 1 END, id

-- name: is_latest_of
j.kind = :kind AND NOT EXISTS (
    SELECT 1 FROM jobs later WHERE later.recording_id = j.recording_id AND later.kind = j.kind
        AND (later.created_at, later.id) > (j.created_at, j.id)
)

-- name: latest_jobs
SELECT j.* FROM jobs j WHERE j.recording_id IN (SELECT value FROM json_each(:ids)) AND
-- include: is_latest_of

-- name: latest_jobs (postgresql)
SELECT j.* FROM jobs j WHERE j.recording_id IN (SELECT jsonb_array_elements_text(CAST(:ids AS JSONB))) AND
-- include: is_latest_of

-- name: next_job
-- Jobs of a recording in the trash wait until it is restored.
SELECT j.* FROM jobs j JOIN recordings r ON r.id = j.recording_id
WHERE j.state = 'queued' AND (j.not_before <= :now OR j.not_before > :absurd) AND j.kind = :kind
    AND j.priority BETWEEN :least AND :most AND r.trashed_at IS NULL
ORDER BY j.priority, j.created_at, j.id LIMIT 1

-- name: next_job (postgresql)
SELECT j.* FROM jobs j JOIN recordings r ON r.id = j.recording_id
WHERE j.state = 'queued' AND (j.not_before <= :now OR j.not_before > :absurd) AND j.kind = :kind
    AND j.priority BETWEEN :least AND :most AND r.trashed_at IS NULL
ORDER BY j.priority, j.created_at, j.id LIMIT 1 FOR UPDATE OF j SKIP LOCKED

-- name: update_job
UPDATE jobs SET state = :state, priority = :priority, attempt = :attempt, failures = :failures, owner = :owner,
    lease_expires_at = :lease_expires_at, not_before = :not_before, cancel_requested = :cancel_requested,
    done_s = :done_s, total_s = :total_s, error_code = :error_code, error_json = :error_json, started_at = :started_at, ended_at = :ended_at
WHERE id = :id

-- name: renew_lease
UPDATE jobs SET lease_expires_at = :expires_at
WHERE id = :id AND state = 'running' AND owner = :owner AND attempt = :attempt
RETURNING cancel_requested

-- name: progress
UPDATE jobs SET done_s = :done_s, total_s = COALESCE(:total_s, total_s),
    failures = CASE WHEN CAST(:saved AS INTEGER) = 1 THEN 0 ELSE failures END
WHERE id = :id AND state = 'running' AND owner = :owner AND attempt = :attempt
RETURNING recording_id

-- name: insert_window
INSERT INTO windows (job_id, number, start_s, end_s, attempt, decoded_json)
VALUES (:job_id, :number, :start_s, :end_s, :attempt, :decoded_json)
ON CONFLICT (job_id, number) DO UPDATE SET start_s = excluded.start_s, end_s = excluded.end_s,
    attempt = excluded.attempt, decoded_json = excluded.decoded_json

-- name: windows_of
SELECT number, start_s, end_s, decoded_json FROM windows WHERE job_id = :job_id ORDER BY number

-- name: delete_windows
DELETE FROM windows WHERE job_id = :job_id

-- name: expired_jobs
SELECT * FROM jobs WHERE state = 'running' AND (lease_expires_at <= :now OR lease_expires_at > :absurd) LIMIT :limit

-- name: expired_jobs (postgresql)
SELECT * FROM jobs WHERE state = 'running' AND (lease_expires_at <= :now OR lease_expires_at > :absurd) LIMIT :limit
FOR UPDATE SKIP LOCKED

-- name: jobs_held_by
SELECT * FROM jobs WHERE state = 'running' AND owner = :owner LIMIT :limit

-- name: jobs_held_by (postgresql)
SELECT * FROM jobs WHERE state = 'running' AND owner = :owner LIMIT :limit FOR UPDATE SKIP LOCKED

-- name: next_job_time
SELECT MIN(not_before) AS at FROM jobs WHERE state = 'queued' AND not_before > :now

-- name: last_told
SELECT body_json FROM events WHERE recording_id = :recording_id AND kind = 'job.segments' ORDER BY seq DESC LIMIT 1
