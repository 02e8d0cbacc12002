-- Accounts, tokens, grants.

-- name: begin_epoch
INSERT INTO epochs (epoch, hub, began_at) SELECT coalesce(max(epoch), 0) + 1, ?1, ?2 FROM epochs RETURNING epoch

-- name: account_taken
SELECT 1 FROM accounts
WHERE handle = ?1 OR (email <> '' AND email = ?2 AND (email_confirmed_at IS NOT NULL OR NOT ?3))

-- name: create_account
INSERT INTO accounts (handle, email, admin, created_at, kind, email_confirmed_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING key

-- name: set_disabled
UPDATE accounts SET disabled = ?2, access_epoch = access_epoch + 1 WHERE key = ?1 RETURNING key

-- name: bump_epoch
UPDATE accounts SET access_epoch = access_epoch + 1 WHERE key = ?1 RETURNING key

-- name: access_of
SELECT access_epoch, disabled FROM accounts WHERE key = ?1

-- name: version_exists
SELECT 1 FROM versions WHERE key = ?1 AND deleted_at IS NULL

-- name: account_columns
key, handle, email, admin, disabled, access_epoch, created_at, kind, email_confirmed_at, limits, vouched_by

-- name: account_by_key
SELECT {account_columns} FROM accounts WHERE key = ?1

-- name: account_by_handle
SELECT {account_columns} FROM accounts WHERE handle = ?1

-- name: accounts
SELECT {account_columns} FROM accounts WHERE kind = 'person' ORDER BY handle

-- name: create_token
INSERT INTO tokens (account, digest, label, scopes, only_below, created_at, expires_at, kind)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT DO NOTHING
RETURNING key

-- name: token_is_good
SELECT 1 FROM tokens WHERE key = ?1 AND revoked_at IS NULL

-- name: revoke_token
UPDATE tokens SET revoked_at = coalesce(revoked_at, ?3) WHERE key = ?2 AND account = ?1 RETURNING key

-- name: token_columns
key, account, label, scopes, only_below, created_at, expires_at, revoked_at, kind, last_used_at

-- name: token
SELECT {token_columns} FROM tokens WHERE digest = ?1

-- name: tokens
SELECT {token_columns} FROM tokens WHERE account = ?1 ORDER BY key

-- name: put_grant
INSERT INTO grants (path, grantee, level, granted_by, created_at, expires_at, limits, invitation)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (path, grantee) DO UPDATE
SET level = ?3, granted_by = ?4, created_at = ?5, expires_at = ?6, limits = ?7, invitation = ?8
RETURNING key

-- name: delete_grant
DELETE FROM grants WHERE path = ?1 AND grantee = ?2 RETURNING key

-- name: delete_grant_by_key
DELETE FROM grants WHERE key = ?1 RETURNING grantee

-- name: grants_seen
-- At and below a path: enough to tell whether there are others by now.
SELECT key, created_at FROM grants WHERE path = ?1 OR (path >= ?1 || '/' AND path < ?1 || '0') ORDER BY key

-- name: affected_by
-- Whom a grant to this account concerns: itself, a group's members, or everybody.
SELECT accounts.key FROM accounts JOIN accounts AS grantee ON grantee.key = ?1
WHERE accounts.key = ?1
    OR (grantee.kind = 'public' AND accounts.kind = 'person')
    OR (grantee.kind = 'group' AND accounts.key IN (SELECT account FROM members WHERE group_account = ?1))

-- name: bump_epochs
-- Of the accounts in a JSON array.
UPDATE accounts SET access_epoch = access_epoch + 1 WHERE key IN (SELECT value FROM json_each(?1))

-- name: grant_columns
grants.key, path, grantee, accounts.handle, level, granted_by, grants.created_at, grants.expires_at, grants.limits,
    grants.invitation, coalesce((SELECT giver.handle FROM accounts AS giver WHERE giver.key = granted_by), '')

-- name: grants_to
-- What the account was given itself, through its groups, or as everybody.
SELECT {grant_columns}
FROM grants JOIN accounts ON accounts.key = grants.grantee
WHERE grantee = ?1
    OR grantee IN (SELECT group_account FROM members WHERE account = ?1)
    OR accounts.kind = 'public'
ORDER BY path, grantee

-- name: grants_below
SELECT {grant_columns}
FROM grants JOIN accounts ON accounts.key = grants.grantee
WHERE ?1 = '' OR path = ?1 OR (path >= ?1 || '/' AND path < ?1 || '0')
ORDER BY path, accounts.handle

-- name: memberships
-- The groups of an account.
SELECT group_account, handle, role FROM members JOIN accounts ON accounts.key = group_account
WHERE account = ?1 ORDER BY handle
