-- Functions and their versions, links, aliases.

-- name: version_columns
versions.key, functions.key, functions.called, functions.owner, accounts.handle, versions.number, versions.digest,
    versions.interface, versions.implementation, versions.document, versions.options, versions.created_at,
    versions.number = (
        SELECT max(number) FROM versions AS other
        WHERE other.function = versions.function AND other.deleted_at IS NULL
    ),
    versions.deprecated, versions.deprecated_at, versions.seen_at, versions.typical_seconds,
    versions.deleted_at IS NOT NULL

-- name: version_by_key
SELECT {version_columns}
FROM versions
JOIN functions ON functions.key = versions.function
JOIN accounts ON accounts.key = functions.owner
WHERE versions.key = ?1

-- name: versions_of_function
-- Newest first; ?2 is a number, or NULL for all.
SELECT {version_columns}
FROM versions
JOIN functions ON functions.key = versions.function
JOIN accounts ON accounts.key = functions.owner
WHERE versions.function = ?1 AND versions.deleted_at IS NULL AND (?2 IS NULL OR versions.number = ?2)
ORDER BY versions.number DESC LIMIT ?3

-- name: function_columns
functions.key, functions.name, functions.owner, accounts.handle

-- name: function_by_key
SELECT {function_columns} FROM functions JOIN accounts ON accounts.key = functions.owner
WHERE functions.key = ?1 AND functions.deleted_at IS NULL

-- name: function_key
-- By its own name, or that of a link to it.
SELECT coalesce((SELECT key FROM functions WHERE name = ?1), (SELECT function FROM links WHERE path = ?1))

-- name: function_by_name
SELECT key FROM functions WHERE name = ?1

-- name: functions_in
SELECT key FROM functions
WHERE (name = ?1 OR (name >= ?1 || '/' AND name < ?1 || '0')) AND deleted_at IS NULL
ORDER BY name

-- name: name_is_taken
-- By a function, a link or a namespace; or one of those above it (?2, a JSON array) is a function or a link.
SELECT EXISTS (SELECT 1 FROM functions WHERE name = ?1)
    OR EXISTS (SELECT 1 FROM links WHERE path = ?1)
    OR EXISTS (SELECT 1 FROM namespaces WHERE path = ?1)
    OR EXISTS (SELECT 1 FROM functions WHERE name IN (SELECT value FROM json_each(?2)))
    OR EXISTS (SELECT 1 FROM links WHERE path IN (SELECT value FROM json_each(?2)))

-- name: create_function
INSERT INTO functions (name, owner, created_at) VALUES (?1, ?2, ?3) RETURNING key

-- name: rename_function
UPDATE functions SET name = ?2 WHERE key = ?1

-- name: delete_function
UPDATE functions SET name = name || '~' || key, deleted_at = ?2 WHERE key = ?1

-- name: version_by_digest
SELECT key FROM versions WHERE function = ?1 AND digest = ?2

-- name: revive_version
UPDATE versions SET deleted_at = NULL WHERE key = ?1 AND deleted_at IS NOT NULL RETURNING key

-- name: create_version
INSERT INTO versions (function, number, digest, interface, implementation, document, options, created_at)
SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7 FROM versions WHERE function = ?1
RETURNING key

-- name: delete_version
UPDATE versions SET deleted_at = ?2 WHERE key = ?1

-- name: delete_versions_of
UPDATE versions SET deleted_at = ?2 WHERE function = ?1 AND deleted_at IS NULL RETURNING key

-- name: version_needed
-- Whether an invocation of it waits or runs, or an alias means it, or it is the last of its function.
SELECT EXISTS (SELECT 1 FROM invocations WHERE version = ?1 AND state = 1)
    OR EXISTS (SELECT 1 FROM invocations INDEXED BY invocations_leased WHERE version = ?1 AND state = 2)
    OR EXISTS (
        SELECT 1 FROM alias_moves AS move
        WHERE version = ?1 AND undone_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM alias_moves AS later
            WHERE later.function = move.function AND later.alias = move.alias AND later.undone_at IS NULL
                AND later.key > move.key
        )
    )
    OR NOT EXISTS (
        SELECT 1 FROM versions JOIN versions AS other ON other.function = versions.function
        WHERE versions.key = ?1 AND other.key <> ?1 AND other.deleted_at IS NULL
    )

-- name: unfinished_of
SELECT (SELECT count(*) FROM invocations WHERE version = ?1 AND state = 1)
    + (SELECT count(*) FROM invocations INDEXED BY invocations_leased WHERE version = ?1 AND state = 2)

-- name: deprecate
UPDATE versions SET deprecated = ?2, deprecated_at = CASE ?2 WHEN '' THEN NULL ELSE ?3 END
WHERE key = ?1 AND deleted_at IS NULL RETURNING key

-- name: keep_duration
UPDATE versions SET typical_seconds = ?2 WHERE key = ?1

-- name: links_to
SELECT path, passes FROM links WHERE function = ?1 ORDER BY path

-- name: links_in
SELECT path, function FROM links WHERE path = ?1 OR (path >= ?1 || '/' AND path < ?1 || '0') ORDER BY path

-- name: put_link
INSERT INTO links (path, function, passes, made_by, made_at) VALUES (?1, ?2, ?3, ?4, ?5)

-- name: delete_link
DELETE FROM links WHERE path = ?1 RETURNING function

-- name: delete_links_to
DELETE FROM links WHERE function = ?1 RETURNING path

-- name: rename_link
UPDATE links SET path = ?2 WHERE path = ?1

-- name: aliases_of
-- Each with the version that its last move, of those that were not undone, gave it.
SELECT alias, version, max(key) FROM alias_moves
WHERE function = ?1 AND undone_at IS NULL GROUP BY alias

-- name: alias_version
SELECT version FROM alias_moves WHERE function = ?1 AND alias = ?2 AND undone_at IS NULL ORDER BY key DESC LIMIT 1

-- name: version_is_of
SELECT 1 FROM versions WHERE key = ?1 AND function = ?2 AND deleted_at IS NULL

-- name: move_alias
INSERT INTO alias_moves (function, alias, version, moved_by, moved_at) VALUES (?1, ?2, ?3, ?4, ?5)

-- name: alias_before
-- The last move but one to a version that is still there, and is another than the one it means now.
SELECT move.key, move.version FROM alias_moves AS move JOIN versions ON versions.key = move.version
WHERE move.function = ?1 AND alias = ?2 AND undone_at IS NULL AND deleted_at IS NULL
    AND move.version <> ?3
ORDER BY move.key DESC LIMIT 1

-- name: undo_moves
UPDATE alias_moves SET undone_at = ?4 WHERE function = ?1 AND alias = ?2 AND key > ?3 AND undone_at IS NULL

-- name: delete_alias
DELETE FROM alias_moves WHERE function = ?1 AND alias = ?2 RETURNING key

-- name: delete_aliases_of
DELETE FROM alias_moves WHERE function = ?1

-- name: alias_moves
SELECT alias, number, handle, moved_at, undone_at
FROM alias_moves
JOIN versions ON versions.key = alias_moves.version
JOIN accounts ON accounts.key = alias_moves.moved_by
WHERE alias_moves.function = ?1 ORDER BY alias_moves.key DESC
