//! `audit set-aside`: the way on from a damaged log, for its owner to take.
//!
//! Shows what is damaged; with `--yes` it writes that part into a file beside the database
//! and lets the log go on behind it. Nothing is deleted before the file is on disk. Refuses
//! while a host runs: it would go on with an end of the log that is no longer there.

use super::verify::{self, failure};
use crate::anchor;
use crate::clock::{self, SystemClock};
use crate::config_file;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::lock;
use crate::output::Out;
use crate::who;
use anyhow::{Context, Result};
use serde_json::json;
use skynet_core::ports::Clock as _;
use skynet_policy::naming::plain_line;
use skynet_store::{AuditFault, Damage, Store};
use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

pub(super) async fn run(home: &Home, store: &Store, files: &[PathBuf], yes: bool, out: &Out) -> Result<()> {
    let _lock = lock::take(home)?;
    let anchors = verify::anchors(home, store, files).await?;
    let Some(damage) = store.audit_damage(anchors).await.map_err(failure)? else {
        out.both("the log is as it was written; there is nothing to set aside", &json!({ "set_aside": null }));
        return Ok(());
    };
    let what = verify::rows(damage.from, damage.to);
    out.line(&format!("damaged: {}", plain_line(&damage.why, 400)));
    out.line(&match damage.from {
        1 => format!("no row before it is sound; to be set aside: {what}"),
        first => format!("rows 1 to {} are sound and stay; to be set aside: {what}", first - 1),
    });
    if !yes {
        let copy = "keep a copy of skynet.db first, and compare it with a backup";
        return Err(fail(Kind::Refused, format!("nothing was changed; {copy}. `skynet audit set-aside --yes` does it")));
    }
    let name = format!("audit-set-aside-{}-{}.jsonl", damage.from, stamp());
    let path = home.root().join(&name);
    let sha256 = write(store, &damage, &path).await?;
    let done = store.set_aside(&damage, &name, &sha256, &who::at_the_command_line()).await;
    let number = done.map_err(|fault| not_done(fault, &path))?;
    let value =
        json!({ "set_aside": { "from": damage.from, "to": damage.to, "why": damage.why, "file": path, "sha256": sha256, "row": number } });
    out.both(&format!("{what} went to {}; the log goes on with row {number}, which says so", path.display()), &value);
    let note = store.checkpoint().await?.context("the log has no checkpoint")?;
    anchor::keep(home, &config_file::load(home)?.audit, &note).await.context("it is set aside, and its checkpoint is not kept elsewhere")
}

/// What is said when it did not come about. The file goes only when it is certain that the log
/// is as it was: else it may be the only copy of what was taken out.
fn not_done(fault: AuditFault, path: &Path) -> anyhow::Error {
    if matches!(fault, AuditFault::NoKey | AuditFault::Changed) {
        drop(std::fs::remove_file(path));
        return failure(fault);
    }
    let kept = "holds the damaged part and stays: `skynet audit verify` says whether the log still has it too";
    failure(fault).context(format!("setting it aside failed; {} {kept}", path.display()))
}

/// The time, as part of a file's name.
fn stamp() -> String {
    clock::instant(SystemClock.now_ms()).chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Writes the part there and waits until the disk has it; gives its digest.
async fn write(store: &Store, damage: &Damage, path: &Path) -> Result<String> {
    let cannot = || format!("{} cannot be written; nothing was changed", path.display());
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(cannot)?;
    let (written, sha256) = store.export_damage(damage, BufWriter::new(file)).await.map_err(failure)?;
    let file = written.into_inner().map_err(|error| error.into_error()).with_context(cannot)?;
    file.sync_all().with_context(cannot)?;
    // The name too must outlive a power cut.
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(cannot)?;
    Ok(sha256)
}

#[cfg(test)]
mod tests {
    use super::*;
    use skynet_core::StoreError;

    #[test]
    fn the_only_copy_goes_only_when_the_log_is_certainly_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aside.jsonl");
        let check = |fault: AuditFault, stays: bool| {
            std::fs::write(&path, "{}").unwrap();
            let said = format!("{:#}", not_done(fault, &path));
            assert_eq!((path.exists(), said.contains("aside.jsonl")), (stays, stays), "{said}");
        };
        check(AuditFault::NoKey, false);
        check(AuditFault::Changed, false);
        check(AuditFault::Store(StoreError::Unavailable("disk full while committing".into())), true);
        check(AuditFault::Store(StoreError::Corrupt("late".into())), true);
        check(AuditFault::Row { number: 4, why: "is missing" }, true);
    }
}
