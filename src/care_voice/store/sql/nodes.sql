-- name: node_seen
INSERT INTO nodes (id, host, pid, version, started_at, seen_at) VALUES (:id, :host, :pid, :version, :now, :now)
ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at

-- name: forget_node
DELETE FROM nodes WHERE id = :id

-- name: forget_nodes
DELETE FROM nodes WHERE seen_at < :before

-- name: nodes
SELECT n.id, n.host, n.pid, n.version, n.started_at, n.seen_at,
    (SELECT COUNT(*) FROM jobs j WHERE j.owner = n.id AND j.state = 'running') AS jobs
FROM nodes n ORDER BY n.started_at, n.id
