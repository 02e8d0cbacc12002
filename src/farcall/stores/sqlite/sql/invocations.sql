-- Statements of the hot path and of everything else about invocations.
-- ROWS stands for as many parenthesised groups of placeholders as there are items: one statement, and so one release of
-- the interpreter lock, for a whole batch. {name} stands for the statement of that name.

-- name: queued_rows
-- One row, and so one step, for them all.
json_group_array(json_array(
    seq, hex(id), version, caller, hex(arguments), hex(request_digest), created_at, priority, timeout_seconds,
    expires_at, waits_for_worker, tries_left, json(coalesce(blobs, '[]')), coalesce(idempotency_key, ''),
    attempt, fence, worker, cancel_requested_at IS NOT NULL, arguments IS NULL, state
) ORDER BY seq)

-- name: invocation_rows
SELECT
    invocations.seq, invocations.id, functions.called, invocations.version, versions.number, invocations.caller,
    callers.handle, functions.owner, invocations.state, invocations.created_at, invocations.started_at,
    invocations.finished_at, invocations.run_seconds, invocations.attempt, invocations.tries_left,
    invocations.worker, invocations.priority, invocations.cancel_requested_at, invocations.arguments,
    invocations.result, invocations.failure, invocations.timeout_seconds, invocations.expires_at,
    invocations.cpu_seconds, invocations.erased_at
FROM invocations
JOIN versions ON versions.key = invocations.version
JOIN functions ON functions.key = versions.function
JOIN accounts AS callers ON callers.key = invocations.caller

-- name: insert_invocations
INSERT OR IGNORE INTO invocations (
    seq, id, version, caller, state, priority, request_digest, created_at, timeout_seconds, expires_at,
    waits_for_worker, tries_left, attempt, fence, worker, started_at, finished_at, run_seconds, failure,
    arguments, result, blobs, idempotency_key, cpu_seconds
) VALUES ROWS

-- name: find_invocation
SELECT seq, request_digest, caller FROM invocations WHERE id = ?1

-- name: check_completions
-- How many cannot be carried out as they are, how many complete what is filed, and how many what names blobs.
SELECT
    total(
        invocations.state IS NULL OR invocations.state >= 3
        OR (item.column2 <> 0 AND item.column2 < invocations.fence)
        OR (item.column3 <> x'' AND item.column3 <> invocations.request_digest)
    ),
    total(invocations.seq <= (SELECT filed_to FROM housekeeping)),
    total(invocations.blobs IS NOT NULL)
FROM (VALUES ROWS) AS item
LEFT JOIN invocations ON invocations.id = item.column1

-- name: complete_invocations
UPDATE invocations SET
    fence = item.column2, state = item.column3, attempt = item.column4, worker = item.column5,
    started_at = item.column6, finished_at = item.column7, run_seconds = item.column8,
    failure = item.column9, result = item.column10, cpu_seconds = item.column11
FROM (VALUES ROWS) AS item
WHERE invocations.id = item.column1

-- name: state_of
SELECT seq, state, fence, cancel_requested_at FROM invocations WHERE id = ?1

-- name: completable
SELECT seq, state, fence, request_digest, blobs IS NOT NULL FROM invocations WHERE id = ?1

-- name: put_bodies
INSERT OR REPLACE INTO bodies (key, body) VALUES ROWS

-- name: body
SELECT body FROM bodies WHERE key = ?1

-- name: lease
UPDATE invocations SET state = 2, fence = ?2, worker = ?3, attempt = ?4 WHERE seq = ?1

-- name: requeue
UPDATE invocations SET state = 1, fence = ?2, tries_left = ?3, attempt = ?4, worker = ?5 WHERE seq = ?1

-- name: flag_cancel
UPDATE invocations SET cancel_requested_at = ?2 WHERE seq = ?1

-- name: add_notes
INSERT INTO notes (invocation, at, what, detail) VALUES ROWS

-- name: claim
SELECT {queued_rows}
FROM (
    SELECT * FROM invocations
    WHERE state = 1 AND version = ?1 AND priority = ?2 AND caller = ?3 AND seq > ?4
    ORDER BY seq LIMIT ?5
)

-- name: leased
SELECT {queued_rows}
FROM invocations WHERE state = 2

-- name: queued
SELECT {queued_rows} FROM invocations WHERE state < 3 AND id IN (SELECT unhex(value) FROM json_each(?1))

-- name: lanes
SELECT version, priority, caller, count(*) FROM invocations WHERE state = 1 GROUP BY version, priority, caller

