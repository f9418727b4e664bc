//! `skynet registry`: where plugins come from, one file a verb.

mod review;

use crate::args::registry::Registry;
use crate::home::Home;
use crate::output::Out;
use anyhow::Result;

pub(crate) async fn run(_: &Home, verb: Registry, out: &Out) -> Result<()> {
    match verb {
        Registry::Review(look) => review::run(&look, out),
    }
}
