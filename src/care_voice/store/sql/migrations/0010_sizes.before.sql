-- What recordings hold together is summed whenever one of unknown length grows under a limit: from this index alone.
CREATE INDEX recordings_by_size ON recordings (client, length, received);
