-- A rule without an end has days = 0.

-- name: retention_rules
SELECT id, scope, value, days, created_at FROM retention_rules ORDER BY scope, value

-- name: put_retention_rule
INSERT INTO retention_rules (id, scope, value, days, created_at) VALUES (:id, :scope, :value, :days, :now)
ON CONFLICT (scope, value) DO UPDATE SET days = excluded.days, created_at = excluded.created_at
RETURNING id, scope, value, days, created_at

-- name: delete_retention_rule
DELETE FROM retention_rules WHERE id = :id

-- name: retention_candidates
SELECT r.id, r.completed_at AS since FROM recordings r
WHERE r.trashed_at IS NULL AND r.legal_hold = 0 AND r.completed_at <= :before
    AND (r.completed_at > :after OR (r.completed_at = :after AND r.id > :after_id))
    AND (CAST(:client AS TEXT) IS NULL OR r.client = :client)
    AND (CAST(:tag AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM tags t WHERE t.recording_id = r.id AND t.tag = :tag))
ORDER BY r.completed_at, r.id LIMIT :limit

-- name: trash_candidates
SELECT r.id, r.trashed_at AS since FROM recordings r
WHERE r.legal_hold = 0 AND r.trashed_at <= :before
    AND (r.trashed_at > :after OR (r.trashed_at = :after AND r.id > :after_id))
ORDER BY r.trashed_at, r.id LIMIT :limit

-- name: set_hold
UPDATE recordings SET legal_hold = :legal_hold, hold_reason = :reason WHERE id = :id
