-- Who made a group: how many an account makes is bounded, also of those that it has left since.
ALTER TABLE group_keys ADD COLUMN made_by INTEGER REFERENCES accounts;

UPDATE group_keys SET made_by = (
    SELECT added_by FROM members WHERE members.group_account = group_keys.group_account ORDER BY created_at LIMIT 1
);

CREATE INDEX group_keys_by_maker ON group_keys (made_by);
