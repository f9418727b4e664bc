//! `audit verify`: the whole log against itself and against what was kept elsewhere.
//!
//! Parts that were set aside are said first, each with whether its file is still as it was.

use super::log_key;
use crate::anchor;
use crate::clock;
use crate::config_file;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::output::Out;
use anyhow::{Context, Result};
use serde_json::json;
use skynet_policy::audit::{Checkpoint, CheckpointError, SetAside};
use skynet_policy::digest::sha256_hex;
use skynet_policy::naming::plain_line;
use skynet_store::{AuditFault, Store};
use std::path::PathBuf;

/// What is wrong with the log, with its exit code and the way on.
pub(super) fn failure(fault: AuditFault) -> anyhow::Error {
    let kind = match &fault {
        AuditFault::Row { .. } | AuditFault::Checkpoint { .. } => Kind::LogDamaged,
        AuditFault::Cut { .. } => Kind::LogCut,
        AuditFault::Rewritten { .. } | AuditFault::Unsigned { .. } => Kind::LogRewritten,
        AuditFault::NoRow { .. } => return fail(Kind::NotFound, fault.to_string()),
        AuditFault::NoKey => return fail(Kind::BadConfig, fault.to_string()),
        AuditFault::Changed => return fail(Kind::TryLater, fault.to_string()),
        AuditFault::Store(_) => return fault.into(),
    };
    fail(kind, format!("{fault}. To keep the damaged part in a file and go on behind it: skynet audit set-aside"))
}

/// Checkpoints that were kept elsewhere: in these files and in the one that the settings name.
pub(super) async fn anchors(home: &Home, store: &Store, files: &[PathBuf]) -> Result<Vec<Checkpoint>> {
    let configured = anchor::file(home, &config_file::load(home)?.audit);
    let mut anchors: Vec<Checkpoint> = Vec::new();
    for path in files.iter().chain(&configured) {
        let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let found = Checkpoint::verify_all(&text, &log_key(home)?);
        let found = found.map_err(|error| {
            let of_another = matches!(error, CheckpointError::Origin(..));
            fail(if of_another { Kind::LogRewritten } else { Kind::Refused }, format!("{}: {error}", path.display()))
        })?;
        if found.is_empty() && store.has_checkpoints().await? {
            let gone = "it is empty, and checkpoints were signed: what was kept there is gone";
            return Err(fail(Kind::LogCut, format!("{}: {gone}", path.display())));
        }
        anchors.extend(found);
    }
    Ok(anchors)
}

/// Which rows, in words.
pub(super) fn rows(from: u64, to: u64) -> String {
    match to.checked_sub(from) {
        None => "no row of the log, but what was put into it, a checkpoint or its end".into(),
        Some(0) => format!("row {from}"),
        Some(_) => format!("rows {from} to {to}"),
    }
}

/// What became of the file.
fn file(home: &Home, part: &SetAside) -> &'static str {
    match std::fs::read(home.root().join(&part.file)) {
        Ok(bytes) if sha256_hex(&bytes) == part.sha256 => "which is as it was written",
        Ok(_) => "which was CHANGED since",
        Err(_) => "which is NOT THERE",
    }
}

pub(super) async fn run(home: &Home, store: &Store, files: &[PathBuf], out: &Out) -> Result<()> {
    let anchors = anchors(home, store, files).await?;
    let kept_elsewhere = anchors.len();
    let report = store.verify_audit(anchors).await.map_err(failure)?;
    let (mut aside, mut parts, mut gone) = (String::new(), Vec::new(), 0);
    for (number, at_ms, part) in &report.set_aside {
        let (what, time, state) = (rows(part.from, part.to), clock::instant(*at_ms), file(home, part));
        let why = plain_line(&part.why, 400);
        aside +=
            &format!("SET ASIDE on {time}, says row {number}: {what}, because {why}; kept in {}, {state}\n", plain_line(&part.file, 120));
        parts.push(json!({ "row": number, "time": time, "from": part.from, "to": part.to, "why": why, "file": part.file, "state": state }));
        gone += (part.to + 1).saturating_sub(part.from);
    }
    if report.not_compared > 0 {
        aside +=
            &format!("{} of the checkpoints kept elsewhere speak of rows that were set aside, and are not compared\n", report.not_compared);
    }
    let mut text = format!(
        "{aside}{} rows, each as it was written; {} signed checkpoints agree, {} of them kept elsewhere; {} rows at the end are not signed yet",
        report.rows - gone,
        report.checkpoints,
        (kept_elsewhere as u64).saturating_sub(report.not_compared),
        report.unsigned
    );
    if report.crashes > 0 {
        text += &format!(
            "\nthe host ended without a word {}: rows of the last moments before may never have been written",
            if report.crashes == 1 { "once".to_owned() } else { format!("{} times", report.crashes) }
        );
    }
    if kept_elsewhere == 0 {
        text +=
            "\nnobody who holds keys/audit.key is excluded by this: keep a `skynet audit checkpoint` elsewhere, or set audit.anchor_file";
    }
    let value = json!({
        "rows": report.rows - gone, "checkpoints": report.checkpoints, "anchors": kept_elsewhere, "unsigned": report.unsigned,
        "crashes": report.crashes, "set_aside": parts, "not_compared": report.not_compared,
    });
    out.both(&text, &value);
    Ok(())
}
