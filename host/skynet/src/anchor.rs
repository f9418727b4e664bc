//! Checkpoints of the audit log, kept where the owner says: a file, a program, or both.

use crate::home::Home;
use anyhow::{Context, Result};
use skynet_core::config::AuditConfig;
use skynet_scripts::system::feed_tool;
use skynet_store::Store;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

/// For a program that sends a checkpoint somewhere.
const COMMAND: Duration = Duration::from_secs(60);

/// Hands a checkpoint to everything that the owner named.
pub(crate) async fn keep(home: &Home, config: &AuditConfig, note: &str) -> Result<()> {
    if let Some(file) = &config.anchor_file {
        let path = home.root().join(file);
        append(&path, note).with_context(|| format!("audit.anchor_file {} took no checkpoint", path.display()))?;
    }
    if let Some((program, arguments)) = config.anchor_command.split_first() {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = feed_tool(program, &arguments, note.as_bytes(), COMMAND).await.context("audit.anchor_command took no checkpoint")?;
        anyhow::ensure!(output.code == 0, "audit.anchor_command ended with {}: {}", output.code, output.stderr.trim());
    }
    Ok(())
}

/// Appends a note unless it is the last one there already.
fn append(path: &Path, note: &str) -> Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|text| text.trim_end().ends_with(note.trim_end())) {
        return Ok(());
    }
    let mut file = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.write_all(format!("{note}\n").as_bytes())?;
    file.sync_all()?;
    Ok(())
}

/// Signs and keeps checkpoints from time to time, for as long as it is polled.
pub(crate) async fn tend(home: Home, config: AuditConfig, store: Store) {
    let every = Duration::from_secs(config.checkpoint_interval_s);
    let mut kept = String::new();
    loop {
        tokio::time::sleep(every).await;
        sign(&home, &config, &store, &mut kept).await;
    }
}

/// Signs what is new and keeps it; a failure is told and tried again the next time.
pub(crate) async fn sign(home: &Home, config: &AuditConfig, store: &Store, kept: &mut String) {
    match store.checkpoint().await {
        Ok(Some(note)) if note != *kept => match keep(home, config, &note).await {
            Ok(()) => *kept = note,
            Err(error) => tracing::error!("an audit checkpoint was not kept: {error:#}"),
        },
        Ok(_) => {}
        Err(error) => tracing::error!(%error, "the audit log was not signed"),
    }
}
