//! The owner's yes: at the terminal, or by the digest of what was looked at before.
//!
//! A script that says only `--yes` agrees to whatever a registry lists next, so without a
//! terminal it names the releases, or says in so many words that it wants to see none.

use crate::args::registry::Agreement;
use crate::exit::{Kind, fail};
use crate::output::Out;
use crate::prompt;
use anyhow::Result;
use std::io::IsTerminal;

/// Shortest digest that names a release: 64 bits.
const DIGEST_CHARS: usize = 16;

/// Refuses unless the owner agrees to all of these releases, each a name and a digest.
pub(crate) fn agree(agreement: &Agreement, releases: &[(String, String)], out: &Out) -> Result<()> {
    let named =
        |digest: &str| agreement.releases.iter().any(|given| given.len() >= DIGEST_CHARS && digest.starts_with(&given.to_lowercase()));
    if let Some((name, digest)) = releases.iter().find(|(_, digest)| !agreement.releases.is_empty() && !named(digest)) {
        let why = format!("{name} is release {digest}, which is not among those that you agree to");
        return Err(fail(Kind::Refused, format!("{why}; nothing was changed. Look at it with --plan first")));
    }
    let terminal = std::io::stdin().is_terminal() && !out.json;
    match (agreement.yes, terminal) {
        (true, true) => return Ok(()),
        (true, false) if agreement.unseen || !agreement.releases.is_empty() => return Ok(()),
        (false, true) if prompt::agreed("Do this? [y/N] ", out)? => return Ok(()),
        (false, true) => return Err(fail(Kind::Refused, "nothing was changed: you did not agree")),
        _ => {}
    }
    let digests: Vec<String> = releases.iter().map(|(_, digest)| format!("--release {digest}")).collect();
    let how = format!("--yes {}", digests.join(" "));
    Err(fail(Kind::Refused, format!("nobody is here to agree to this, so nothing was changed. Agree to exactly this with: {how}")))
}
