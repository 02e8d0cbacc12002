-- Who did what to what, when, from where. Nothing here is ever changed or deleted.

CREATE TABLE audit (
    key INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    actor INTEGER, -- account; NULL: nobody who had proved to be one
    who TEXT NOT NULL, -- the actor's handle at that time, or the name that was tried
    token INTEGER NOT NULL, -- 0: without one
    what TEXT NOT NULL, -- subject.verb
    path TEXT NOT NULL, -- the function or namespace that it is about
    about INTEGER, -- the account that it is about
    target TEXT NOT NULL, -- handle, address or id, in words
    origin TEXT NOT NULL, -- remote address
    outcome TEXT NOT NULL, -- ok, or the code of an error
    detail TEXT NOT NULL -- JSON
);

CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_who ON audit (who);
CREATE INDEX audit_by_what ON audit (what);
CREATE INDEX audit_by_path ON audit (path) WHERE path <> '';

-- Whose own thing an entry is: who did it, whom it is about, and who owns the handle above the path.
CREATE TABLE audit_concerns (
    account INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (account, entry)
) WITHOUT ROWID;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_concerns_are_not_changed BEFORE UPDATE ON audit_concerns
BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_concerns_are_not_deleted BEFORE DELETE ON audit_concerns
BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
