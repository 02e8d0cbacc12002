-- What a token that is limited has uploaded itself, beside the pin of its account: it may read no more than that, and what
-- invocations within its limits name.
CREATE TABLE token_pins (
    digest TEXT NOT NULL,
    token INTEGER NOT NULL,
    expires_at REAL NOT NULL,
    PRIMARY KEY (digest, token)
) WITHOUT ROWID;
