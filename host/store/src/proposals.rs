//! Proposals: kept, answered once, closed.
//!
//! Quotas count what waits. A decision, its steps and its audit row are one transaction;
//! so is a wrong code and its count, which no failure of the caller takes back. Refuses a
//! second answer, a code that is old, and a digest other than the one that is stored.

use crate::audit;
use crate::error::{Doing, Result};
use crate::grants;
use crate::json::Json;
use crate::limits::CLOSED_PROPOSALS;
use crate::plugins;
use crate::sessions::row_limit;
use crate::store::Store;
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};
use serde::{Deserialize, Serialize};
use skynet_core::limits::{CODE_TRIES, PROPOSALS, PROPOSALS_OF_USER};
use skynet_core::ports::{AuditRow, PluginChange, StoredGrant};
use skynet_core::proposals::{Candidate, CodeHash, Decision, Proposal, ProposalFilter, ProposalState, ProposalStore, Proposer, Verdict};
use skynet_core::{StoreError, UserId};

/// What stands in `body`.
#[derive(Serialize, Deserialize)]
struct Body {
    candidate: Candidate,
    by: Proposer,
    /// The plugin's grant when it was approved: what comes back when it cannot be installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<StoredGrant>,
}

/// Letters and digits of an id: read aloud and typed, so none that look alike.
const ID_LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
const ID_CHARS: usize = 6;

#[async_trait]
impl ProposalStore for Store {
    async fn add_proposal(
        &self,
        candidate: Candidate,
        by: Proposer,
        expires_ms: u64,
        row: AuditRow,
    ) -> std::result::Result<(Proposal, Vec<Proposal>), StoreError> {
        let (text, now) = (audit::text(&row)?, self.now());
        self.write(move |db| {
            let kept = add(db, Body { candidate, by, before: None }, expires_ms, now)?;
            audit::append(db, [(now, text.as_str())])?;
            Ok(kept)
        })
        .await
    }

    async fn proposals(&self, filter: &ProposalFilter, limit: usize) -> std::result::Result<Vec<Proposal>, StoreError> {
        let (filter, now) = (filter.clone(), self.now());
        self.read(move |db| list(db, &filter, limit, now)).await
    }

    async fn proposal(&self, id: &str) -> std::result::Result<Option<Proposal>, StoreError> {
        let (id, now) = (id.to_owned(), self.now());
        self.read(move |db| one(db, &id, now)).await
    }

    async fn set_code(&self, id: &str, digest: &str, code: CodeHash, until_ms: u64) -> std::result::Result<bool, StoreError> {
        let (id, digest, now) = (id.to_owned(), digest.to_owned(), self.now());
        // The tries stay: a new code is no new chance to guess.
        let sql = "UPDATE proposals SET code = ?3, code_ms = ?4 WHERE id = ?1 AND digest = ?2 AND state = 'open' AND expires_ms > ?5";
        self.write(move |db| Ok(run(db, sql, params![id, digest, code, until_ms, now])? > 0)).await
    }

    async fn decide(&self, decision: Decision) -> std::result::Result<Verdict, StoreError> {
        let (text, now) = (audit::text(&decision.row)?, self.now());
        self.write(move |db| {
            let verdict = decide(db, &decision, now)?;
            if verdict == Verdict::Taken {
                if decision.code.is_some() {
                    remember(db, &decision.id, now)?;
                }
                decision.steps.iter().try_for_each(|step| plugins::take(db, step, now))?;
                audit::append(db, [(now, text.as_str())])?;
            }
            Ok(verdict)
        })
        .await
    }

    async fn grant_before(&self, id: &str) -> std::result::Result<Option<StoredGrant>, StoreError> {
        let id = id.to_owned();
        self.read(move |db| Ok(body(db, &id)?.and_then(|body| body.before))).await
    }

    async fn end_proposal(
        &self,
        id: &str,
        state: ProposalState,
        why: &str,
        steps: Vec<PluginChange>,
        row: AuditRow,
    ) -> std::result::Result<bool, StoreError> {
        let (text, now) = (audit::text(&row)?, self.now());
        let (id, why) = (id.to_owned(), why.to_owned());
        self.write(move |db| {
            let sql = "UPDATE proposals SET state = ?2, why = ?3, code = NULL WHERE id = ?1 AND state IN ('open', 'approved')";
            if run(db, sql, params![id, state.word(), why])? == 0 {
                return Ok(false);
            }
            steps.iter().try_for_each(|step| plugins::take(db, step, now))?;
            audit::append(db, [(now, text.as_str())])?;
            Ok(true)
        })
        .await
    }
}

