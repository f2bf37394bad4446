-- Times are Unix seconds. Flags are 0 or 1. Columns named *_json hold JSON. Text that both databases compare is compared
-- by its bytes (identifiers, states); what people read is searched through the search tables.

CREATE TABLE recordings (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    filename TEXT NOT NULL DEFAULT '',
    media_type TEXT NOT NULL DEFAULT '',
    title TEXT NOT NULL DEFAULT '',
    notes TEXT NOT NULL DEFAULT '',
    metadata_json TEXT NOT NULL DEFAULT '{}',
    wish_json TEXT NOT NULL DEFAULT '{}',
    length BIGINT,
    received BIGINT NOT NULL DEFAULT 0,
    appender BIGINT NOT NULL DEFAULT 0,
    sha256 TEXT,
    duration_s DOUBLE PRECISION,
    transcript_id TEXT,
    legal_hold INTEGER NOT NULL DEFAULT 0,
    hold_reason TEXT NOT NULL DEFAULT '',
    version BIGINT NOT NULL DEFAULT 1,
    event_seq BIGINT NOT NULL DEFAULT 0,
    created_at DOUBLE PRECISION NOT NULL,
    updated_at DOUBLE PRECISION NOT NULL,
    completed_at DOUBLE PRECISION,
    expires_at DOUBLE PRECISION,
    trashed_at DOUBLE PRECISION
);
CREATE INDEX recordings_by_age ON recordings (created_at, id);
CREATE INDEX recordings_by_client ON recordings (client, created_at);
CREATE INDEX recordings_by_expiry ON recordings (expires_at);
CREATE INDEX recordings_in_trash ON recordings (trashed_at);

-- What has been received and not yet joined into one object: contiguous stretches of bytes from 0 to recordings.received.
CREATE TABLE audio_parts (
    recording_id TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    start BIGINT NOT NULL,
    length BIGINT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (recording_id, start)
);

-- What was derived from the sound: the copy for playback and its waveform.
CREATE TABLE assets (
    recording_id TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (recording_id, kind)
);

-- Objects that no row names any more; they are deleted after the transaction that wrote this, and again until it works.
CREATE TABLE doomed_objects (
    key TEXT PRIMARY KEY,
    since DOUBLE PRECISION NOT NULL
);

CREATE TABLE tags (
    recording_id TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (recording_id, tag)
);
CREATE INDEX tags_by_name ON tags (tag);

CREATE TABLE events (
    recording_id TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    kind TEXT NOT NULL,
    body_json TEXT NOT NULL,
    PRIMARY KEY (recording_id, seq)
);

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    recording_id TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    priority INTEGER NOT NULL,
    client TEXT NOT NULL,
    request_json TEXT NOT NULL DEFAULT '{}',
    release TEXT NOT NULL DEFAULT '',
    attempt INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    owner TEXT,
    lease_expires_at DOUBLE PRECISION,
    not_before DOUBLE PRECISION NOT NULL,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    done_s DOUBLE PRECISION NOT NULL DEFAULT 0,
    total_s DOUBLE PRECISION,
    error_code TEXT,
    error_json TEXT,
    created_at DOUBLE PRECISION NOT NULL,
    started_at DOUBLE PRECISION,
    ended_at DOUBLE PRECISION
);
CREATE INDEX jobs_of_recording ON jobs (recording_id, created_at);
CREATE INDEX jobs_to_claim ON jobs (state, priority, not_before, created_at);

-- Checkpoints: what has been computed of a job that is not done. Deleted when its transcript is written.
CREATE TABLE windows (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    start_s DOUBLE PRECISION NOT NULL,
    end_s DOUBLE PRECISION NOT NULL,
    attempt INTEGER NOT NULL,
    decoded_json TEXT NOT NULL,
    PRIMARY KEY (job_id, number)
);

CREATE TABLE idempotency_keys (
    client TEXT NOT NULL,
    key TEXT NOT NULL,
    request_sha256 TEXT NOT NULL,
    result_id TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (client, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE transcripts (
    id TEXT PRIMARY KEY,
    recording_id TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    job_id TEXT NOT NULL UNIQUE,
    number INTEGER NOT NULL,
    model TEXT NOT NULL,
    task TEXT NOT NULL,
    language TEXT NOT NULL,
    duration_s DOUBLE PRECISION NOT NULL,
    revision BIGINT NOT NULL DEFAULT 0,
    created_at DOUBLE PRECISION NOT NULL,
    UNIQUE (recording_id, number)
);

-- place orders the segments of a transcript and leaves room between them, so that one can be split without moving others.
CREATE TABLE segments (
    transcript_id TEXT NOT NULL REFERENCES transcripts (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    place DOUBLE PRECISION NOT NULL,
    start_s DOUBLE PRECISION NOT NULL,
    end_s DOUBLE PRECISION NOT NULL,
    speaker TEXT NOT NULL DEFAULT '',
    text TEXT NOT NULL,
    words_json TEXT NOT NULL DEFAULT '[]',
    stats_json TEXT NOT NULL DEFAULT '{}',
    language TEXT,
    PRIMARY KEY (transcript_id, id)
);
CREATE INDEX segments_in_order ON segments (transcript_id, place);

-- Each edit with what it changed from and to; undone ones stay, so that history is never rewritten.
CREATE TABLE edits (
    transcript_id TEXT NOT NULL REFERENCES transcripts (id) ON DELETE CASCADE,
    revision BIGINT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    who TEXT NOT NULL,
    kind TEXT NOT NULL,
    before_json TEXT NOT NULL,
    after_json TEXT NOT NULL,
    undoes BIGINT,
    PRIMARY KEY (transcript_id, revision)
);

CREATE TABLE nodes (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    pid BIGINT NOT NULL,
    version TEXT NOT NULL,
    started_at DOUBLE PRECISION NOT NULL,
    seen_at DOUBLE PRECISION NOT NULL
);

CREATE TABLE retention_rules (
    id TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    value TEXT NOT NULL,
    days DOUBLE PRECISION NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    UNIQUE (scope, value)
);

-- What was deleted for good: proof that it is gone, and nothing of what it held.
CREATE TABLE receipts (
    id TEXT PRIMARY KEY,
    recording_id TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    who TEXT NOT NULL,
    reason TEXT NOT NULL,
    body_json TEXT NOT NULL
);
CREATE INDEX receipts_of_recording ON receipts (recording_id);

CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    events_json TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    disabled_at DOUBLE PRECISION,
    disabled_why TEXT NOT NULL DEFAULT '',
    created_at DOUBLE PRECISION NOT NULL
);

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    webhook_id TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    owner TEXT,
    lease_expires_at DOUBLE PRECISION,
    not_before DOUBLE PRECISION NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    ended_at DOUBLE PRECISION
);
CREATE INDEX deliveries_to_claim ON deliveries (state, not_before);
CREATE INDEX deliveries_of_webhook ON deliveries (webhook_id, created_at);

CREATE TABLE delivery_attempts (
    delivery_id TEXT NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    status INTEGER,
    error TEXT NOT NULL DEFAULT '',
    took_s DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (delivery_id, attempt)
);

-- The words of a recording as they are searched: title, notes, tags and the current transcript.
CREATE TABLE search_documents (
    recording_id TEXT PRIMARY KEY REFERENCES recordings (id) ON DELETE CASCADE,
    body TEXT NOT NULL
);
