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
mod limits;
mod lock;
mod output;
mod prompt;
mod scrubbed;
mod secret_uses;
mod secrets_file;
mod vault;
mod wire;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    // The compiling child must confine itself before anything else runs.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == compiler::WORKER) {
        return compiler::worker_main();
    }
    let args = args::Args::parse();
    let out = output::Out::new(args.json, args.color);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::report(&out, &anyhow::anyhow!("no threads for the host: {error}")),
    };
    let ended = runtime.block_on(cli::run(args, &out));
    // A thread that waits for the keyboard must not keep the process.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&out, &error),
    }
}
