-- The documents of 0001 held the plain text; they are made again from the recordings at the next start.
DROP TABLE search_documents;

-- What a recording is found by: see domain/searching.py. `place` orders documents as their recordings were created, so
-- that an index which answers in the order of its rows answers the newest first.
-- only: sqlite
CREATE TABLE search_documents (
    place INTEGER PRIMARY KEY,
    recording_id TEXT NOT NULL UNIQUE REFERENCES recordings (id) ON DELETE CASCADE,
    folding INTEGER NOT NULL,
    title_key TEXT NOT NULL,
    body TEXT NOT NULL,
    starts_json TEXT NOT NULL,
    terms TEXT NOT NULL
);

-- Terms come separated by spaces, in ASCII or beyond it: the tokenizer has nothing to decide. Positions are not kept,
-- since phrases are looked for in the body, which makes the index six times smaller than one of trigrams.
CREATE VIRTUAL TABLE search_index USING fts5 (
    terms, content = 'search_documents', content_rowid = 'place', detail = 'none', tokenize = 'ascii', prefix = '2'
);
CREATE TRIGGER search_document_new AFTER INSERT ON search_documents BEGIN
    INSERT INTO search_index (rowid, terms) VALUES (new.place, new.terms);
END;
CREATE TRIGGER search_document_gone AFTER DELETE ON search_documents BEGIN
    INSERT INTO search_index (search_index, rowid, terms) VALUES ('delete', old.place, old.terms);
END;
CREATE TRIGGER search_document_changed AFTER UPDATE OF terms ON search_documents WHEN old.terms <> new.terms BEGIN
    INSERT INTO search_index (search_index, rowid, terms) VALUES ('delete', old.place, old.terms);
    INSERT INTO search_index (rowid, terms) VALUES (new.place, new.terms);
END;

-- only: postgresql
CREATE TABLE search_documents (
    place BIGINT PRIMARY KEY,
    recording_id TEXT NOT NULL UNIQUE REFERENCES recordings (id) ON DELETE CASCADE,
    folding INTEGER NOT NULL,
    title_key TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL,
    starts_json TEXT NOT NULL
);

-- A table of its own, with the terms moved out of its rows: to sort what a common term finds by age, few pages are read.
CREATE TABLE search_index (
    place BIGINT PRIMARY KEY REFERENCES search_documents (place) ON DELETE CASCADE,
    terms TSVECTOR NOT NULL
) WITH (toast_tuple_target = 128);
-- Without fastupdate, since each search would have to look through what is pending.
CREATE INDEX search_index_of_terms ON search_index USING gin (terms) WITH (fastupdate = off);

-- only: all
CREATE INDEX search_documents_by_title ON search_documents (title_key, place);
CREATE INDEX search_documents_by_folding ON search_documents (folding);
CREATE INDEX recordings_by_duration ON recordings (COALESCE(duration_s, -1), id);
