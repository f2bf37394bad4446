-- What can be undone is found from these columns alone; the rows themselves may hold much text.
CREATE INDEX edits_in_short ON edits (transcript_id, revision, kind, undoes);
