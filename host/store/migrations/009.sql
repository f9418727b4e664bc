-- Tokens that were ended: none of them ever counts again, whoever brings it back.

CREATE TABLE ended_tokens (
    hash     BLOB PRIMARY KEY,
    ended_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
