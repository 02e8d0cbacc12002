-- What was used, summed while it is recorded; and what was taken out of records again.

-- One row per day (days since 1970, UTC, on which invocations ended), version and caller.
CREATE TABLE usage (
    day INTEGER NOT NULL,
    version INTEGER NOT NULL,
    caller INTEGER NOT NULL,
    invocations INTEGER NOT NULL,
    failures INTEGER NOT NULL, -- those that did not succeed, whatever the reason
    run_seconds REAL NOT NULL,
    cpu_seconds REAL NOT NULL,
    bytes_in INTEGER NOT NULL, -- arguments, with the blobs that they name
    bytes_out INTEGER NOT NULL, -- results, the same
    PRIMARY KEY (day, version, caller)
) WITHOUT ROWID;

CREATE INDEX usage_by_caller ON usage (caller, day);
CREATE INDEX usage_by_version ON usage (version, day);

ALTER TABLE invocations ADD COLUMN cpu_seconds REAL NOT NULL DEFAULT 0;
ALTER TABLE invocations ADD COLUMN erased_at REAL; -- by hand; what only grew too old is expunged without it

-- What had ended before usage was summed, as far as its bodies are still there. Blobs are left out.
INSERT INTO usage
SELECT
    CAST(finished_at / 86400 AS INTEGER), version, caller, count(*), sum(state <> 3), total(run_seconds), 0.0,
    sum(coalesce(length(arguments), (SELECT length(body) FROM bodies WHERE key = 2 * seq), 0)),
    sum(coalesce(length(result), (SELECT length(body) FROM bodies WHERE key = 2 * seq + 1), 0))
FROM invocations WHERE state > 2 AND finished_at IS NOT NULL
GROUP BY 1, 2, 3;
