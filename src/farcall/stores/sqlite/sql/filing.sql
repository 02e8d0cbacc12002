-- Filing: what is found by caller and version, and summed as usage, many invocations at once. `housekeeping.filed_to` is
-- the last one that is filed, in the order of acceptance.

-- name: filed_to
SELECT filed_to FROM housekeeping

-- name: set_filed_to
UPDATE housekeeping SET filed_to = ?1

-- name: file_by_caller
INSERT INTO filed_by_caller SELECT caller, seq FROM invocations WHERE seq > ?1 AND seq <= ?2

-- name: file_by_version
INSERT INTO filed_by_version SELECT version, seq FROM invocations WHERE seq > ?1 AND seq <= ?2

-- name: file_usage
-- Of those that have ended; the others are charged when they end.
INSERT INTO usage
SELECT {taken} FROM invocations WHERE seq > ?1 AND seq <= ?2 AND state > 2
GROUP BY 1, 2, 3
{add_to_usage}
