//! `skynet registry`: where plugins come from, one file a verb.

mod add;
pub(super) mod keeper;
mod list;
mod remove;
mod reset;
mod review;

use crate::args::registry::Registry;
use crate::home::Home;
use crate::output::Out;
use anyhow::Result;

pub(crate) async fn run(home: &Home, verb: Registry, out: &Out) -> Result<()> {
    match verb {
        Registry::Keeper(verb) => keeper::run(home, verb, out).await,
        Registry::Add(add) => add::run(home, add, out).await,
        Registry::Remove { name } => remove::run(home, &name, out).await,
        Registry::List => list::run(home, out),
        Registry::Reset { name, root } => reset::run(home, &name, &root, out).await,
        Registry::Review(look) => review::run(&look, out).await,
    }
}
