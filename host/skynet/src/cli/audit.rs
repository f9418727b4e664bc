//! `skynet audit`: what was done on this host, and whether the record of it is whole.

mod set_aside;
mod verify;

use crate::anchor;
use crate::args::Audit;
use crate::clock;
use crate::config_file;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::keys;
use crate::output::Out;
use crate::wire;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use skynet_core::ports::AuditRow;
use skynet_policy::audit::Proof;
use skynet_policy::naming::plain_line;
use skynet_policy::signature::PublicKey;
use skynet_store::{KeptRow, Store};
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

/// Rows that are read at once.
const CHUNK: usize = 4096;

/// How long `--follow` waits between looks.
const LOOK: Duration = Duration::from_millis(500);

pub(crate) async fn run(home: &Home, verb: Audit, out: &Out) -> Result<()> {
    if let Audit::Prove { what, check: true, key } = &verb {
        return check(what, key.as_deref(), out);
    }
    home.must_exist()?;
    let store = wire::open_store(home).await?;
    match verb {
        Audit::Tail { rows, kind, about, follow } => tail(&store, &Wanted { kind, about }, rows, follow, out).await,
        Audit::Export { from, to, out: path } => export(&store, from, to.unwrap_or(u64::MAX), path.as_deref()).await,
        Audit::Verify { anchors } => verify::run(home, &store, &anchors, out).await,
        Audit::SetAside { anchors, yes } => set_aside::run(home, &store, &anchors, yes, out).await,
        Audit::Prove { what, .. } => prove(&store, &what).await,
        Audit::Checkpoint => checkpoint(home, &store, out).await,
    }
}

/// Which rows somebody wants to see.
struct Wanted {
    kind: Option<String>,
    about: Option<String>,
}

impl Wanted {
    fn holds(&self, row: &AuditRow) -> bool {
        let kind = self.kind.as_ref().is_none_or(|kind| row.kind == *kind);
        kind && self.about.as_ref().is_none_or(|about| row.actor.contains(about) || row.subject.contains(about))
    }
}

fn shown(number: u64, at_ms: u64, row: &AuditRow) -> Value {
    json!({
        "number": number, "time": clock::instant(at_ms), "kind": row.kind, "verdict": row.verdict,
        "actor": row.actor, "subject": row.subject, "detail": row.detail,
    })
}

fn print(out: &Out, number: u64, at_ms: u64, row: &AuditRow) {
    let verdict = format!("{:<9}", row.verdict);
    let verdict = match row.verdict.as_str() {
        "ok" => verdict,
        "denied" => out.paint("33", &verdict),
        _ => out.paint("31", &verdict),
    };
    let detail = if row.detail.is_null() { String::new() } else { format!("  {}", row.detail) };
    // Names in a row may be a stranger's: one line, no control characters.
    let told = plain_line(&format!("{}  {}{detail}", row.actor, row.subject), 2000);
    out.both(&format!("{:>7}  {}  {:<10} {verdict} {told}", number, clock::instant(at_ms), row.kind), &shown(number, at_ms, row));
}

