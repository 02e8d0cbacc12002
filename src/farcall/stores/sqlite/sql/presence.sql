-- Workers that are here, and the bytes that invocations refer to.

-- name: put_presence
INSERT INTO presences (boot, account, name, hub, slots, resources, versions, state, connected_at, seen_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)
ON CONFLICT (boot) DO UPDATE SET
    account = ?2, name = ?3, hub = ?4, slots = ?5, resources = ?6, versions = ?7, state = ?8, seen_at = ?9

-- name: note_seen
-- Its versions had a worker until then.
UPDATE versions SET seen_at = ?2 WHERE key IN (SELECT version FROM served WHERE boot = ?1)

-- name: forget_served
DELETE FROM served WHERE boot = ?1

-- name: put_served
INSERT OR IGNORE INTO served (version, boot) SELECT value, ?1 FROM json_each(?2)

-- name: end_presence
UPDATE presences SET state = ?2, seen_at = ?3 WHERE boot = ?1 RETURNING boot

-- name: presences
-- ?1 version or NULL, ?2 whether those that are gone count
SELECT
    boot, presences.account, accounts.handle, presences.name, hub, slots, resources, versions, state, connected_at, seen_at
FROM presences JOIN accounts ON accounts.key = presences.account
WHERE (?1 IS NULL OR boot IN (SELECT boot FROM served WHERE version = ?1))
    AND (?2 OR state NOT IN ('gone', 'lost'))
ORDER BY connected_at, boot

-- name: put_blob
INSERT INTO blobs (digest, size) VALUES (?1, ?2)
ON CONFLICT (digest) DO UPDATE SET size = coalesce(?2, size)

-- name: pin_blob
INSERT INTO pins (digest, account, expires_at) VALUES (?1, ?2, ?3)
ON CONFLICT (digest, account) DO UPDATE SET expires_at = max(expires_at, ?3)

-- name: pin_blob_for_token
INSERT INTO token_pins (digest, token, expires_at) VALUES (?1, ?2, ?3)
ON CONFLICT (digest, token) DO UPDATE SET expires_at = max(expires_at, ?3)

-- name: refer_to_blob
INSERT OR IGNORE INTO blob_references (digest, invocation) VALUES (?1, ?2)

-- name: collectable
SELECT digest FROM blobs
WHERE NOT EXISTS (SELECT 1 FROM blob_references WHERE blob_references.digest = blobs.digest)
    AND NOT EXISTS (SELECT 1 FROM pins WHERE pins.digest = blobs.digest AND expires_at > ?1)
ORDER BY digest LIMIT ?2

-- name: forget_blobs
DELETE FROM blobs WHERE digest IN (SELECT value FROM json_each(?1))

-- name: forget_pins
DELETE FROM pins WHERE digest IN (SELECT value FROM json_each(?1))

-- name: forget_token_pins
DELETE FROM token_pins WHERE digest IN (SELECT value FROM json_each(?1))

-- name: blob_readable
SELECT EXISTS (SELECT 1 FROM pins WHERE digest = ?1 AND account = ?2 AND expires_at > ?3)
    OR EXISTS (
        SELECT 1 FROM blob_references
        JOIN invocations ON invocations.seq = blob_references.invocation
        JOIN versions ON versions.key = invocations.version
        JOIN functions ON functions.key = versions.function
        WHERE blob_references.digest = ?1 AND (invocations.caller = ?2 OR functions.owner = ?2)
    )

-- name: blob_readable_within
-- By a token (?3) that is limited to paths (?4, a JSON array), of an account (?2).
SELECT EXISTS (SELECT 1 FROM token_pins WHERE digest = ?1 AND token = ?3 AND expires_at > ?5)
    OR EXISTS (
        SELECT 1 FROM blob_references
        JOIN invocations ON invocations.seq = blob_references.invocation
        JOIN versions ON versions.key = invocations.version
        JOIN functions ON functions.key = versions.function
        WHERE blob_references.digest = ?1 AND (invocations.caller = ?2 OR functions.owner = ?2)
            AND EXISTS (
                SELECT 1 FROM json_each(?4) AS limits
                WHERE functions.called = limits.value
                    OR functions.called >= limits.value || '/' AND functions.called < limits.value || '0'
                    OR EXISTS (
                        SELECT 1 FROM links
                        WHERE links.function = functions.key AND passes
                            AND (path = limits.value OR path >= limits.value || '/' AND path < limits.value || '0')
                    )
            )
    )
