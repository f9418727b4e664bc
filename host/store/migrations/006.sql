-- The vault: secrets, each under a data key of its own; data keys under the vault's key;
-- the vault's key under one or more slots. See src/vault.rs.

CREATE TABLE vault (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    id      BLOB NOT NULL,
    key     INTEGER NOT NULL,               -- number of the vault's key; grows with each rotation
    changes INTEGER NOT NULL,               -- grows with each change: a running host looks here
    entries BLOB NOT NULL                   -- sealed: which version of which secret was set last
) STRICT;

CREATE TABLE vault_slots (
    kind       TEXT PRIMARY KEY,            -- keyfile, passphrase, systemd, keyring
    made_ms    INTEGER NOT NULL,
    parameters TEXT NOT NULL,               -- JSON
    wrapped    BLOB NOT NULL                -- the vault's key
) STRICT;

CREATE TABLE secrets (
    name    TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    servers TEXT NOT NULL,                  -- JSON: where it may go; empty is wherever a grant says
    set_ms  INTEGER NOT NULL,
    wrapped BLOB NOT NULL,                  -- the data key
    value   BLOB NOT NULL
) STRICT;
