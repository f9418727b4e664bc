//! How author tools talk while something runs, and how they run it.
//!
//! Lines of compilers go to stderr, so that stdout holds the result alone; under `--json` too.
//! Every program has a deadline, and ends with the command that started it.

use crate::exit::{Kind, fail};
use crate::limits::BUILD;
use anyhow::Result;
use skynet_scripts::builder::{Builder, run_builder};
use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

/// Where lines go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Console {
    quiet: bool,
}

/// A missing tool, and how to get it.
pub(super) struct Missing<'a> {
    /// What was looked for, such as `clang with its wasm32 target`.
    pub(super) what: &'a str,
    /// Lines that say what to install and how, one way each.
    pub(super) remedies: &'a [&'a str],
}

impl Missing<'_> {
    /// As an error for the author.
    pub(super) fn error(&self) -> anyhow::Error {
        let ways = self.remedies.iter().map(|way| format!("\n  {way}")).collect::<String>();
        fail(Kind::NotFound, format!("{} is not here. Install it, then run this again:{ways}", self.what))
    }
}

impl Console {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// A line about what goes on.
    pub(super) fn say(&self, line: &str) {
        if !self.quiet {
            // A closed pipe is the reader's word that it has enough.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }

    /// Runs a tool in a folder until it ends well. Its last lines stand in the error where
    /// they were not shown.
    pub(super) async fn run(
        &self,
        program: impl Into<OsString>,
        args: impl IntoIterator<Item = impl Into<OsString>>,
        folder: &Path,
        environment: Vec<(String, OsString)>,
    ) -> Result<()> {
        let builder = Builder {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            folder: folder.to_owned(),
            environment,
            deadline: BUILD,
        };
        let ended = run_builder(&builder, |line| self.say(line)).await?;
        if ended.code == 0 {
            return Ok(());
        }
        let name = builder.program.to_string_lossy().into_owned();
        let said = if self.quiet { format!(":\n{}", ended.last.join("\n")) } else { "; its own lines above say why".to_owned() };
        anyhow::bail!("`{name}` ended with {}{said}", ended.code)
    }
}
