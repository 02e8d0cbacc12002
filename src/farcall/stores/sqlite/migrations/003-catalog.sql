-- The catalog: namespaces, links, aliases, what is deprecated or deleted, and what can be searched.

-- A deleted function keeps its row, so that its records still name it. Its name gets a `~` and its key, which no name has:
-- nothing finds it, and the name is free.
ALTER TABLE functions ADD COLUMN deleted_at REAL;
ALTER TABLE functions ADD COLUMN called TEXT GENERATED ALWAYS AS ( -- what it is, or was, called
    CASE WHEN deleted_at IS NULL THEN name ELSE substr(name, 1, instr(name, '~') - 1) END
) VIRTUAL;

ALTER TABLE versions ADD COLUMN deleted_at REAL; -- its number is not given to another
ALTER TABLE versions ADD COLUMN deprecated TEXT NOT NULL DEFAULT ''; -- what its callers are told
ALTER TABLE versions ADD COLUMN deprecated_at REAL;
ALTER TABLE versions ADD COLUMN seen_at REAL; -- when a worker that served it was last there
ALTER TABLE versions ADD COLUMN typical_seconds REAL; -- of running, a moving average

-- Every namespace there is: with `made_at` somebody made it, without it only what lies in it makes it exist.
CREATE TABLE namespaces (
    path TEXT PRIMARY KEY,
    made_at REAL
) WITHOUT ROWID;

WITH RECURSIVE above (path, rest) AS (
    SELECT substr(name, 1, instr(name, '/') - 1), substr(name, instr(name, '/') + 1) FROM functions
    UNION
    SELECT path || '/' || substr(rest, 1, instr(rest, '/') - 1), substr(rest, instr(rest, '/') + 1)
    FROM above WHERE instr(rest, '/')
)
INSERT OR IGNORE INTO namespaces (path) SELECT path FROM above;

CREATE TABLE links (
    path TEXT PRIMARY KEY,
    function INTEGER NOT NULL REFERENCES functions,
    passes INTEGER NOT NULL, -- whether who may call in its namespace may call the function
    made_by INTEGER NOT NULL,
    made_at REAL NOT NULL
) WITHOUT ROWID;

CREATE INDEX links_by_function ON links (function);

-- The last move of an alias that was not undone says which version it means.
CREATE TABLE alias_moves (
    key INTEGER PRIMARY KEY,
    function INTEGER NOT NULL REFERENCES functions,
    alias TEXT NOT NULL,
    version INTEGER NOT NULL REFERENCES versions,
    moved_by INTEGER NOT NULL,
    moved_at REAL NOT NULL,
    undone_at REAL
);

CREATE INDEX alias_moves_by_function ON alias_moves (function, alias);

-- One row per function; `words` is what `searching.py` makes of it.
CREATE VIRTUAL TABLE search USING fts5 (
    words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii', prefix = '2 3 4 5 6 7 8 9'
);
