//! Scripts on systems that have nothing to confine them with: they are off.
//!
//! Owns the one sentence about it. Refuses every script; there is no weaker way.

use super::{Abilities, Ceiling, Command, Confinement, Executed, Outcome, Refusal, Said, ScriptError};
use crate::worker::End;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;

const OFF: &str =
    "scripts are off here: this system has neither landlock nor seccomp. Run skynet on Linux, or take plugins that are components";

/// Starts nothing here.
#[derive(Debug)]
pub struct Launcher {
    abilities: Abilities,
}

impl Launcher {
    /// Gives a launcher that refuses.
    pub fn start(_program: &Path, _arguments: &[&str], _ceiling: &Ceiling) -> io::Result<Self> {
        let off = || OFF.to_owned();
        Ok(Self { abilities: Abilities { landlock: Err(off()), seccomp: Err(off()), namespaces: Err(off()), strength: Err(off()) } })
    }

    /// Says that nothing is to be had.
    pub fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    /// Refuses.
    pub async fn run(
        &self,
        _confinement: &Confinement,
        _input: &[u8],
        _proxy: Option<OwnedFd>,
        _said: mpsc::Sender<Said>,
    ) -> Result<Outcome, ScriptError> {
        Err(self.refusal())
    }

    /// Refuses.
    pub async fn execute(&self, _command: &Command, _keep: usize) -> Result<Executed, ScriptError> {
        Err(self.refusal())
    }

    /// Refuses.
    pub async fn open_tty(&self, _command: &Command) -> Result<Tty, ScriptError> {
        Err(self.refusal())
    }

    /// Refuses.
    pub async fn keep(&self, _confinement: &Confinement, _proxy: Option<OwnedFd>) -> Result<Kept, ScriptError> {
        Err(self.refusal())
    }

    fn refusal(&self) -> ScriptError {
        self.abilities.refusal().unwrap_or_else(|| Refusal::new(super::Part::Machine, OFF)).into()
    }
}

/// A terminal that is never made here.
#[derive(Debug)]
pub enum Tty {}

impl Tty {
    /// Never called.
    pub async fn read(&self, _buffer: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }

    /// Never called.
    pub async fn write_all(&self, _bytes: &[u8]) -> io::Result<()> {
        match *self {}
    }

    /// Never called.
    pub fn type_now(&self, _bytes: &[u8]) {
        match *self {}
    }

    /// Never called.
    pub fn resize(&self, _columns: u16, _rows: u16) -> io::Result<()> {
        match *self {}
    }

    /// Never called.
    pub async fn close(&self) -> Result<Option<End>, ScriptError> {
        match *self {}
    }

    /// Never called.
    pub async fn ended(&self) -> Result<Option<End>, ScriptError> {
        match *self {}
    }
}

/// Nothing is kept here.
#[derive(Debug)]
pub enum Kept {}

impl Kept {
    /// Never asked.
    pub async fn is_alive(&self) -> bool {
        match *self {}
    }

    /// Never asked.
    pub async fn say(&mut self, _line: &[u8], _wait: Duration) -> Result<(), ScriptError> {
        match *self {}
    }

    /// Never asked.
    pub async fn hear(&mut self, _wait: Duration) -> Result<Option<Vec<u8>>, ScriptError> {
        match *self {}
    }
}

/// Has nothing to serve.
pub fn serve() -> Result<(), Refusal> {
    Err(Refusal::new(super::Part::Machine, OFF))
}
