-- name: webhooks
SELECT * FROM webhooks ORDER BY created_at, id

-- name: webhook
SELECT * FROM webhooks WHERE id = :id

-- name: webhook_wishes
SELECT id, events_json FROM webhooks

-- name: insert_webhook
INSERT INTO webhooks (id, url, secret, events_json, description, include_text, created_at)
VALUES (:id, :url, :secret, :events_json, :description, :include_text, :now)

-- name: change_webhook
UPDATE webhooks SET url = :url, events_json = :events_json, description = :description, include_text = :include_text
WHERE id = :id

-- name: rotate_webhook
UPDATE webhooks SET old_secret = secret, old_secret_until = :until, secret = :secret WHERE id = :id

-- name: disable_webhook
UPDATE webhooks SET disabled_at = :now, disabled_why = :why WHERE id = :id AND disabled_at IS NULL

-- name: enable_webhook
UPDATE webhooks SET disabled_at = NULL, disabled_why = '', failing_since = NULL, paused_until = NULL WHERE id = :id

-- name: delete_webhook
DELETE FROM webhooks WHERE id = :id

-- name: webhook_works
UPDATE webhooks SET failing_since = NULL, paused_until = NULL
WHERE id = :id AND (failing_since IS NOT NULL OR paused_until IS NOT NULL)

-- name: webhook_fails
UPDATE webhooks SET failing_since = COALESCE(failing_since, :now), paused_until = COALESCE(:paused_until, paused_until)
WHERE id = :id RETURNING failing_since

-- The endpoint may be removed at this moment: then nothing is written, and nobody else's transaction fails for it.
-- name: insert_delivery
INSERT INTO deliveries (id, webhook_id, event, payload, state, not_before, created_at)
SELECT :id, id, :event, :payload, 'queued', :now, :now FROM webhooks WHERE id = :webhook_id

-- name: insert_delivery (postgresql)
INSERT INTO deliveries (id, webhook_id, event, payload, state, not_before, created_at)
SELECT :id, id, :event, :payload, 'queued', :now, :now FROM webhooks WHERE id = :webhook_id FOR KEY SHARE

-- One in hand is due when its lease ends. An endpoint that is disabled, paused or busy gets nothing. The first of each
-- other one is found in the index, however much waits for those.
-- name: due_delivery
SELECT d.* FROM webhooks w JOIN deliveries d ON d.id = (
    SELECT id FROM deliveries WHERE webhook_id = w.id AND ended_at IS NULL AND not_before <= :now
    ORDER BY not_before, id LIMIT 1
)
WHERE w.disabled_at IS NULL AND (w.paused_until IS NULL OR w.paused_until <= :now)
    AND w.id NOT IN (
        SELECT webhook_id FROM deliveries WHERE state = 'sending' AND lease_expires_at > :now
        GROUP BY webhook_id HAVING COUNT(*) >= :most
    )
ORDER BY d.not_before, d.id LIMIT 1

-- name: due_delivery (postgresql)
SELECT d.* FROM webhooks w CROSS JOIN LATERAL (
    SELECT * FROM deliveries WHERE webhook_id = w.id AND ended_at IS NULL AND not_before <= :now
    ORDER BY not_before, id LIMIT 1 FOR UPDATE SKIP LOCKED
) d
WHERE w.disabled_at IS NULL AND (w.paused_until IS NULL OR w.paused_until <= :now)
    AND w.id NOT IN (
        SELECT webhook_id FROM deliveries WHERE state = 'sending' AND lease_expires_at > :now
        GROUP BY webhook_id HAVING COUNT(*) >= :most
    )
ORDER BY d.not_before, d.id LIMIT 1

-- name: take_delivery
UPDATE deliveries SET state = 'sending', owner = :owner, attempt = attempt + 1, lease_expires_at = :until,
    not_before = :until
WHERE id = :id RETURNING *

-- name: next_due
SELECT MIN(CASE WHEN paused_until > first_at THEN paused_until ELSE first_at END) AS due_at FROM (
    SELECT w.paused_until, (
        SELECT MIN(d.not_before) FROM deliveries d WHERE d.webhook_id = w.id AND d.ended_at IS NULL
    ) AS first_at
    FROM webhooks w WHERE w.disabled_at IS NULL
) AS live WHERE first_at IS NOT NULL

-- name: end_delivery
UPDATE deliveries SET state = :state, failures = :failures, ended_at = :now, owner = NULL, lease_expires_at = NULL
WHERE id = :id AND state = 'sending' AND owner = :owner AND attempt = :attempt

-- name: queue_delivery
UPDATE deliveries SET state = 'queued', failures = :failures, not_before = :not_before, owner = NULL,
    lease_expires_at = NULL
WHERE id = :id AND state = 'sending' AND owner = :owner AND attempt = :attempt

-- name: insert_attempt
INSERT INTO delivery_attempts (delivery_id, attempt, at, status, error, took_s)
VALUES (:delivery_id, :attempt, :at, :status, :error, :took_s) ON CONFLICT (delivery_id, attempt) DO NOTHING

-- name: delivery
SELECT * FROM deliveries WHERE id = :id AND webhook_id = :webhook_id

-- name: deliveries_of
SELECT * FROM deliveries
WHERE webhook_id = :webhook_id AND (CAST(:state AS TEXT) IS NULL OR state = :state)
    AND (CAST(:before AS TEXT) IS NULL OR id < :before)
ORDER BY id DESC LIMIT :limit

-- name: attempts_of
SELECT attempt, at, status, error, took_s FROM delivery_attempts WHERE delivery_id = :id ORDER BY attempt

-- name: resend_delivery
UPDATE deliveries SET state = 'queued', failures = 0, not_before = :now, ended_at = NULL
WHERE id = :id AND webhook_id = :webhook_id AND state <> 'sending'

-- name: resend_failed
UPDATE deliveries SET state = 'queued', failures = 0, not_before = :now, ended_at = NULL
WHERE webhook_id = :webhook_id AND state = 'failed'

-- name: forget_deliveries
DELETE FROM deliveries WHERE created_at < :before AND state <> 'sending'

-- name: told_of_recording
SELECT state, source, duration_s, trashed_at FROM recordings WHERE id = :id
