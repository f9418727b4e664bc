//! Articles that all users share: written, found, listed, deleted.
//!
//! Owns the quotas, counted in the transaction of the write. The index of words is kept
//! by triggers of the file. Refuses nothing by content: that is the caller's check. A
//! tag that is given twice is kept once.

use crate::error::{Doing, Result};
use crate::facts::BY_HAND;
use crate::json::Json;
use crate::sessions::row_limit;
use crate::words::{expression, within_bounds};
use rusqlite::{Connection, Row, ToSql, params};
use skynet_core::StoreError;
use skynet_core::articles::{Article, NewArticle};
use skynet_core::limits::{ARTICLES, ARTICLES_OF_SOURCE};

/// In which all words occur, best first: topics count most, then tags.
pub(crate) fn search(db: &Connection, query: &str, limit: usize) -> Result<Vec<Article>> {
    let Some(words) = expression(query) else { return Ok(Vec::new()) };
    let sql = "SELECT articles.* FROM articles_fts JOIN articles ON articles.id = articles_fts.rowid
        WHERE articles_fts MATCH ?1 ORDER BY bm25(articles_fts, 4.0, 1.0, 2.0), articles.topic LIMIT ?2";
    within_bounds(db, || list(db, sql, params![words, row_limit(limit)]))
}

/// The one of this topic.
pub(crate) fn find(db: &Connection, topic: &str) -> Result<Option<Article>> {
    Ok(list(db, "SELECT * FROM articles WHERE topic = ?1", params![topic])?.pop())
}

/// By topic, after `after`.
pub(crate) fn page(db: &Connection, after: Option<&str>, limit: usize) -> Result<Vec<Article>> {
    let sql = "SELECT * FROM articles WHERE ?1 IS NULL OR topic > ?1 ORDER BY topic LIMIT ?2";
    list(db, sql, params![after, row_limit(limit)])
}

/// Writes one over its former self. On an error the caller's savepoint takes it back.
pub(crate) fn write(db: &Connection, article: &NewArticle, now: u64) -> Result<()> {
    let former = find(db, &article.topic)?.map(|article| article.source);
    let sql = "INSERT INTO articles (topic, content, tags, source, updated_ms) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (topic) DO UPDATE SET content = ?2, tags = ?3, source = ?4, updated_ms = ?5";
    run(db, sql, params![article.topic, article.content, Json(once_each(&article.tags)), article.source, now])?;
    if former.is_none() && count(db, "SELECT count(*) FROM articles", params![])? > ARTICLES {
        return Err(StoreError::Quota(format!("{ARTICLES} articles are kept. Delete some that are not needed")));
    }
    let source = &article.source;
    if source != BY_HAND && former.as_ref() != Some(source) {
        let sql = "SELECT count(*) FROM articles WHERE source = ?1";
        if count(db, sql, params![source])? > ARTICLES_OF_SOURCE {
            return Err(StoreError::Quota(format!("{source} may keep {ARTICLES_OF_SOURCE} articles. It must delete some")));
        }
    }
    Ok(())
}

/// Deletes one; says whether there was one.
pub(crate) fn delete(db: &Connection, topic: &str) -> Result<bool> {
    Ok(run(db, "DELETE FROM articles WHERE topic = ?1", params![topic])? > 0)
}

fn once_each(tags: &[String]) -> Vec<&String> {
    let mut kept = Vec::with_capacity(tags.len());
    for tag in tags {
        if !kept.contains(&tag) {
            kept.push(tag);
        }
    }
    kept
}

fn read(row: &Row<'_>) -> rusqlite::Result<Article> {
    Ok(Article {
        topic: row.get("topic")?,
        content: row.get("content")?,
        tags: row.get::<_, Json<_>>("tags")?.0,
        source: row.get("source")?,
        updated_ms: row.get("updated_ms")?,
    })
}

fn list(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<Article>> {
    let doing = "reading articles";
    let mut query = db.prepare_cached(sql).doing(doing)?;
    query.query_map(values, read).doing(doing)?.collect::<rusqlite::Result<_>>().doing(doing)
}

fn count(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<u64> {
    let doing = "counting articles";
    db.prepare_cached(sql).doing(doing)?.query_row(values, |row| row.get(0)).doing(doing)
}

fn run(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<usize> {
    let doing = "writing articles";
    db.prepare_cached(sql).doing(doing)?.execute(values).doing(doing)
}
