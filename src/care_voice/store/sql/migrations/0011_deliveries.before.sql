-- What is due is looked for endpoint by endpoint: what waits for one that is disabled or paused costs the others nothing.
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (webhook_id, not_before, id) WHERE ended_at IS NULL;
