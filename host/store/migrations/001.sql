-- Format 1. A released migration never changes; the next change is the next file.
-- STRICT everywhere: a wrong type is an error at the write, not a riddle at the read.

-- Numbers that must never be given twice, whatever is deleted beside them.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('generation', 0), ('lease', 0);

CREATE TABLE sessions (
    key         TEXT PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    label       TEXT,
    model       TEXT,
    thinking    TEXT,                        -- JSON
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    usage       TEXT NOT NULL DEFAULT '{}',  -- JSON, totals of the present id
    messages    INTEGER NOT NULL DEFAULT 0,  -- of the present id
    last_model  TEXT,
    lease_epoch INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX sessions_by_update ON sessions (updated_ms);

-- Rows stay under the id that they were written for; a reset gives the session a new one.
CREATE TABLE messages (
    session_id  TEXT NOT NULL,
    number      INTEGER NOT NULL,
    id          TEXT NOT NULL UNIQUE,
    session_key TEXT NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    turn        TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,
    message     TEXT NOT NULL,               -- JSON
    answer      TEXT,                        -- JSON
    PRIMARY KEY (session_id, number)
) STRICT;
CREATE INDEX messages_by_key ON messages (session_key);

CREATE TABLE turns (
    session_key TEXT NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    turn        TEXT NOT NULL,
    session_id  TEXT NOT NULL,               -- the id at its beginning: where its messages go
    begun_ms    INTEGER NOT NULL,
    ended_ms    INTEGER,
    how         TEXT,
    PRIMARY KEY (session_key, turn)
) STRICT;
CREATE INDEX turns_open ON turns (begun_ms) WHERE ended_ms IS NULL;

CREATE TABLE turn_calls (
    session_key TEXT NOT NULL,
    turn        TEXT NOT NULL,
    call        TEXT NOT NULL,
    tool        TEXT NOT NULL,
    idempotent  INTEGER NOT NULL,
    intended_ms INTEGER NOT NULL,
    done_ms     INTEGER,
    is_error    INTEGER,
    PRIMARY KEY (session_key, turn, call),
    FOREIGN KEY (session_key, turn) REFERENCES turns (session_key, turn) ON DELETE CASCADE
) STRICT;

CREATE TABLE plugins (
    id              TEXT PRIMARY KEY,
    enabled         INTEGER NOT NULL DEFAULT 1,
    serving         INTEGER REFERENCES receipts (generation),
    highest_version TEXT
) STRICT;

CREATE TABLE receipts (
    generation INTEGER PRIMARY KEY,
    plugin     TEXT NOT NULL REFERENCES plugins (id),
    receipt    TEXT NOT NULL                 -- JSON
) STRICT;
CREATE INDEX receipts_by_plugin ON receipts (plugin, generation);

-- Releases that were put away: not admitted again from a file that is still there.
CREATE TABLE held (
    plugin  TEXT NOT NULL,
    release TEXT NOT NULL,
    why     TEXT NOT NULL,
    PRIMARY KEY (plugin, release)
) STRICT, WITHOUT ROWID;

CREATE TABLE grants (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    plugin     TEXT NOT NULL,
    grant_json TEXT NOT NULL,                -- JSON
    expires_ms INTEGER,
    ended_ms   INTEGER                       -- revoked or replaced
) STRICT;
CREATE UNIQUE INDEX grants_in_force ON grants (plugin) WHERE ended_ms IS NULL;

CREATE TABLE kv (
    plugin TEXT NOT NULL,
    key    TEXT NOT NULL,
    value  BLOB NOT NULL,
    PRIMARY KEY (plugin, key)
) STRICT, WITHOUT ROWID;

-- Kept by triggers, so that a quota check costs one row and cannot drift.
CREATE TABLE kv_space (
    plugin TEXT PRIMARY KEY,
    keys   INTEGER NOT NULL DEFAULT 0,
    bytes  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TRIGGER kv_added AFTER INSERT ON kv BEGIN
    INSERT INTO kv_space (plugin) VALUES (new.plugin) ON CONFLICT DO NOTHING;
    UPDATE kv_space SET keys = keys + 1, bytes = bytes + octet_length(new.key) + octet_length(new.value)
        WHERE plugin = new.plugin;
END;
CREATE TRIGGER kv_changed AFTER UPDATE OF value ON kv BEGIN
    UPDATE kv_space SET bytes = bytes - octet_length(old.value) + octet_length(new.value) WHERE plugin = new.plugin;
END;
CREATE TRIGGER kv_removed AFTER DELETE ON kv BEGIN
    UPDATE kv_space SET keys = keys - 1, bytes = bytes - octet_length(old.key) - octet_length(old.value)
        WHERE plugin = old.plugin;
END;

CREATE TABLE tokens (
    name       TEXT PRIMARY KEY,
    hash       BLOB NOT NULL UNIQUE,
    scopes     TEXT NOT NULL,                -- JSON
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE devices (
    id            TEXT PRIMARY KEY,
    public_key    TEXT NOT NULL,
    role          TEXT NOT NULL,
    scopes        TEXT NOT NULL,             -- JSON
    platform      TEXT,
    device_family TEXT,
    display_name  TEXT,
    client_id     TEXT,
    client_mode   TEXT,
    token         BLOB,
    created_ms    INTEGER NOT NULL,
    approved_ms   INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
    number   INTEGER PRIMARY KEY,
    at_ms    INTEGER NOT NULL,
    row      TEXT NOT NULL,                  -- JSON; the hash covers these very bytes
    previous BLOB NOT NULL,
    hash     BLOB NOT NULL
) STRICT;
-- Also stops INSERT OR REPLACE, which fires no delete trigger.
CREATE TRIGGER audit_only_grows BEFORE INSERT ON audit
WHEN new.number <> (SELECT number + 1 FROM audit_head) BEGIN
    SELECT RAISE(ABORT, 'audit rows are only added at the end');
END;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'audit rows are never changed');
END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'audit rows are never deleted');
END;

-- The end of the chain, kept apart: rows cut off the end are missed by nobody else.
CREATE TABLE audit_head (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL,
    hash   BLOB NOT NULL
) STRICT;
INSERT INTO audit_head (one, number, hash) VALUES (1, 0, zeroblob(32));
