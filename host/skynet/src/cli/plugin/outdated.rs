//! `skynet plugin outdated`: what is newer, and what would change. Changes nothing.

use crate::args::registry::keeper::OciAccount;
use crate::client;
use crate::exit;
use crate::home::Home;
use crate::output::Out;
use crate::registry::moved::{self, Moved};
use crate::registry::pulled::Pull;
use crate::registry::{self, carry, updates};
use crate::wire;
use anyhow::Result;
use jiff::Timestamp;
use serde_json::json;
use skynet_core::PluginId;
use skynet_review::Policy;

pub(super) async fn run(home: &Home, account: &OciAccount, out: &Out) -> Result<()> {
    home.must_exist()?;
    let held = registry::open(home)?;
    let store = wire::open_store(home).await?;
    let mut look = Box::pin(updates::look(home, &held, &store, &[], Timestamp::now())).await?;
    let mut moved = Moved::default();
    if moved::has_any(&held)? {
        // What a tag names is known once it was pulled.
        let lock = held.lock().map_err(registry::failed)?;
        let installed = held.read_lock().map_err(registry::failed)?;
        // Named one by one, so that pinned ones are looked at too.
        let all: Vec<PluginId> = installed.plugins.iter().filter(|plugin| plugin.oci.is_some()).map(|plugin| plugin.id.clone()).collect();
        moved = Box::pin(moved::look(home, (&held, &lock), &store, (&all, account), &Policy::default())).await?;
        let is_pinned = |pull: &Pull| installed.find(&pull.pulled.release.id).is_some_and(|plugin| plugin.pinned);
        let (pinned, free) = std::mem::take(&mut moved.pulls).into_iter().partition(is_pinned);
        moved.pulls = free;
        look.with(&mut moved, &installed);
        look.pinned(pinned, &installed);
        carry::tidy(&held, &lock)?;
    }
    let known = look.known;
    updates::keep(home, &known)?;
    // What was just heard of revocations counts at once.
    let _ = client::rescan(home).await;
    out.value(&json!(known));
    look.found.iter().for_each(|(_, proposal)| proposal.show(None, out));
    moved.pulls.iter().for_each(|pull| pull.show(out));
    known.warnings.iter().for_each(|warning| out.line(&out.paint("33", warning)));
    for one in &known.pinned {
        out.line(&format!(
            "{} {} is pinned, and {} is listed; `skynet plugin unpin {}` lets it be updated",
            one.id, one.at, one.to, one.id
        ));
    }
    if known.updates.is_empty() && known.pinned.is_empty() && known.faults.is_empty() {
        out.line("nothing newer is listed");
    } else if !known.updates.is_empty() {
        out.line("get them with: skynet plugin update");
    }
    exit::partly(&look.faults, look.answered > 0 || !known.updates.is_empty())
}
