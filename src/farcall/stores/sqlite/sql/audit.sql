-- The audit log.

-- name: add_audit
INSERT INTO audit (at, actor, who, token, what, path, about, target, origin, outcome, detail)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) RETURNING key

-- name: add_audit_concerns
-- ?2 who did it, ?3 whom it is about, ?4 the handle above its path or ''.
INSERT OR IGNORE INTO audit_concerns (account, entry)
SELECT account, ?1 FROM (
    SELECT ?2 AS account UNION SELECT ?3 UNION SELECT key FROM accounts WHERE handle = ?4
) WHERE account IS NOT NULL

-- name: audit_matches
-- ?1 cursor, ?2 limit, ?3 who, ?4 what, ?5 path, ?6 since, ?7 until, ?8 JSON array of roots ('[]': everywhere)
audit.key < ?1
    AND (?3 IS NULL OR who = ?3)
    AND (?4 IS NULL OR what = ?4 OR (what > ?4 || '.' AND what < ?4 || '/'))
    AND (?5 IS NULL OR path = ?5 OR (path > ?5 || '/' AND path < ?5 || '0'))
    AND (?6 IS NULL OR at >= ?6)
    AND (?7 IS NULL OR at < ?7)
    AND (?8 = '[]' OR EXISTS (
        SELECT 1 FROM json_each(?8) AS root
        WHERE audit.path = root.value OR (audit.path > root.value || '/' AND audit.path < root.value || '0')
    ))

-- name: audit_columns
audit.key, at, actor, who, token, what, path, about, target, origin, outcome, detail

-- name: audit
SELECT {audit_columns} FROM audit WHERE {audit_matches} ORDER BY audit.key DESC LIMIT ?2

-- name: audit_of_who
SELECT {audit_columns} FROM audit INDEXED BY audit_by_who
WHERE who = ?3 AND {audit_matches} ORDER BY audit.key DESC LIMIT ?2

-- name: audit_at_path
-- Two ranges of the index; what they give is put in order.
SELECT {audit_columns} FROM audit
WHERE audit.key IN (
    SELECT key FROM audit WHERE path = ?5 AND path <> ''
    UNION ALL
    SELECT key FROM audit WHERE path > ?5 || '/' AND path < ?5 || '0' AND path <> ''
) AND {audit_matches}
ORDER BY audit.key DESC LIMIT ?2

-- name: audit_concerning
-- ?9 an account
SELECT {audit_columns} FROM audit_concerns JOIN audit ON audit.key = audit_concerns.entry
WHERE audit_concerns.account = ?9 AND audit_concerns.entry < ?1 AND {audit_matches}
ORDER BY audit_concerns.entry DESC LIMIT ?2
