-- What lists and searches read. Scopes are given; nothing is decided here.

-- name: places_in
-- Functions and links in a range of names, by name; ?3 at most.
SELECT place, key FROM (
    SELECT * FROM (
        SELECT name AS place, key FROM functions
        WHERE name >= ?1 AND name < ?2 AND deleted_at IS NULL
        ORDER BY name LIMIT ?3
    )
    UNION ALL
    SELECT * FROM (
        SELECT path AS place, function AS key FROM links WHERE path >= ?1 AND path < ?2 ORDER BY path LIMIT ?3
    )
)
ORDER BY place LIMIT ?3

-- name: namespaces_in
-- In a range of paths; ?3 at most.
SELECT path, made_at FROM namespaces WHERE path >= ?1 AND path < ?2 ORDER BY path LIMIT ?3

-- name: found
-- Keys of functions that match ?1, after the key ?2; ?3 at most.
SELECT rowid FROM search WHERE search MATCH ?1 AND rowid > ?2 ORDER BY rowid LIMIT ?3

-- name: newest_of
-- The newest version of each of these functions (a JSON array).
SELECT {version_columns}
FROM json_each(?1)
JOIN functions ON functions.key = json_each.value
JOIN versions ON versions.function = functions.key
    AND versions.number = (
        SELECT max(number) FROM versions AS other WHERE other.function = functions.key AND other.deleted_at IS NULL
    )
JOIN accounts ON accounts.key = functions.owner

-- name: index_function
INSERT OR REPLACE INTO search (rowid, words) VALUES (?1, ?2)

-- name: unindex_function
DELETE FROM search WHERE rowid = ?1

-- name: unindexed
-- Functions that were published before there was an index.
SELECT key FROM functions WHERE deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM search)
