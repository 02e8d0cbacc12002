-- Where names went: workers go on publishing under the names in their files. A name that is in use again has no row.
CREATE TABLE moved (
    old TEXT PRIMARY KEY,
    new TEXT NOT NULL,
    at REAL NOT NULL
) WITHOUT ROWID;

CREATE INDEX moved_by_new ON moved (new);
