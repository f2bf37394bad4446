-- Keys are compared with the storage's own listing, which is in the order of their bytes.
-- only: postgresql
ALTER TABLE audio_parts ALTER COLUMN key TYPE TEXT COLLATE "C";
ALTER TABLE assets ALTER COLUMN key TYPE TEXT COLLATE "C";
-- only: all
CREATE INDEX audio_parts_by_key ON audio_parts (key);
CREATE INDEX assets_by_key ON assets (key);

-- One row: which installation this database is. A storage of sound that belongs to another one is never swept.
CREATE TABLE installation (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    id TEXT NOT NULL
);
