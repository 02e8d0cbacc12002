-- Passwords, proofs of addresses, use of tokens.

-- name: account_by_email
SELECT {account_columns} FROM accounts WHERE email = ?1 AND email <> ''

-- name: vouch
UPDATE accounts SET vouched_by = ?2 WHERE key = ?1

-- name: give_up_email
-- An address that is proved is no longer claimed by those who did not prove it.
UPDATE accounts SET email = '' WHERE email = ?1 AND email <> '' AND email_confirmed_at IS NULL AND key <> ?2

-- name: email_proved_elsewhere
SELECT 1 FROM accounts WHERE email = ?1 AND email <> '' AND email_confirmed_at IS NOT NULL AND key <> ?2

-- name: confirm_email
UPDATE accounts SET email = ?2, email_confirmed_at = ?3 WHERE key = ?1 RETURNING key

-- name: password
SELECT hash FROM passwords WHERE account = ?1

-- name: put_password
INSERT INTO passwords (account, hash, changed_at) VALUES (?1, ?2, ?3)
ON CONFLICT (account) DO UPDATE SET hash = ?2, changed_at = ?3

-- name: revoke_logins
UPDATE tokens SET revoked_at = ?3 WHERE account = ?1 AND kind = 'login' AND key <> ?2 AND revoked_at IS NULL

-- name: drop_confirmations
DELETE FROM confirmations WHERE account = ?1 AND purpose = ?2

-- name: add_confirmation
INSERT INTO confirmations (digest, account, purpose, email, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)

-- name: confirmation
SELECT account, purpose, email, expires_at FROM confirmations WHERE digest = ?1

-- name: waiting_for_proof
-- Accounts whose proof of an address is on its way, or was, until it expired; the latest first.
SELECT account FROM confirmations WHERE email = ?1 AND purpose = 'confirm' ORDER BY account DESC LIMIT ?2

-- name: take_confirmation
DELETE FROM confirmations WHERE digest = ?1 RETURNING account

-- name: unconfirmed
SELECT key FROM accounts
WHERE kind = 'person' AND email = '' AND email_confirmed_at IS NULL AND created_at < ?1
    AND NOT EXISTS (SELECT 1 FROM tokens WHERE account = accounts.key)
ORDER BY key LIMIT ?2

-- name: free_handle
UPDATE accounts SET handle = '~' || key, kind = 'gone', disabled = 1 WHERE key = ?1

-- name: drop_grants_to
DELETE FROM grants WHERE grantee = ?1

-- name: drop_memberships
DELETE FROM members WHERE account = ?1

-- name: drop_password
DELETE FROM passwords WHERE account = ?1

-- name: drop_all_confirmations
DELETE FROM confirmations WHERE account = ?1

-- name: use_token
UPDATE tokens SET last_used_at = max(coalesce(last_used_at, 0), ?2) WHERE key = ?1
