//! `skynet plugin outdated`: what is newer, and what would change. Changes nothing.

use crate::client;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::output::Out;
use crate::registry::{self, updates};
use crate::wire;
use anyhow::Result;
use jiff::Timestamp;
use serde_json::json;

pub(super) async fn run(home: &Home, out: &Out) -> Result<()> {
    home.must_exist()?;
    let held = registry::open(home)?;
    let store = wire::open_store(home).await?;
    let look = Box::pin(updates::look(home, &held, &store, &[], Timestamp::now())).await?;
    let known = look.known;
    updates::keep(home, &known)?;
    // What was just heard of revocations counts at once.
    client::rescan(home).await;
    out.value(&json!(known));
    for (_, proposal) in &look.found {
        proposal.show(out);
    }
    known.warnings.iter().for_each(|warning| out.line(&out.paint("33", warning)));
    if known.updates.is_empty() && known.faults.is_empty() {
        out.line("nothing newer is listed");
    } else if !known.updates.is_empty() {
        out.line("get them with: skynet plugin update");
    }
    if known.faults.is_empty() { Ok(()) } else { Err(fail(Kind::TryLater, known.faults.join("; "))) }
}
