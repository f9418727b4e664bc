//! A command of a person or a model, in the cell of a script: words of both sides.
//!
//! A command has no plugin behind it, so no folder of one is seen and no proxy leads out. Owns what is
//! asked for and what is given back; refuses nothing, which is `check`'s.

use super::{Confinement, ScriptLimits};
use crate::terminal::kept::Kept;
use crate::worker::End;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a command asks for. Names only: what they stand for was fixed in the `Ceiling`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program, such as `bash`: a name, looked up in fixed folders.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What lies in `STARTUP`, in its scratch folder, before it starts.
    pub startup: Option<String>,
    /// Variables beside those that every script has. Capitals, digits and `_`.
    pub variables: BTreeMap<String, String>,
    /// Named roots that it may reach.
    pub roots: BTreeSet<String>,
    /// Those of them that it may only read, also where the owner's configuration lets them be changed.
    pub unchanged: BTreeSet<String>,
    /// What it may use; never above the ceiling's.
    pub limits: ScriptLimits,
    /// Its terminal; without one it reads nothing and is read from two pipes.
    pub window: Option<Window>,
}

/// The file with `Command::startup`, in the scratch folder.
pub(crate) const STARTUP: &str = ".skynet-start";

/// A terminal as it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
    /// Whether what is typed is shown.
    pub echo: bool,
}

/// What a command without a terminal gave.
#[derive(Debug)]
pub struct Executed {
    /// How it ended; `None` when it was killed at its deadline.
    pub end: Option<End>,
    /// What it wrote, its middle dropped when it was long.
    pub stdout: Kept,
    /// The same of its complaints.
    pub stderr: Kept,
}

/// What the keeper of a cell is asked.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nothing is asked elsewhere"))]
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Asked {
    /// A plugin's script.
    Script(Confinement),
    /// A command.
    Command(Command),
}
