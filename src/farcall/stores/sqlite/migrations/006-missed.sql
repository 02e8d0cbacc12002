-- Calls of others that no worker was there for, by function, until one serves it again.

CREATE TABLE missed (
    function INTEGER PRIMARY KEY REFERENCES functions,
    calls INTEGER NOT NULL, -- 0: a worker has served it since
    since REAL, -- when the first of them was missed
    told_at REAL -- when the owner was last told
);
