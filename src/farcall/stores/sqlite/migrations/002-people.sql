-- People: passwords, confirmed addresses, groups, everybody, invitations, limits of tokens and grants.

-- A group and `public` (everybody with an account) are accounts that nobody logs in to: they own a handle and hold grants.
ALTER TABLE accounts ADD COLUMN kind TEXT NOT NULL DEFAULT 'person'; -- person, group, public, gone
ALTER TABLE accounts ADD COLUMN email_confirmed_at REAL;

-- Until now only administrators made accounts, and vouched for the addresses.
UPDATE accounts SET email_confirmed_at = created_at;

INSERT INTO accounts (key, handle, email, admin, kind, created_at) VALUES (0, 'public', '', 0, 'public', 0);

CREATE TABLE passwords (
    account INTEGER PRIMARY KEY REFERENCES accounts,
    hash TEXT NOT NULL, -- argon2id, with its parameters and salt
    changed_at REAL NOT NULL
);

-- Secrets that go out by e-mail to prove an address, or to set a new password. Stored as digests; used once.
CREATE TABLE confirmations (
    digest BLOB PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts,
    purpose TEXT NOT NULL, -- confirm, reset
    email TEXT NOT NULL COLLATE NOCASE, -- what it proves
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL
) WITHOUT ROWID;

CREATE INDEX confirmations_by_account ON confirmations (account);

ALTER TABLE tokens ADD COLUMN kind TEXT NOT NULL DEFAULT 'made'; -- made, login: the latter ends with a new password
ALTER TABLE tokens ADD COLUMN last_used_at REAL;

-- A token may be limited to several paths: a JSON array, empty without a limit.
UPDATE tokens SET only_below = CASE only_below WHEN '' THEN '[]' ELSE json_array(only_below) END;

ALTER TABLE grants ADD COLUMN expires_at REAL;
ALTER TABLE grants ADD COLUMN limits TEXT NOT NULL DEFAULT '{}'; -- JSON: per_minute, in_flight, seconds_per_day
ALTER TABLE grants ADD COLUMN invitation INTEGER; -- through which it came

ALTER TABLE accounts ADD COLUMN limits TEXT NOT NULL DEFAULT '{}'; -- the same

CREATE TABLE members (
    group_account INTEGER NOT NULL REFERENCES accounts,
    account INTEGER NOT NULL REFERENCES accounts,
    role TEXT NOT NULL, -- member, manager
    added_by INTEGER NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (group_account, account)
) WITHOUT ROWID;

CREATE INDEX members_by_account ON members (account);

-- What keys the digests of implementations that a group's members serve: the same code is the same version, whoever of
-- them serves it.
CREATE TABLE group_keys (
    group_account INTEGER PRIMARY KEY REFERENCES accounts,
    digest_key BLOB NOT NULL
);

CREATE TABLE invitations (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE, -- of the secret in the link
    email TEXT NOT NULL COLLATE NOCASE,
    path TEXT NOT NULL, -- '' with a group: membership instead of a grant; both empty: an account, nothing else
    level TEXT NOT NULL, -- of the grant, or the role in the group
    group_account INTEGER,
    limits TEXT NOT NULL DEFAULT '{}',
    invited_by INTEGER NOT NULL REFERENCES accounts,
    created_at REAL NOT NULL,
    expires_at REAL, -- of the invitation
    grant_expires_at REAL, -- of what it gives
    state TEXT NOT NULL DEFAULT 'open', -- open, accepted, declined, revoked
    settled_at REAL,
    accepted_by INTEGER,
    mail TEXT NOT NULL DEFAULT '' -- what became of the e-mail: '' not sent, sent, or why it failed
);

CREATE INDEX invitations_by_email ON invitations (email) WHERE state = 'open';
CREATE INDEX invitations_by_inviter ON invitations (invited_by);

CREATE INDEX invitations_by_path ON invitations (path);

CREATE INDEX grants_by_giver ON grants (granted_by);

CREATE INDEX grants_by_end ON grants (expires_at) WHERE expires_at IS NOT NULL;