async fn tail(store: &Store, wanted: &Wanted, rows: usize, follow: bool, out: &Out) -> Result<()> {
    let mut last = newest(store).await?;
    let (mut found, mut kinds) = (Vec::new(), BTreeSet::new());
    // Back from the end, a stretch at a time.
    let mut end = last;
    while end > 0 && found.len() < rows {
        let begin = end.saturating_sub(CHUNK as u64);
        let stretch = store.audit_after(begin, CHUNK).await?;
        for kept in stretch.iter().rev().filter(|kept| kept.number <= end) {
            let row = parse(kept)?;
            if !kinds.contains(&row.kind) {
                kinds.insert(row.kind.clone());
            }
            if wanted.holds(&row) && found.len() < rows {
                found.push((kept.number, kept.at_ms, row));
            }
        }
        end = begin;
    }
    for (number, at_ms, row) in found.iter().rev() {
        print(out, *number, *at_ms, row);
    }
    if found.is_empty() {
        out.line(&none_found(wanted, rows, &kinds));
    }
    if !follow {
        return Ok(());
    }
    loop {
        for kept in store.audit_after(last, CHUNK).await? {
            last = kept.number;
            let row = parse(&kept)?;
            if wanted.holds(&row) {
                print(out, kept.number, kept.at_ms, &row);
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

/// Nothing was found, so every row was looked at.
fn none_found(wanted: &Wanted, rows: usize, kinds: &BTreeSet<String>) -> String {
    match &wanted.kind {
        Some(kind) if rows > 0 && !kinds.contains(kind) => {
            let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
            format!("the log has no row of the kind `{}`; the kinds that it has: {}", plain_line(kind, 80), kinds.join(", "))
        }
        _ => "the log has no such row".to_owned(),
    }
}

async fn newest(store: &Store) -> Result<u64> {
    use skynet_core::ports::Audit as _;
    Ok(store.tail(1).await?.first().map_or(0, |(number, _, _)| *number))
}

fn parse(kept: &KeptRow) -> Result<AuditRow> {
    let row = serde_json::from_str(&kept.text);
    row.map_err(|_| fail(Kind::LogDamaged, format!("audit row {} is not as it was written; run: skynet audit verify", kept.number)))
}

async fn export(store: &Store, from: u64, to: u64, path: Option<&Path>) -> Result<()> {
    if from > to {
        return Err(fail(Kind::Usage, format!("rows {from} to {to} are none; --from is the lower number")));
    }
    let mut writer: Box<dyn std::io::Write> = match path {
        Some(path) => {
            let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
            let file = file.with_context(|| format!("{} cannot be written", path.display()))?;
            Box::new(std::io::BufWriter::new(file))
        }
        None => Box::new(std::io::stdout().lock()),
    };
    let mut last = from.saturating_sub(1);
    while last < to {
        let rows = store.audit_after(last, CHUNK).await?;
        let Some(newest) = rows.last() else { break };
        last = newest.number;
        for kept in rows.iter().filter(|kept| kept.number <= to) {
            let mut line = shown(kept.number, kept.at_ms, &parse(kept)?);
            line["hash"] = json!(hex::encode(kept.hash));
            // What the hash covers: numbers and texts above may be written in other ways.
            line["row"] = json!(kept.text);
            line["at_ms"] = json!(kept.at_ms);
            writeln!(writer, "{line}").context("writing the rows")?;
        }
    }
    writer.flush().context("writing the rows")
}

fn log_key(home: &Home) -> Result<PublicKey> {
    Ok(keys::read(&keys::path(home, keys::AUDIT)?)?.public())
}

async fn prove(store: &Store, what: &str) -> Result<()> {
    let number = what.parse().map_err(|_| fail(Kind::NotFound, format!("`{what}` is no row number; see: skynet audit tail")))?;
    let proof = store.prove_audit(number).await.map_err(verify::failure)?;
    // For a file or a pipe, with and without --json.
    let text = serde_json::to_string_pretty(&proof)?;
    writeln!(std::io::stdout(), "{text}").context("writing the proof")
}

fn check(what: &str, key: Option<&str>, out: &Out) -> Result<()> {
    let text = if what == "-" {
        let mut text = String::new();
        std::io::stdin().take(1 << 20).read_to_string(&mut text).context("reading the proof")?;
        text
    } else {
        std::fs::read_to_string(what).with_context(|| format!("{what} cannot be read"))?
    };
    let expected = key.map(keys::read_public).transpose()?;
    let refused = |error: skynet_policy::audit::ProofError| fail(Kind::Refused, format!("the proof does not hold: {error}"));
    let proof = Proof::parse(&text).map_err(refused)?;
    let checkpoint = proof.check(expected.as_ref()).map_err(refused)?;
    let row: Value = serde_json::from_str(&proof.row).unwrap_or(Value::Null);
    let by = if expected.is_some() { "the log that you named" } else { "a log whose key you did not name" };
    let text = format!("row {} of {} is in {by}, key {}:\n{row}", proof.number, checkpoint.size, plain_line(&proof.key, 80));
    out.both(
        &text,
        &json!({ "number": proof.number, "time": clock::instant(proof.at_ms), "row": row, "rows": checkpoint.size, "key": proof.key }),
    );
    Ok(())
}

async fn checkpoint(home: &Home, store: &Store, out: &Out) -> Result<()> {
    let note = store.checkpoint().await?;
    let note = note.ok_or_else(|| fail(Kind::NotFound, "the log has no row yet, or keys/audit.key is gone"))?;
    anchor::keep(home, &config_file::load(home)?.audit, &note).await?;
    out.line(note.trim_end());
    out.value(&json!({ "checkpoint": note, "key": log_key(home)?.text() }));
    Ok(())
}
