-- Plugins that somebody asks the owner for. `body` is what would be installed and by whom
-- it was asked for, as JSON; a code is kept as a hash, and counts its wrong tries.

CREATE TABLE proposals (
    id         TEXT PRIMARY KEY,
    user       TEXT NOT NULL,
    plugin     TEXT NOT NULL,                -- whose tool proposed it
    subject    TEXT NOT NULL,                -- the plugin that would be installed
    digest     TEXT NOT NULL,                -- of its release.json
    body       TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    state      TEXT NOT NULL,
    why        TEXT NOT NULL DEFAULT '',
    code       BLOB,
    code_ms    INTEGER,                      -- until when it works
    tries      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX proposals_by_state ON proposals (state, user);
