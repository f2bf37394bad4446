-- Whoever imports files looks for what is there already.
CREATE INDEX recordings_by_digest ON recordings (sha256);