fn add(db: &Connection, body: Body, expires_ms: u64, now: u64) -> Result<(Proposal, Vec<Proposal>)> {
    let (user, plugin, subject) = (body.by.user.0.clone(), body.by.plugin.to_string(), body.candidate.subject.to_string());
    run(db, "UPDATE proposals SET state = 'expired', code = NULL WHERE state = 'open' AND expires_ms <= ?1", params![now])?;
    let same = "state = 'open' AND user = ?1 AND plugin = ?2 AND subject = ?3";
    let replaced = rows(db, &format!("SELECT * FROM proposals WHERE {same}"), params![user, plugin, subject], now)?;
    let sql = format!("UPDATE proposals SET state = 'refused', why = 'a newer proposal took its place', code = NULL WHERE {same}");
    run(db, &sql, params![user, plugin, subject])?;
    room(db, "user = ?1 AND", &user, PROPOSALS_OF_USER)?;
    // Others cannot take the owner's own conversations their room.
    let owner = UserId::owner().0;
    if user != owner {
        room(db, "user <> ?1 AND", &owner, PROPOSALS)?;
    }
    let sql = "DELETE FROM proposals WHERE rowid IN
        (SELECT rowid FROM proposals WHERE state NOT IN ('open', 'approved') ORDER BY created_ms DESC, rowid DESC LIMIT -1 OFFSET ?1)";
    run(db, sql, params![CLOSED_PROPOSALS])?;
    let id = new_id(db)?;
    let sql = "INSERT INTO proposals (id, user, plugin, subject, digest, body, created_ms, expires_ms, state)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'open')";
    run(db, sql, params![id, user, plugin, subject, body.candidate.digest, Json(&body), now, expires_ms])?;
    let Body { candidate, by, .. } = body;
    let kept = Proposal { id, candidate, by, created_ms: now, expires_ms, state: ProposalState::Open, why: String::new() };
    Ok((kept, replaced))
}

fn room(db: &Connection, of: &str, user: &str, limit: u64) -> Result<()> {
    let doing = "counting proposals";
    let sql = format!("SELECT count(*) FROM proposals WHERE {of} state = 'open'");
    let waiting: u64 = db.prepare_cached(&sql).doing(doing)?.query_row([user], |row| row.get(0)).doing(doing)?;
    if waiting >= limit {
        return Err(StoreError::Quota(format!("{limit} proposals wait for the owner already; they have to be answered first")));
    }
    Ok(())
}

/// Short, as a person types it; drawn again where it is taken.
fn new_id(db: &Connection) -> Result<String> {
    let doing = "naming a proposal";
    for _ in 0..64 {
        let random = uuid::Uuid::new_v4().into_bytes();
        let letter = |byte: &u8| ID_LETTERS.get(usize::from(*byte) % ID_LETTERS.len()).map_or('a', |letter| char::from(*letter));
        let id: String = random.iter().take(ID_CHARS).map(letter).collect();
        let taken = db.prepare_cached("SELECT 1 FROM proposals WHERE id = ?1").doing(doing)?.exists([&id]).doing(doing)?;
        if !taken {
            return Ok(id);
        }
    }
    Err(StoreError::Unavailable("no free name for a proposal was found".into()))
}

/// Whether it waits, what it is for, and the code that is out.
struct Lock {
    state: ProposalState,
    digest: String,
    code: Option<(CodeHash, u64)>,
    tries: u32,
}

fn decide(db: &Connection, decision: &Decision, now: u64) -> Result<Verdict> {
    let Some(lock) = lock(db, &decision.id, now)? else { return Ok(Verdict::Unknown) };
    if lock.state != ProposalState::Open {
        return Ok(Verdict::Closed(lock.state));
    }
    let Some(code) = decision.code else {
        close(db, &decision.id, ProposalState::Refused, "the owner said no")?;
        return Ok(Verdict::Taken);
    };
    if lock.digest != decision.digest {
        return Ok(Verdict::Changed);
    }
    let Some((shown, _)) = lock.code.filter(|(_, until)| now < *until) else { return Ok(Verdict::NoCode) };
    if shown == code {
        close(db, &decision.id, ProposalState::Approved, "")?;
        return Ok(Verdict::Taken);
    }
    let tries = lock.tries.saturating_add(1);
    run(db, "UPDATE proposals SET tries = ?2 WHERE id = ?1", params![decision.id, tries])?;
    match CODE_TRIES.saturating_sub(tries) {
        0 => {
            close(db, &decision.id, ProposalState::Refused, "too many wrong codes were typed")?;
            Ok(Verdict::LockedUp)
        }
        left => Ok(Verdict::WrongCode(left)),
    }
}

