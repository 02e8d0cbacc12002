-- Namespaces, and what hangs on paths: grants, invitations, limits of tokens.

-- name: namespace
SELECT path, made_at FROM namespaces WHERE path = ?1

-- name: make_namespace
INSERT INTO namespaces (path, made_at) VALUES (?1, ?2)
ON CONFLICT (path) DO UPDATE SET made_at = ?2 WHERE made_at IS NULL
RETURNING path

-- name: imply_namespaces
-- Those of a JSON array.
INSERT OR IGNORE INTO namespaces (path) SELECT value FROM json_each(?1)

-- name: namespace_is_empty
SELECT NOT EXISTS (SELECT 1 FROM functions WHERE name >= ?1 || '/' AND name < ?1 || '0' AND deleted_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM links WHERE path >= ?1 || '/' AND path < ?1 || '0')
    AND NOT EXISTS (SELECT 1 FROM namespaces WHERE path >= ?1 || '/' AND path < ?1 || '0')

-- name: forget_if_implied
DELETE FROM namespaces WHERE path = ?1 AND made_at IS NULL RETURNING path

-- name: delete_namespaces
DELETE FROM namespaces WHERE path = ?1 OR (path >= ?1 || '/' AND path < ?1 || '0')

-- name: rename_namespaces
UPDATE namespaces SET path = ?2 || substr(path, length(?1) + 1)
WHERE path = ?1 OR (path >= ?1 || '/' AND path < ?1 || '0')

-- name: grantees_at
-- Who holds grants at or below a path, or at one above it (?2, a JSON array).
SELECT DISTINCT grantee FROM grants
WHERE path = ?1 OR (path >= ?1 || '/' AND path < ?1 || '0') OR path IN (SELECT value FROM json_each(?2))

-- name: rename_grants
UPDATE OR REPLACE grants SET path = ?2 || substr(path, length(?1) + 1)
WHERE path = ?1 OR (path >= ?1 || '/' AND path < ?1 || '0')

-- name: delete_grants_at
DELETE FROM grants WHERE path = ?1 OR (path >= ?1 || '/' AND path < ?1 || '0')

-- name: rename_invitations
UPDATE invitations SET path = ?2 || substr(path, length(?1) + 1)
WHERE state = 'open' AND (path = ?1 OR (path >= ?1 || '/' AND path < ?1 || '0'))

-- name: revoke_invitations_at
UPDATE invitations SET state = 'revoked', settled_at = ?2
WHERE state = 'open' AND (path = ?1 OR (path >= ?1 || '/' AND path < ?1 || '0'))

-- name: rename_limits
-- Of tokens that are limited to paths there; their accounts.
UPDATE tokens SET only_below = (
    SELECT json_group_array(
        CASE WHEN value = ?1 OR (value >= ?1 || '/' AND value < ?1 || '0')
            THEN ?2 || substr(value, length(?1) + 1) ELSE value END
    )
    FROM json_each(only_below)
)
WHERE only_below <> '[]' AND revoked_at IS NULL AND EXISTS (
    SELECT 1 FROM json_each(only_below)
    WHERE value = ?1 OR (value >= ?1 || '/' AND value < ?1 || '0')
)
RETURNING account
