//! Commands, one file each, named after the verb.

mod audit;
mod bench;
mod chat;
mod config;
mod daemon;
mod doctor;
mod init;
mod key;
mod plugin;
mod secret;
mod start;
mod status;
mod token;

use crate::args::{Args, Command};
use crate::home::Home;
use crate::output::Out;
use anyhow::Result;
use clap::CommandFactory;

/// Runs one command.
pub(crate) async fn run(args: Args, out: &Out) -> Result<()> {
    if let Command::Completions { shell } = args.command {
        clap_complete::generate(shell, &mut Args::command(), "skynet", &mut std::io::stdout());
        return Ok(());
    }
    let home = match &args.home {
        Some(folder) => Home::at(std::path::absolute(folder)?),
        None => Home::find()?,
    };
    match args.command {
        Command::Init => init::run(&home, out).await,
        Command::Start => start::run(&home, out).await,
        Command::Daemon(verb) => daemon::run(&home, verb, out).await,
        Command::Status => status::run(&home, out).await,
        Command::Doctor => doctor::run(&home, out).await,
        Command::Chat(chat) => chat::run(&home, chat, out).await,
        Command::Plugin(verb) => plugin::run(&home, verb, out).await,
        Command::Secret(verb) => secret::run(&home, verb, out).await,
        Command::Key(verb) => key::run(&home, verb, out).await,
        Command::Token(verb) => token::run(&home, verb, out).await,
        Command::Audit(verb) => audit::run(&home, verb, out).await,
        Command::Config(verb) => config::run(&home, verb, out),
        Command::Bench(bench) => bench::run(&home, bench, out).await,
        Command::Completions { .. } => Ok(()),
    }
}
