-- The audit log moves into pages: the rows of one commit share one row of the database,
-- which costs a third of one row each. Format 4 (audit/convert.rs) copies the old rows,
-- format 5 lets go of the old table and guards the new ones.
CREATE TABLE audit_pages (
    first INTEGER PRIMARY KEY,               -- number of its first row
    rows  INTEGER NOT NULL,
    body  BLOB NOT NULL                      -- see audit/page.rs
) STRICT;

-- Signed states of the log (policy::audit::Checkpoint).
CREATE TABLE audit_checkpoints (
    size  INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    note  TEXT NOT NULL
) STRICT;

-- Right edge of the tree over the rows' hashes; the newest checkpoint; whether a host runs.
ALTER TABLE audit_head ADD COLUMN tree BLOB NOT NULL DEFAULT (x'');
ALTER TABLE audit_head ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE audit_head ADD COLUMN running INTEGER NOT NULL DEFAULT 0;