-- name: settlements
-- Per id of ?1 (a JSON array of hex) that is the caller's; unknown ones are left out. CROSS fixes the order of the loops:
-- from the caller's side it would be all of the caller's invocations for each id.
SELECT json_group_array(json_array(
    item.value, seq, state, hex(result), hex(failure), attempt, result IS NULL
))
FROM json_each(?1) AS item
CROSS JOIN invocations ON invocations.id = unhex(item.value)
WHERE invocations.caller = ?2

-- name: invocation
{invocation_rows}
WHERE invocations.id = ?1

-- name: invocations_in
-- Rows of ?1, a JSON array of seq; newest first.
{invocation_rows}
WHERE invocations.seq IN (SELECT value FROM json_each(?1))
ORDER BY invocations.seq DESC

-- name: newest_of_caller
-- ?2 cursor, ?3 limit, ?4 state or NULL, ?5 since or NULL, ?6 JSON array of versions or NULL, ?7 another state or NULL.
-- What is filed under the caller, and what is not filed yet; each in order, so that only as much is read as is asked for.
SELECT seq FROM invocations
WHERE seq > (SELECT filed_to FROM housekeeping) AND seq < ?2 AND caller = ?1
    AND (?4 IS NULL OR state = ?4 OR state = ?7) AND (?5 IS NULL OR created_at >= ?5)
    AND (?6 IS NULL OR version IN (SELECT value FROM json_each(?6)))
UNION ALL
SELECT filed.seq FROM filed_by_caller AS filed CROSS JOIN invocations ON invocations.seq = filed.seq
WHERE filed.caller = ?1 AND filed.seq < ?2
    AND (?4 IS NULL OR state = ?4 OR state = ?7) AND (?5 IS NULL OR created_at >= ?5)
    AND (?6 IS NULL OR version IN (SELECT value FROM json_each(?6)))
ORDER BY seq DESC LIMIT ?3

-- name: newest_of_version
-- The same for one version, with ?6 for another state.
SELECT seq FROM invocations
WHERE seq > (SELECT filed_to FROM housekeeping) AND seq < ?2 AND version = ?1
    AND (?4 IS NULL OR state = ?4 OR state = ?6) AND (?5 IS NULL OR created_at >= ?5)
UNION ALL
SELECT filed.seq FROM filed_by_version AS filed CROSS JOIN invocations ON invocations.seq = filed.seq
WHERE filed.version = ?1 AND filed.seq < ?2
    AND (?4 IS NULL OR state = ?4 OR state = ?6) AND (?5 IS NULL OR created_at >= ?5)
ORDER BY seq DESC LIMIT ?3

-- name: newest_of_all
SELECT seq FROM invocations
WHERE seq < ?1
    AND (?3 IS NULL OR state = ?3 OR state = ?5) AND (?4 IS NULL OR created_at >= ?4)
ORDER BY seq DESC LIMIT ?2

-- name: versions_of
-- Keys of versions by owners (a JSON array, or NULL) and by function name or namespace (or NULL).
SELECT versions.key FROM versions JOIN functions ON functions.key = versions.function
WHERE (?1 IS NULL OR functions.owner IN (SELECT value FROM json_each(?1)))
    AND (
        ?2 IS NULL OR functions.name = ?2 OR (functions.name >= ?2 || '/' AND functions.name < ?2 || '0')
        OR (functions.name > ?2 || '~' AND functions.name < ?2 || '~~') -- deleted
    )

-- name: notes
SELECT at, what, detail FROM notes WHERE invocation = ?1 ORDER BY at, key

-- name: last_seq
SELECT max(coalesce((SELECT max(seq) FROM invocations), 0), filed_to) FROM housekeeping

-- name: expunged_below
SELECT expunged_below FROM housekeeping

-- name: set_expunged_below
UPDATE housekeeping SET expunged_below = ?1

-- name: expunge_candidates
SELECT seq, created_at, finished_at, arguments IS NULL OR result IS NULL OR length(arguments) + length(result) > 0
FROM invocations WHERE seq >= ?1 ORDER BY seq LIMIT ?2

-- name: expunge
UPDATE invocations SET arguments = x'', result = x'', blobs = NULL WHERE seq IN (SELECT value FROM json_each(?1))

-- name: expunge_bodies
DELETE FROM bodies WHERE key IN (SELECT 2 * value FROM json_each(?1) UNION ALL SELECT 2 * value + 1 FROM json_each(?1))

-- name: expunge_references
DELETE FROM blob_references WHERE invocation IN (SELECT value FROM json_each(?1))

-- name: probe
UPDATE housekeeping SET probes = probes + 1
