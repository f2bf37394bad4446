-- When the audio storage was seen to hold nothing of the recording any more.
ALTER TABLE receipts ADD COLUMN audio_gone_at DOUBLE PRECISION;
CREATE INDEX receipts_by_age ON receipts (at, id);
CREATE INDEX receipts_to_complete ON receipts (id) WHERE audio_gone_at IS NULL;
CREATE INDEX recordings_by_completion ON recordings (completed_at, id);
CREATE INDEX idempotency_keys_by_result ON idempotency_keys (result_id);
