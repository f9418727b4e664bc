//! `skynet`: parse, build, run. No business logic lives in this crate.

// Reading a JSON value by a key that is not there gives `null`; it cannot panic.
#![allow(clippy::indexing_slicing)]

mod anchor;
mod args;
mod cli;
mod client;
mod clock;
mod compiler;
mod config_file;
mod exit;
mod home;
mod host_secrets;
mod keys;
mod late;
mod limits;
mod lock;
mod market;
mod off_limits;
mod output;
mod owner_token;
mod plain;
mod prompt;
mod registry;
mod scripts;
mod scrubbed;
mod secret_uses;
mod secrets_file;
mod terminals;
mod vault;
mod wall;
mod who;
mod wire;
mod workshop;

use clap::Parser;
use cli::plugin::{CHECKER, check_worker};
use skynet_scripts::guard::{GUARD, guard_main};
use std::process::ExitCode;

/// Whether a program reads what we say: known before the rest is, and also where the rest is wrong.
fn wants_json() -> bool {
    std::env::args_os().skip(1).take_while(|argument| argument != "--").any(|argument| argument == "--json")
}

/// Help and version are texts for people, always; an error is shown as every other error is.
fn not_understood(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    if !wants_json() || matches!(error.kind(), DisplayHelp | DisplayVersion) {
        error.exit();
    }
    let text = if error.kind() == DisplayHelpOnMissingArgumentOrSubcommand {
        "a command is missing; `skynet --help` lists them".to_owned()
    } else {
        let text = error.render().to_string();
        text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned()
    };
    exit::report(&output::Out::new(true, output::Color::Never), &exit::fail(exit::Kind::Usage, text))
}

fn main() -> ExitCode {
    // The compiling child must confine itself before anything else runs.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == compiler::WORKER) {
        return compiler::worker_main(std::env::args_os().nth(2));
    }
    if std::env::args_os().nth(1).is_some_and(|argument| argument == anchor::KEEPER) {
        return anchor::keeper_main();
    }
    // It must have one thread, and stay outside of the wall.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == scripts::LAUNCHER) {
        return scripts::launcher_main();
    }
    // It raises the wall, which takes one thread.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == CHECKER) {
        return check_worker(std::env::args_os().skip(2));
    }
    // Between a compiler and this program, of which it outlives neither.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == GUARD) {
        return guard_main(std::env::args_os().skip(2));
    }
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) => return not_understood(&error),
    };
    let out = output::Out::new(args.json, args.color);
    match cli::run(args, &out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&out, &error),
    }
}
