//! `skynet plugin audit`: what is known to be wrong with what is installed from registries.

use crate::client;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::output::Out;
use crate::registry;
use anyhow::Result;
use jiff::Timestamp;
use serde_json::json;
use skynet_registry_client::visit::Freshness;

pub(super) async fn run(home: &Home, offline: bool, out: &Out) -> Result<()> {
    home.must_exist()?;
    let held = registry::open(home)?;
    let installed = held.read_lock().map_err(registry::failed)?;
    let mut faults = Vec::new();
    let places = if offline { Vec::new() } else { held.places().map_err(registry::failed)?.all };
    for place in places.iter().filter(|place| installed.plugins.iter().any(|plugin| plugin.registry == place.name)) {
        let visited = held.visit(&place.name, registry::fetch(place)?, Freshness::Strict, Timestamp::now()).await;
        faults.extend(visited.err().map(|error| error.to_string()));
    }
    // What was just heard counts at once.
    let _ = client::rescan(home).await;
    let findings = held.audit(&installed);
    out.value(&json!({ "plugins": installed.plugins.len(), "findings": findings, "faults": faults }));
    for finding in &findings {
        let color = if finding.blocked { "31" } else { "33" };
        out.line(&out.paint(color, &format!("{} {}", finding.id, finding.version)));
        finding.said.iter().for_each(|line| out.line(&format!("  {line}")));
    }
    if findings.is_empty() {
        out.line(&format!("nothing is known against the {} plugins from registries", installed.plugins.len()));
    }
    faults.iter().for_each(|fault| out.line(&out.paint("33", fault)));
    let blocked: Vec<String> = findings.iter().filter(|finding| finding.blocked).map(|finding| finding.id.to_string()).collect();
    if !blocked.is_empty() {
        return Err(fail(Kind::Refused, format!("must not run: {}; update or remove them", blocked.join(", "))));
    }
    if faults.is_empty() { Ok(()) } else { Err(fail(Kind::TryLater, "not every registry could be asked; the rest is as last heard")) }
}
