//! `skynet plugin audit`: what is known to be wrong with what is installed from registries.

use crate::client;
use crate::exit::{self, Kind, fail};
use crate::home::Home;
use crate::output::Out;
use crate::registry;
use anyhow::Result;
use serde_json::json;

pub(super) async fn run(home: &Home, offline: bool, out: &Out) -> Result<()> {
    home.must_exist()?;
    let held = registry::open(home)?;
    let installed = held.read_lock().map_err(registry::failed)?;
    let mut faults = Vec::new();
    let places = if offline { Vec::new() } else { held.places().map_err(registry::failed)?.all };
    let mut asked_of = 0;
    for place in places.iter().filter(|place| installed.plugins.iter().any(|plugin| plugin.registry == place.name)) {
        asked_of += 1;
        faults.extend(registry::visit(&held, place).await.err());
    }
    let said: Vec<String> = faults.iter().map(|fault| format!("{fault:#}")).collect();
    // What was just heard counts at once.
    let _ = client::rescan(home).await;
    let findings = held.audit(&installed);
    out.value(&json!({ "plugins": installed.plugins.len(), "findings": findings, "faults": said }));
    for finding in &findings {
        let color = if finding.blocked { "31" } else { "33" };
        out.line(&out.paint(color, &format!("{} {}", finding.id, finding.version)));
        finding.said.iter().for_each(|line| out.line(&format!("  {line}")));
    }
    if findings.is_empty() {
        out.line(&format!("nothing is known against what came from registries; plugins: {}", installed.plugins.len()));
    }
    said.iter().for_each(|fault| out.line(&out.paint("33", fault)));
    let blocked: Vec<String> = findings.iter().filter(|finding| finding.blocked).map(|finding| finding.id.to_string()).collect();
    if !blocked.is_empty() {
        return Err(fail(Kind::Refused, format!("must not run: {}; update or remove them", blocked.join(", "))));
    }
    // Of those that gave no answer it is as last heard.
    exit::partly(&faults, faults.len() < asked_of)
}
