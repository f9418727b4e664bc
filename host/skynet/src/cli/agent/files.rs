//! Prompt files of an agent, beside those of the owner.
//!
//! A file that is not there is written; one that is the same is left; one that the owner
//! wrote changes with the owner's word alone, and is kept beside the new one.

use super::confirmed;
use crate::args::Mine;
use crate::cli::init::SOUL;
use crate::home::{self, Home};
use crate::output::Out;
use anyhow::{Context, Result};
use std::path::Path;

/// What happens to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Write,
    Same,
    /// There is one of the owner's, who has to be asked.
    Ask,
    /// What `init` wrote, which nobody has edited.
    Untouched,
    Kept,
    Replaced,
}

impl Fate {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Write => "new",
            Self::Same => "the same already",
            Self::Ask => "differs from yours",
            Self::Untouched => "takes the place of the one that nobody edited",
            Self::Kept => "yours stays",
            Self::Replaced => "takes the place of yours, which is kept beside it",
        }
    }
}

/// A text file, where there is one that says something.
pub(super) fn read(path: &Path) -> Result<Option<String>> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
        Ok(_) => {}
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read as text", path.display()))?;
    Ok((!text.trim().is_empty()).then_some(text))
}

pub(super) fn fate(home: &Home, name: &str, text: &str) -> Result<Fate> {
    Ok(match read(&home.root().join(name))? {
        None => Fate::Write,
        Some(mine) if mine == text => Fate::Same,
        Some(mine) if name == "SOUL.md" && mine == SOUL => Fate::Untouched,
        Some(_) => Fate::Ask,
    })
}

/// Asks where that has to be.
pub(super) fn decided(name: &str, fate: Fate, mine: Option<Mine>, out: &Out) -> Result<Fate> {
    if fate != Fate::Ask {
        return Ok(fate);
    }
    let replace = match mine {
        Some(choice) => choice == Mine::Replace,
        None => confirmed(
            &format!("Your {name} differs from the agent's. Put the agent's in its place, and keep yours beside it?"),
            "say --mine keep or --mine replace",
            out,
        )?,
    };
    Ok(if replace { Fate::Replaced } else { Fate::Kept })
}

/// Does it. Gives where the owner's own was kept.
pub(super) fn carry_out(home: &Home, name: &str, text: &str, fate: Fate) -> Result<Option<String>> {
    let path = home.root().join(name);
    let kept = match fate {
        Fate::Same | Fate::Kept | Fate::Ask => return Ok(None),
        Fate::Write => None,
        Fate::Untouched | Fate::Replaced => {
            // An ending that is no prompt file's: it must not be read as one.
            let kept = format!("{name}.before-{}", jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%fZ"));
            let mine = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            home::write_file(&home.root().join(&kept), &mine, 0o600)?;
            Some(kept)
        }
    };
    home::write_file(&path, text.as_bytes(), 0o600)?;
    Ok(kept)
}
