-- What many read and every call would have to write is filed later, many calls at once: under whom and what it was
-- called, and what it took (`usage`). Up to `filed_to`, in the order of acceptance, all of it is; who reads looks through
-- the few invocations behind that as well.

CREATE TABLE filed_by_caller (
    caller INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (caller, seq)
) WITHOUT ROWID;

CREATE TABLE filed_by_version (
    version INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (version, seq)
) WITHOUT ROWID;

INSERT INTO filed_by_caller SELECT caller, seq FROM invocations ORDER BY caller, seq;
INSERT INTO filed_by_version SELECT version, seq FROM invocations ORDER BY version, seq;

DROP INDEX invocations_by_caller;
DROP INDEX invocations_by_version;

ALTER TABLE housekeeping ADD COLUMN filed_to INTEGER NOT NULL DEFAULT 0;

UPDATE housekeeping SET filed_to = (SELECT coalesce(max(seq), 0) FROM invocations);
