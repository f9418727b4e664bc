//! `skynet registry show`: how a registry stands, and the root that clients begin with.

use super::{failed, open, warn};
use crate::output::Out;
use anyhow::Result;
use serde_json::json;
use std::path::Path;

pub(super) fn run(folder: &Path, root: Option<&Path>, out: &Out) -> Result<()> {
    let author = open(folder)?;
    let standing = author.standing(jiff::Timestamp::now()).map_err(failed)?;
    if let Some(path) = root {
        crate::home::write_file(path, &author.first_root().map_err(failed)?, 0o644)?;
    }
    out.line(&format!("registry {}", folder.display()));
    out.line(&format!("  fingerprint  {}", standing.fingerprint));
    let counted = [(standing.plugins, "plugins"), (standing.releases, "releases"), (standing.advisories, "advisories")];
    let counted: Vec<String> = counted.iter().map(|(count, what)| format!("{count} {what}")).collect();
    out.line(&format!("  lists        {}", counted.join(", ")));
    out.line(&format!(
        "  namespaces   {}",
        if standing.namespaces.is_empty() { "none".to_owned() } else { standing.namespaces.join(", ") }
    ));
    for role in &standing.roles {
        out.line(&format!(
            "  {:<12} version {}, good until {}, {} of {} keys sign",
            role.role, role.version, role.until, role.threshold, role.keys
        ));
    }
    warn(&standing.warnings, out);
    root.iter().for_each(|path| out.line(&format!("wrote {}", path.display())));
    out.value(&json!({ "folder": folder, "standing": standing, "root": root }));
    Ok(())
}
