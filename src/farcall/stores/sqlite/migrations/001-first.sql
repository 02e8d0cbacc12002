-- The first schema. Times are wall-clock seconds since 1970. Keys are small integers that never leave the hub.

CREATE TABLE accounts (
    key INTEGER PRIMARY KEY,
    handle TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL COLLATE NOCASE,
    admin INTEGER NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0,
    access_epoch INTEGER NOT NULL DEFAULT 1, -- rises with every change of what the account may do
    created_at REAL NOT NULL
);

CREATE UNIQUE INDEX accounts_by_email ON accounts (email) WHERE email <> '';

CREATE TABLE tokens (
    key INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts,
    digest BLOB NOT NULL UNIQUE,
    label TEXT NOT NULL,
    scopes TEXT NOT NULL, -- JSON array
    only_below TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL,
    revoked_at REAL
);

CREATE INDEX tokens_by_account ON tokens (account);

CREATE TABLE grants (
    key INTEGER PRIMARY KEY AUTOINCREMENT, -- a deleted grant's key is not given to another
    path TEXT NOT NULL,
    grantee INTEGER NOT NULL REFERENCES accounts,
    level TEXT NOT NULL,
    granted_by INTEGER NOT NULL,
    created_at REAL NOT NULL,
    UNIQUE (path, grantee)
);

CREATE INDEX grants_by_grantee ON grants (grantee);

CREATE TABLE functions (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    owner INTEGER NOT NULL REFERENCES accounts,
    created_at REAL NOT NULL
);

CREATE INDEX functions_by_owner ON functions (owner);

CREATE TABLE versions (
    key INTEGER PRIMARY KEY,
    function INTEGER NOT NULL REFERENCES functions,
    number INTEGER NOT NULL,
    digest BLOB NOT NULL,
    interface BLOB NOT NULL,
    implementation BLOB NOT NULL,
    document TEXT NOT NULL, -- JSON
    options TEXT NOT NULL, -- JSON
    created_at REAL NOT NULL,
    UNIQUE (function, number),
    UNIQUE (function, digest)
);

CREATE TABLE epochs (
    epoch INTEGER PRIMARY KEY,
    hub TEXT NOT NULL,
    began_at REAL NOT NULL
);

-- One row per invocation, for ever; `seq` is the order of acceptance. Foreign keys are the writer's duty: here they would
-- cost two look-ups for each insert.
CREATE TABLE invocations (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    caller INTEGER NOT NULL,
    state INTEGER NOT NULL, -- InvocationState; RUNNING only with a recorded lease
    priority INTEGER NOT NULL,
    request_digest BLOB NOT NULL,
    created_at REAL NOT NULL,
    timeout_seconds REAL,
    expires_at REAL,
    waits_for_worker INTEGER NOT NULL,
    tries_left INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    fence INTEGER NOT NULL, -- not final: the smallest that may still complete it; final: the one that did
    worker TEXT NOT NULL,
    started_at REAL,
    finished_at REAL,
    run_seconds REAL NOT NULL,
    failure BLOB, -- msgpack
    arguments BLOB, -- NULL: too large for the row, see bodies
    result BLOB, -- the same
    blobs TEXT, -- JSON array of the digests that the arguments name; NULL: none
    idempotency_key TEXT,
    cancel_requested_at REAL
);

-- Each of these ends in `seq` without saying so: the order of acceptance within.
CREATE INDEX invocations_by_caller ON invocations (caller);
CREATE INDEX invocations_by_version ON invocations (version);
CREATE INDEX invocations_queued ON invocations (version, priority, caller) WHERE state = 1;
CREATE INDEX invocations_leased ON invocations (worker) WHERE state = 2;

-- Arguments (key = 2 seq) and results (key = 2 seq + 1) that would make the rows of invocations large.
CREATE TABLE bodies (
    key INTEGER PRIMARY KEY,
    body BLOB NOT NULL
);

CREATE TABLE notes (
    key INTEGER PRIMARY KEY,
    invocation BLOB NOT NULL,
    at REAL NOT NULL,
    what TEXT NOT NULL,
    detail TEXT NOT NULL -- JSON
);

CREATE INDEX notes_by_invocation ON notes (invocation);

CREATE TABLE presences (
    boot TEXT PRIMARY KEY,
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    hub TEXT NOT NULL,
    slots INTEGER NOT NULL,
    resources TEXT NOT NULL, -- JSON
    versions TEXT NOT NULL, -- JSON array
    state TEXT NOT NULL,
    connected_at REAL NOT NULL,
    seen_at REAL NOT NULL
) WITHOUT ROWID;

CREATE INDEX presences_here ON presences (state) WHERE state NOT IN ('gone', 'lost');

CREATE TABLE served (
    version INTEGER NOT NULL,
    boot TEXT NOT NULL,
    PRIMARY KEY (version, boot)
) WITHOUT ROWID;

CREATE INDEX served_by_boot ON served (boot);

CREATE TABLE blobs (
    digest TEXT PRIMARY KEY,
    size INTEGER -- NULL: named by an invocation, never pinned here
) WITHOUT ROWID;

CREATE TABLE pins (
    digest TEXT NOT NULL,
    account INTEGER NOT NULL,
    expires_at REAL NOT NULL,
    PRIMARY KEY (digest, account)
) WITHOUT ROWID;

CREATE TABLE blob_references (
    digest TEXT NOT NULL,
    invocation INTEGER NOT NULL, -- seq
    PRIMARY KEY (digest, invocation)
) WITHOUT ROWID;

CREATE INDEX blob_references_by_invocation ON blob_references (invocation);

-- One row: below `seq` every body was expunged; `writes` counts probes after a failed commit.
CREATE TABLE housekeeping (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    expunged_below INTEGER NOT NULL DEFAULT 0,
    probes INTEGER NOT NULL DEFAULT 0
);

INSERT INTO housekeeping (only) VALUES (1);
