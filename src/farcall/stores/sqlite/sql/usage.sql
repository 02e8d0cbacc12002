-- What was used: summed when an invocation is filed or, if it ends later, in the transaction that records its end. Limits
-- of accounts, and erasure.

-- name: add_to_usage
ON CONFLICT (day, version, caller) DO UPDATE SET
    invocations = invocations + excluded.invocations, failures = failures + excluded.failures,
    run_seconds = run_seconds + excluded.run_seconds, cpu_seconds = cpu_seconds + excluded.cpu_seconds,
    bytes_in = bytes_in + excluded.bytes_in, bytes_out = bytes_out + excluded.bytes_out

-- name: add_usage
INSERT INTO usage (day, version, caller, invocations, failures, run_seconds, cpu_seconds, bytes_in, bytes_out)
VALUES ROWS
{add_to_usage}

-- name: taken
-- What rows of `invocations` that have ended took, as rows of `usage`: grouped by the first three columns.
CAST(finished_at / 86400 AS INTEGER) AS day, version, caller, count(*) AS invocations, sum(state <> 3) AS failures,
total(run_seconds) AS run_seconds, total(cpu_seconds) AS cpu_seconds,
sum(coalesce(length(arguments), (SELECT length(body) FROM bodies WHERE key = 2 * seq), 0) + CASE
    WHEN blobs IS NULL THEN 0
    ELSE (SELECT coalesce(sum(size), 0) FROM blobs WHERE digest IN (SELECT value FROM json_each(invocations.blobs)))
END) AS bytes_in,
sum(coalesce(length(result), (SELECT length(body) FROM bodies WHERE key = 2 * seq + 1), 0)) AS bytes_out

-- name: charge_stored
-- Rows by id, which have ended and are written, with their bodies. CROSS fixes the order of the loops.
INSERT INTO usage
SELECT {taken}
FROM (VALUES ROWS) AS item CROSS JOIN invocations ON invocations.id = item.column1
WHERE true
GROUP BY 1, 2, 3
{add_to_usage}

-- name: charge_blobs
-- Blobs ?2 (a JSON array of digests) of the result of ?1, whose usage is there.
UPDATE usage SET bytes_out = bytes_out
    + (SELECT coalesce(sum(size), 0) FROM blobs WHERE digest IN (SELECT value FROM json_each(?2)))
FROM invocations
WHERE invocations.id = ?1 AND usage.day = CAST(invocations.finished_at / 86400 AS INTEGER)
    AND usage.version = invocations.version AND usage.caller = invocations.caller

-- name: usage_by
-- ?1 caller or NULL, ?2 owners (a JSON array) or NULL, ?3 function or namespace or NULL, ?4 and ?5 first and last day, ?6 to ?9 what is told apart
SELECT
    CASE WHEN ?6 THEN usage.day END, CASE WHEN ?7 THEN functions.called END, CASE WHEN ?8 THEN versions.number END,
    CASE WHEN ?9 THEN callers.handle END, sum(invocations), sum(failures), total(run_seconds), total(cpu_seconds),
    sum(bytes_in), sum(bytes_out)
FROM (
    SELECT * FROM usage
    UNION ALL
    SELECT {taken} FROM invocations WHERE seq > (SELECT filed_to FROM housekeeping) AND state > 2 GROUP BY 1, 2, 3
) AS usage
JOIN versions ON versions.key = usage.version
JOIN functions ON functions.key = versions.function
JOIN accounts AS callers ON callers.key = usage.caller
WHERE (?2 IS NULL OR functions.owner IN (SELECT value FROM json_each(?2)))
    AND (?3 IS NULL OR functions.name = ?3 OR (functions.name >= ?3 || '/' AND functions.name < ?3 || '0')
        OR (functions.name > ?3 || '~' AND functions.name < ?3 || '~~')) -- deleted
    AND usage.day BETWEEN ?4 AND ?5

-- name: usage_in_order
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT ?10 OFFSET ?11

-- name: usage
{usage_by} AND ?1 IS NULL
{usage_in_order}

-- name: usage_of_caller
{usage_by} AND usage.caller = ?1
{usage_in_order}

-- name: usage_of_owners
{usage_by} AND usage.version IN (
    SELECT versions.key FROM versions JOIN functions ON functions.key = versions.function
    WHERE functions.owner IN (SELECT value FROM json_each(?2))
) AND ?1 IS NULL
{usage_in_order}

-- name: unfinished
-- By the indexes of what is queued and leased: by the caller's, it would be all that the caller ever called.
SELECT unfinished.id, functions.called
FROM (
    SELECT seq, id, version FROM invocations INDEXED BY invocations_queued WHERE state = 1 AND caller = ?1
    UNION ALL
    SELECT seq, id, version FROM invocations INDEXED BY invocations_leased WHERE state = 2 AND caller = ?1
) AS unfinished
JOIN versions ON versions.key = unfinished.version
JOIN functions ON functions.key = versions.function
ORDER BY unfinished.seq

-- name: set_limits
UPDATE accounts SET limits = ?2, access_epoch = access_epoch + 1 WHERE key = ?1 RETURNING key

-- name: erasable
SELECT seq, state, failure, erased_at FROM invocations WHERE id = ?1

-- name: erase
UPDATE invocations SET arguments = x'', result = x'', blobs = NULL, failure = ?2, erased_at = ?3 WHERE seq = ?1
