//! Tools of plugin authors: from an empty folder to a signed file that serves.
//!
//! A project is a folder with `plugin.toml` and sources in one language. What is special
//! about a language stands in its row (`language.rs`); what is the same for all of them
//! (names, packing, signing, watching, testing) stands here. Needs no running host, but for
//! `dev`, which drops into one. Refuses to overwrite what an author wrote.

mod bed;
mod bench;
mod build;
mod c;
mod cache;
mod checks;
mod componentize;
pub(in crate::cli) mod conformance;
mod console;
mod dev;
mod embedded;
mod go;
mod golden;
mod instant;
mod javascript;
mod language;
mod new;
mod project;
mod python;
mod rust;
mod sample;
mod secrets;
mod subject;
mod test;
mod trial;
mod walled;
mod world;

pub(crate) use walled::{CHECKER, worker_main as check_worker};

use crate::args::author::Author;
use crate::home::Home;
use crate::output::Out;
use anyhow::Result;

pub(super) async fn run(home: &Home, verb: Author, out: &Out) -> Result<()> {
    match verb {
        Author::New(args) => new::run(home, &args, out).await,
        Author::Build(args) => build::run(home, &args, out).await,
        Author::Dev(args) => dev::run(home, &args, out).await,
        Author::Test(args) => test::run(&args, out).await,
        Author::Bench(args) => bench::run(&args, out).await,
    }
}
