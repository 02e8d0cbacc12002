-- Calls that no worker was there for.

-- name: note_missed
-- ?3 calls of version ?1 by ?2, at ?4.
INSERT INTO missed (function, calls, since)
SELECT functions.key, ?3, ?4
FROM versions JOIN functions ON functions.key = versions.function
WHERE versions.key = ?1 AND versions.deleted_at IS NULL AND functions.owner <> ?2
ON CONFLICT (function) DO UPDATE SET
    calls = calls + excluded.calls, since = CASE calls WHEN 0 THEN excluded.since ELSE since END
RETURNING function, calls, since, told_at

-- name: end_missed
-- Of the functions of versions ?1, a JSON array.
UPDATE missed SET calls = 0, since = NULL
WHERE calls > 0 AND function IN (SELECT function FROM versions WHERE key IN (SELECT value FROM json_each(?1)))
RETURNING function

-- name: note_told
UPDATE missed SET told_at = ?2 WHERE function = ?1 RETURNING function

-- name: missed
SELECT function, calls, since, told_at
FROM missed JOIN functions ON functions.key = missed.function
WHERE calls > 0 AND functions.deleted_at IS NULL ORDER BY function
