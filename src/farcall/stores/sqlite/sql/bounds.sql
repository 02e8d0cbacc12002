-- How much there is of what accounts make. What ended after a moment counts as if it were there.

-- name: tokens_held
SELECT count(*) FROM tokens
WHERE account = ?1 AND kind = 'made' AND (revoked_at IS NULL OR revoked_at > ?2)
    AND (expires_at IS NULL OR expires_at > ?2)

-- name: groups_made
SELECT count(*) FROM group_keys JOIN accounts ON accounts.key = group_account
WHERE made_by = ?1 AND (kind = 'group' OR created_at > ?2)

-- name: shares_given
SELECT (SELECT count(*) FROM grants WHERE granted_by = ?1 AND (expires_at IS NULL OR expires_at > ?2))
    + (
        SELECT count(*) FROM invitations
        WHERE invited_by = ?1 AND state = 'open' AND (expires_at IS NULL OR expires_at > ?2)
    )

-- name: gives_already
-- Whether an account gave what another one at the same path would replace.
SELECT 1 FROM grants WHERE path = ?1 AND grantee = ?2 AND granted_by = ?3

-- name: invites_already
SELECT 1 FROM invitations
WHERE email = ?1 AND path = ?2 AND coalesce(group_account, 0) = coalesce(?3, 0) AND state = 'open' AND invited_by = ?4

-- name: namespaces_made
-- Below a handle.
SELECT count(*) FROM namespaces WHERE path > ?1 || '/' AND path < ?1 || '0' AND made_at IS NOT NULL

-- name: functions_held
-- Functions and links below a handle.
SELECT (
        SELECT count(*) FROM functions
        WHERE name > ?1 || '/' AND name < ?1 || '0' AND (deleted_at IS NULL OR deleted_at > ?2)
    ) + (SELECT count(*) FROM links WHERE path > ?1 || '/' AND path < ?1 || '0')

-- name: versions_held
SELECT count(*) FROM versions WHERE function = ?1 AND (deleted_at IS NULL OR deleted_at > ?2)
