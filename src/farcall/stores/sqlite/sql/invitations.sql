-- Invitations, and grants that end by themselves.

-- name: put_invitation
INSERT INTO invitations
    (digest, email, path, level, group_account, limits, invited_by, created_at, expires_at, grant_expires_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT DO NOTHING
RETURNING key

-- name: revoke_same_invitations
-- Those that are open for the same address and the same thing.
UPDATE invitations SET state = 'revoked', settled_at = ?4
WHERE email = ?1 AND path = ?2 AND coalesce(group_account, 0) = coalesce(?3, 0) AND state = 'open'

-- name: invitation_columns
invitations.key, invitations.email, path, level, group_account, invitations.limits, invited_by, accounts.handle,
    invitations.created_at, expires_at, grant_expires_at, state, settled_at, accepted_by, mail,
    coalesce((SELECT groups.handle FROM accounts AS groups WHERE groups.key = group_account), '')

-- name: invitation_by_key
SELECT {invitation_columns}
FROM invitations JOIN accounts ON accounts.key = invited_by WHERE invitations.key = ?1

-- name: invitation_by_digest
SELECT {invitation_columns}
FROM invitations JOIN accounts ON accounts.key = invited_by WHERE digest = ?1

-- name: invitations_to
-- Those that are open for an address.
SELECT {invitation_columns}
FROM invitations JOIN accounts ON accounts.key = invited_by
WHERE invitations.email = ?1 AND state = 'open' ORDER BY invitations.key

-- name: invitations_given
-- Those that an account made (?1), or that lie at or below a path (?2, a JSON array) or are for a group of that handle,
-- and were not accepted or revoked.
SELECT {invitation_columns}
FROM invitations JOIN accounts ON accounts.key = invited_by
WHERE invitations.key IN (
        SELECT key FROM invitations WHERE invited_by = ?1
        UNION
        SELECT invitations.key FROM json_each(?2) AS root JOIN invitations ON invitations.path = root.value
            OR (invitations.path >= root.value || '/' AND invitations.path < root.value || '0')
        UNION
        SELECT invitations.key FROM json_each(?2) AS root JOIN accounts AS groups ON groups.handle = root.value
            JOIN invitations ON group_account = groups.key
    )
    AND state IN ('open', 'declined')
ORDER BY invitations.key

-- name: invited_since
SELECT count(*) FROM invitations WHERE invited_by = ?1 AND created_at >= ?2

-- name: accept_invitation
UPDATE invitations SET state = 'accepted', settled_at = ?3, accepted_by = ?2
WHERE key = ?1 AND state = 'open' AND (expires_at IS NULL OR expires_at > ?3)
RETURNING path, level, group_account, limits, invited_by, grant_expires_at

-- name: inviter_of
SELECT invited_by FROM invitations WHERE key = ?1

-- name: close_invitation
UPDATE invitations SET state = ?2, settled_at = ?3
WHERE key = ?1 AND (state = 'open' OR (state = 'declined' AND ?2 = 'revoked'))
RETURNING key

-- name: join_group
-- Who manages the group already goes on to.
INSERT INTO members (group_account, account, role, added_by, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (group_account, account) DO UPDATE SET role = ?3 WHERE role <> 'manager'

-- name: note_mail
UPDATE invitations SET mail = ?2 WHERE key = ?1 RETURNING key

-- name: grants_given
-- Those that an account made (?1), or that lie at or below a path (?2, a JSON array).
SELECT {grant_columns}
FROM grants JOIN accounts ON accounts.key = grants.grantee
WHERE grants.key IN (
    SELECT key FROM grants WHERE granted_by = ?1
    UNION
    SELECT grants.key FROM json_each(?2) AS root JOIN grants ON grants.path = root.value
        OR (grants.path >= root.value || '/' AND grants.path < root.value || '0')
)
ORDER BY grants.key

-- name: grants_ended
SELECT DISTINCT grantee FROM grants WHERE expires_at > ?1 AND expires_at <= ?2

-- name: next_end_of_a_grant
SELECT min(expires_at) FROM grants WHERE expires_at > ?1
