-- What an endpoint asked for, the secret that it had before, and how it does.
ALTER TABLE webhooks ADD COLUMN include_text INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhooks ADD COLUMN old_secret TEXT;
ALTER TABLE webhooks ADD COLUMN old_secret_until DOUBLE PRECISION;
ALTER TABLE webhooks ADD COLUMN failing_since DOUBLE PRECISION;
ALTER TABLE webhooks ADD COLUMN paused_until DOUBLE PRECISION;

-- Failed tries since it was queued, or queued again: what the schedule goes by. attempt counts all there ever were.
ALTER TABLE deliveries ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;

-- What is due, in order; and what is in hand, to share the room between endpoints.
DROP INDEX deliveries_to_claim;
CREATE INDEX deliveries_due ON deliveries (not_before, id) WHERE ended_at IS NULL;
CREATE INDEX deliveries_in_hand ON deliveries (webhook_id) WHERE state = 'sending';
CREATE INDEX deliveries_by_age ON deliveries (created_at);

-- The log of an endpoint, in pages.
DROP INDEX deliveries_of_webhook;
CREATE INDEX deliveries_log ON deliveries (webhook_id, id);
