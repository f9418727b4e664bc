//! `skynet registry`: where plugins come from, one file a verb.

mod keeper;

use crate::args::registry::Registry;
use crate::home::Home;
use crate::output::Out;
use anyhow::Result;

pub(crate) async fn run(home: &Home, verb: Registry, out: &Out) -> Result<()> {
    match verb {
        Registry::Keeper(verb) => keeper::run(home, verb, out).await,
    }
}
