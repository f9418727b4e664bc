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
    let args = args::Args::parse();
    let out = output::Out::new(args.json, args.color);
    match cli::run(args, &out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&out, &error),
    }
}
