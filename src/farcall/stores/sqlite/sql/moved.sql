-- Where names went that were renamed.

-- name: whither
-- The lowest of a path and those above it (?1, a JSON array) that was renamed, unless a namespace below that is there.
SELECT old, new FROM moved
WHERE old IN (SELECT value FROM json_each(?1)) AND NOT EXISTS (
    SELECT 1 FROM namespaces WHERE path IN (SELECT value FROM json_each(?1)) AND length(path) > length(old)
)
ORDER BY length(old) DESC LIMIT 1

-- name: follow_moved
-- What had moved to a path that moves itself.
UPDATE moved SET new = ?2 || substr(new, length(?1) + 1)
WHERE new = ?1 OR (new >= ?1 || '/' AND new < ?1 || '0')

-- name: note_moved
INSERT INTO moved (old, new, at) VALUES (?1, ?2, ?3) ON CONFLICT (old) DO UPDATE SET new = ?2, at = ?3

-- name: forget_moved
-- A path is in use again, with what is below it.
DELETE FROM moved WHERE old = ?1 OR (old >= ?1 || '/' AND old < ?1 || '0')

-- name: forget_moved_to
-- A path is deleted, with what is below it.
DELETE FROM moved WHERE new = ?1 OR (new >= ?1 || '/' AND new < ?1 || '0')

-- name: bound_moved
-- Below a handle (?1) the last of them (?2) are enough.
DELETE FROM moved WHERE old IN (
    SELECT old FROM moved WHERE old > ?1 || '/' AND old < ?1 || '0' ORDER BY at DESC, old LIMIT -1 OFFSET ?2
)

-- name: give_up_moved
DELETE FROM moved WHERE old = ?1 RETURNING new

-- name: drop_moved_of_group
DELETE FROM moved WHERE old IN (
    SELECT old FROM moved, accounts WHERE accounts.key = ?1 AND old > handle || '/' AND old < handle || '0'
)
