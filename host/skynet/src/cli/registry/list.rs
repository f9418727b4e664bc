//! `skynet registry list`: which registries there are, for whom, and when they were last seen.

use crate::home::Home;
use crate::output::Out;
use crate::registry;
use anyhow::Result;
use serde_json::{Value, json};

pub(super) fn run(home: &Home, out: &Out) -> Result<()> {
    home.must_exist()?;
    let held = registry::open(home)?;
    let places = held.places().map_err(registry::failed)?;
    if places.all.is_empty() {
        out.line("no registry; add one with: skynet registry add URL --root FILE --namespace NAMESPACE");
    }
    let mut listed: Vec<Value> = Vec::new();
    for place in &places.all {
        let memory = held.memory(&place.name);
        let (checked, root, fault) = match &memory {
            Ok(memory) => (memory.checked.clone(), Some(memory.seen.root), None),
            Err(error) => (None, None, Some(error.to_string())),
        };
        let seen = checked.clone().unwrap_or_else(|| "never".into());
        out.line(&format!("{:<24} {}", place.name, registry::shown(place)));
        out.line(&format!("{:<24} for {}; last seen {seen}", "", place.namespaces.join(", ")));
        fault.iter().for_each(|fault| out.line(&format!("{:<24} {}", "", out.paint("31", fault))));
        listed.push(json!({
            "name": place.name, "at": registry::shown(place), "namespaces": place.namespaces, "private": place.private, "ca": place.ca.is_some(),
            "checked": checked, "root": root, "fault": fault,
        }));
    }
    out.value(&json!(listed));
    Ok(())
}