fn lock(db: &Connection, id: &str, now: u64) -> Result<Option<Lock>> {
    let doing = "reading a proposal's code";
    let sql = "SELECT state, expires_ms, digest, code, code_ms, tries FROM proposals WHERE id = ?1";
    let read = |row: &Row<'_>| {
        let code: Option<CodeHash> = row.get("code")?;
        let until: Option<u64> = row.get("code_ms")?;
        Ok(Lock { state: state(row, now)?, digest: row.get("digest")?, code: code.zip(until), tries: row.get("tries")? })
    };
    db.prepare_cached(sql).doing(doing)?.query_row([id], read).optional().doing(doing)
}

fn close(db: &Connection, id: &str, state: ProposalState, why: &str) -> Result<()> {
    run(db, "UPDATE proposals SET state = ?2, why = ?3, code = NULL WHERE id = ?1", params![id, state.word(), why])?;
    Ok(())
}

/// Keeps the grant that a yes is about to replace, in the transaction that replaces it.
fn remember(db: &Connection, id: &str, now: u64) -> Result<()> {
    let Some(body) = body(db, id)? else { return Ok(()) };
    let before = grants::of_plugin(db, &body.candidate.subject, now)?;
    run(db, "UPDATE proposals SET body = ?2 WHERE id = ?1", params![id, Json(&Body { before, ..body })])?;
    Ok(())
}

fn body(db: &Connection, id: &str) -> Result<Option<Body>> {
    let doing = "reading a proposal";
    let mut query = db.prepare_cached("SELECT body FROM proposals WHERE id = ?1").doing(doing)?;
    query.query_row([id], |row| Ok(row.get::<_, Json<Body>>(0)?.0)).optional().doing(doing)
}

fn state(row: &Row<'_>, now: u64) -> rusqlite::Result<ProposalState> {
    let word: String = row.get("state")?;
    let state = serde_json::from_value(word.into()).map_err(rusqlite::types::FromSqlError::other)?;
    let over = row.get::<_, u64>("expires_ms")? <= now;
    Ok(if state == ProposalState::Open && over { ProposalState::Expired } else { state })
}

fn list(db: &Connection, filter: &ProposalFilter, limit: usize, now: u64) -> Result<Vec<Proposal>> {
    let (user, plugin) = filter.of.as_ref().map(|(user, plugin)| (user.0.as_str(), plugin.as_str())).unzip();
    let word = filter.state.map(ProposalState::word);
    let sql = "SELECT * FROM proposals WHERE (?1 IS NULL OR user = ?1) AND (?2 IS NULL OR plugin = ?2) AND (?3 IS NULL OR state = ?3)
        ORDER BY created_ms DESC, rowid DESC LIMIT ?4";
    let mut found = rows(db, sql, params![user, plugin, word, row_limit(limit)], now)?;
    // One whose time is over still says `open` in its row.
    found.retain(|proposal| filter.state.is_none_or(|wanted| proposal.state == wanted));
    Ok(found)
}

fn one(db: &Connection, id: &str, now: u64) -> Result<Option<Proposal>> {
    Ok(rows(db, "SELECT * FROM proposals WHERE id = ?1", params![id], now)?.pop())
}

fn rows(db: &Connection, sql: &str, values: &[&dyn ToSql], now: u64) -> Result<Vec<Proposal>> {
    let doing = "reading proposals";
    let read = |row: &Row<'_>| {
        let Body { candidate, by, .. } = row.get::<_, Json<Body>>("body")?.0;
        Ok(Proposal {
            id: row.get("id")?,
            candidate,
            by,
            created_ms: row.get("created_ms")?,
            expires_ms: row.get("expires_ms")?,
            state: state(row, now)?,
            why: row.get("why")?,
        })
    };
    let mut query = db.prepare_cached(sql).doing(doing)?;
    query.query_map(values, read).doing(doing)?.collect::<rusqlite::Result<_>>().doing(doing)
}

fn run(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<usize> {
    let doing = "writing a proposal";
    db.prepare_cached(sql).doing(doing)?.execute(values).doing(doing)
}
