//! Commands, one file each, named after the verb.

mod agent;
mod audit;
mod bench;
mod chat;
mod config;
mod daemon;
mod doctor;
mod init;
mod key;
mod knowledge;
mod mcp;
mod memory;
pub(crate) mod plugin;
mod proposals;
mod registry;
mod schedule;
mod secret;
mod start;
mod status;
mod token;

use crate::args::{Args, Command};
use crate::home::Home;
use crate::output::Out;
use anyhow::{Context, Result};
use clap::CommandFactory;
use std::io::Write as _;

/// Runs one command. A host confines itself first, while it has one thread.
pub(crate) fn run(args: Args, out: &Out) -> Result<()> {
    if let Command::Completions { shell } = args.command {
        // Into memory first: it panics where its writer fails, and a reader may have enough.
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Args::command(), "skynet", &mut script);
        let _ = std::io::stdout().write_all(&script);
        return Ok(());
    }
    let home = match &args.home {
        Some(folder) => Home::at(std::path::absolute(folder)?),
        None => Home::find()?,
    };
    let begun = if let Command::Start = args.command { Some(start::begin(&home)?) } else { None };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads for the host")?;
    let ended = runtime.block_on(async {
        match begun {
            Some(begun) => start::run(&home, begun, out).await,
            None => run_on_threads(args.command, &home, out).await,
        }
    });
    // A thread that waits for the keyboard must not keep the process.
    runtime.shutdown_background();
    ended
}

async fn run_on_threads(command: Command, home: &Home, out: &Out) -> Result<()> {
    match command {
        Command::Init => init::run(home, out).await,
        Command::Daemon(verb) => daemon::run(home, verb, out).await,
        Command::Status => status::run(home, out).await,
        Command::Doctor => doctor::run(home, out).await,
        Command::Chat(chat) => chat::run(home, chat, out).await,
        Command::Plugin(verb) => plugin::run(home, verb, out).await,
        Command::Registry(verb) => registry::run(home, verb, out).await,
        Command::Agent(verb) => agent::run(home, verb, out).await,
        Command::Proposals(verb) => proposals::run(home, verb, out).await,
        Command::Memory(verb) => memory::run(home, verb, out).await,
        Command::Knowledge(verb) => knowledge::run(home, verb, out).await,
        Command::Schedule(verb) => schedule::run(home, verb, out).await,
        Command::Secret(verb) => secret::run(home, verb, out).await,
        Command::Key(verb) => key::run(home, verb, out).await,
        Command::Mcp(verb) => mcp::run(home, verb, out).await,
        Command::Token(verb) => token::run(home, verb, out).await,
        Command::Audit(verb) => audit::run(home, verb, out).await,
        Command::Config(verb) => config::run(home, verb, out),
        Command::Bench(bench) => bench::run(home, bench, out).await,
        // Begun above.
        Command::Start | Command::Completions { .. } => Ok(()),
    }
}
