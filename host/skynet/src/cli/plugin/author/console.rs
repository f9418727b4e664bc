//! How author tools talk while something runs, and how they run it.
//!
//! Lines of compilers go to stderr, so that stdout holds the result alone; under `--json` too. They
//! quote sources that may be a stranger's, so a terminal gets nothing to act on. Every program has
//! a deadline, and ends with the command that started it, however that ends. One that lies in a
//! project's own folder does not run unless somebody said that it may.

use super::project::Project;
use crate::compiler::own_program;
use crate::exit::{Kind, fail};
use crate::limits::BUILD;
use crate::output::Out;
use crate::plain::visible;
use crate::prompt::agreed;
use anyhow::{Context as _, Result};
use skynet_scripts::builder::{Builder, run_builder};
use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where lines go.
#[derive(Debug)]
pub(super) struct Console {
    out: Out,
    /// A person said that the project's author may run programs here.
    trusted: AtomicBool,
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
    pub(super) fn new(out: Out) -> Self {
        Self { out, trusted: AtomicBool::new(false) }
    }

    /// Asks whether a program of the project's own folder may run; a no is an error. `what` begins a
    /// sentence, `instead` says what to do without.
    pub(super) fn trust(&self, project: &Project, what: &str, instead: &str) -> Result<()> {
        if project.is_trusted || self.trusted.load(Ordering::Relaxed) {
            return Ok(());
        }
        let what = format!("{} would run: whoever made that folder decides what it does on this machine", visible(what));
        self.say(&what);
        if agreed("let it run? [y/N] ", &self.out)? {
            self.trusted.store(true, Ordering::Relaxed);
            return Ok(());
        }
        let why = format!("{what}. Nothing was built. If you made it or trust who did, add --trust-project; else {instead}");
        Err(fail(Kind::Refused, why))
    }

    /// A line about what goes on.
    pub(super) fn say(&self, line: &str) {
        if !self.out.json {
            // A closed pipe is the reader's word that it has enough.
            let _ = writeln!(std::io::stderr(), "{}", visible(line));
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
            guard: Some(own_program().context("the path of this program")?),
        };
        let ended = run_builder(&builder, |line| self.say(line)).await?;
        if ended.code == 0 {
            return Ok(());
        }
        let name = builder.program.to_string_lossy().into_owned();
        let said = if self.out.json { format!(":\n{}", ended.last.join("\n")) } else { "; its own lines above say why".to_owned() };
        anyhow::bail!("`{name}` ended with {}{said}", ended.code)
    }
}
