-- Groups and their members.

-- name: add_group_key
INSERT INTO group_keys (group_account, digest_key, made_by) VALUES (?1, ?2, ?3)

-- name: groups
SELECT {account_columns} FROM accounts WHERE kind = 'group' ORDER BY handle

-- name: members
SELECT account, handle, role FROM members JOIN accounts ON accounts.key = account
WHERE group_account = ?1 ORDER BY handle

-- name: digest_keys
-- Of the groups of an account.
SELECT handle, digest_key
FROM members
JOIN group_keys ON group_keys.group_account = members.group_account
JOIN accounts ON accounts.key = members.group_account
WHERE account = ?1

-- name: kind_of
SELECT kind FROM accounts WHERE key = ?1

-- name: other_manager
-- Whether a group (?1) has a manager besides this account (?2).
SELECT 1 FROM members WHERE group_account = ?1 AND account <> ?2 AND role = 'manager' LIMIT 1

-- name: put_member
INSERT INTO members (group_account, account, role, added_by, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (group_account, account) DO UPDATE SET role = ?3

-- name: role_in_group
SELECT role FROM members WHERE group_account = ?1 AND account = ?2

-- name: remove_member
DELETE FROM members WHERE group_account = ?1 AND account = ?2

-- name: handle_in_use
-- Whether there are functions or links below the handle of a group (?1).
SELECT EXISTS (
    SELECT 1 FROM functions, accounts
    WHERE accounts.key = ?1 AND deleted_at IS NULL AND name > handle || '/' AND name < handle || '0'
) OR EXISTS (
    SELECT 1 FROM links, accounts WHERE accounts.key = ?1 AND path > handle || '/' AND path < handle || '0'
)

-- name: concerned_by_group
-- Its members, and those who were granted something below its handle.
SELECT account FROM members WHERE group_account = ?1
UNION
SELECT grantee FROM grants, accounts
WHERE accounts.key = ?1 AND (path = handle OR path > handle || '/' AND path < handle || '0')

-- name: drop_members
DELETE FROM members WHERE group_account = ?1

-- name: drop_grants_of_group
-- To it, and at or below its handle.
DELETE FROM grants
WHERE grantee = ?1 OR key IN (
    SELECT grants.key FROM grants, accounts
    WHERE accounts.key = ?1 AND (path = handle OR path > handle || '/' AND path < handle || '0')
)

-- name: drop_namespaces_of_group
DELETE FROM namespaces WHERE path IN (
    SELECT path FROM namespaces, accounts
    WHERE accounts.key = ?1 AND (path = handle OR path > handle || '/' AND path < handle || '0')
)

-- name: revoke_invitations_of_group
UPDATE invitations SET state = 'revoked', settled_at = ?2
WHERE state = 'open' AND (
    group_account = ?1
    OR EXISTS (
        SELECT 1 FROM accounts
        WHERE accounts.key = ?1 AND (path = handle OR path > handle || '/' AND path < handle || '0')
    )
)

-- name: end_group
UPDATE accounts
SET kind = 'gone', disabled = 1, access_epoch = access_epoch + 1,
    handle = CASE WHEN EXISTS (SELECT 1 FROM functions WHERE owner = ?1) THEN handle ELSE '~' || key END
WHERE key = ?1
