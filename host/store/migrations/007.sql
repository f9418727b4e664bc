-- What people and plugins let the host remember (facts, articles) and do later (jobs).
-- `id` stands for the row number that VACUUM may not change: the indexes go by it.

CREATE TABLE facts (
    id         INTEGER PRIMARY KEY,
    user       TEXT NOT NULL,
    category   TEXT NOT NULL,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    confidence REAL NOT NULL,
    source     TEXT NOT NULL,
    expires_ms INTEGER,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    UNIQUE (user, category, key)
) STRICT;
-- The quotas are counted in this index alone.
CREATE INDEX facts_by_source ON facts (user, source, expires_ms);
CREATE INDEX facts_by_end ON facts (user, expires_ms) WHERE expires_ms IS NOT NULL;

-- The words of a fact. The text itself is in `facts` only; triggers keep the two the same.
CREATE VIRTUAL TABLE facts_fts USING fts5 (
    key, value, content = 'facts', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);
-- What is forgotten leaves the index too, at once: as the pragma does for the tables.
INSERT INTO facts_fts (facts_fts, rank) VALUES ('secure-delete', 1);
CREATE TRIGGER facts_added AFTER INSERT ON facts BEGIN
    INSERT INTO facts_fts (rowid, key, value) VALUES (new.id, new.key, new.value);
END;
CREATE TRIGGER facts_removed AFTER DELETE ON facts BEGIN
    INSERT INTO facts_fts (facts_fts, rowid, key, value) VALUES ('delete', old.id, old.key, old.value);
END;
CREATE TRIGGER facts_changed AFTER UPDATE OF id, key, value ON facts BEGIN
    INSERT INTO facts_fts (facts_fts, rowid, key, value) VALUES ('delete', old.id, old.key, old.value);
    INSERT INTO facts_fts (rowid, key, value) VALUES (new.id, new.key, new.value);
END;

CREATE TABLE articles (
    id         INTEGER PRIMARY KEY,
    topic      TEXT NOT NULL UNIQUE,
    content    TEXT NOT NULL,
    tags       TEXT NOT NULL,                -- JSON
    source     TEXT NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX articles_by_source ON articles (source);

CREATE VIRTUAL TABLE articles_fts USING fts5 (
    topic, content, tags, content = 'articles', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO articles_fts (articles_fts, rank) VALUES ('secure-delete', 1);
CREATE TRIGGER articles_added AFTER INSERT ON articles BEGIN
    INSERT INTO articles_fts (rowid, topic, content, tags) VALUES (new.id, new.topic, new.content, new.tags);
END;
CREATE TRIGGER articles_removed AFTER DELETE ON articles BEGIN
    INSERT INTO articles_fts (articles_fts, rowid, topic, content, tags) VALUES ('delete', old.id, old.topic, old.content, old.tags);
END;
CREATE TRIGGER articles_changed AFTER UPDATE OF id, topic, content, tags ON articles BEGIN
    INSERT INTO articles_fts (articles_fts, rowid, topic, content, tags) VALUES ('delete', old.id, old.topic, old.content, old.tags);
    INSERT INTO articles_fts (rowid, topic, content, tags) VALUES (new.id, new.topic, new.content, new.tags);
END;

CREATE TABLE jobs (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    due        TEXT NOT NULL,                -- JSON: at, every or cron
    prompt     TEXT NOT NULL,
    user       TEXT NOT NULL,
    session    TEXT NOT NULL,
    plugin     TEXT,
    created_ms INTEGER NOT NULL,
    next_ms    INTEGER,                      -- NULL: it will not fire again
    last_ms    INTEGER,
    runs       INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX jobs_due ON jobs (next_ms) WHERE next_ms IS NOT NULL;
CREATE INDEX jobs_by_user ON jobs (user);
CREATE INDEX jobs_by_plugin ON jobs (plugin) WHERE plugin IS NOT NULL;

-- The primary key is what makes a fire run once.
CREATE TABLE fires (
    job          TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    scheduled_ms INTEGER NOT NULL,
    turn         TEXT NOT NULL,
    begun_ms     INTEGER NOT NULL,
    ended_ms     INTEGER,
    how          TEXT,
    PRIMARY KEY (job, scheduled_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX fires_open ON fires (job) WHERE ended_ms IS NULL;
