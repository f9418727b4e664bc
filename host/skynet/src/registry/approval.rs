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

/// Refuses unless the owner agrees to all of these releases, each a name and a digest.
pub(crate) fn agree(agreement: &Agreement, releases: &[(String, String)], out: &Out) -> Result<()> {
    // Whole: of a part that a person would type, whoever makes releases can make two.
    let named = |digest: &str| agreement.releases.iter().any(|given| given.eq_ignore_ascii_case(digest));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Color;

    #[test]
    fn a_release_is_named_by_its_whole_digest_and_by_no_part_of_it() {
        let digest = "0123456789abcdef".repeat(4);
        let agreed = |given: &str| {
            let agreement = Agreement { yes: true, releases: vec![given.into()], ..Agreement::default() };
            agree(&agreement, &[("acme/x 1.0.0".into(), digest.clone())], &Out::new(true, Color::Never)).is_ok()
        };
        assert!(agreed(&digest) && agreed(&digest.to_uppercase()));
        for part in ["", &digest[..16], &digest[..32], &digest[..63], &format!("{digest}0")] {
            assert!(!agreed(part), "{part}");
        }
    }
}
