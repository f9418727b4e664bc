//! What `tough` says, in this crate's words: whose fault, and what to do.

use crate::courier::CourierError;
use crate::error::RegistryError;
use crate::home::named;
use crate::transport::Fetched;
use skynet_policy::naming::plain_line;
use tough::error::Error;

const REMEDY: &str = "Use another mirror, and tell the registry's keeper";

/// Why the lists were not taken.
pub(super) fn load_failed(registry: &str, error: Error, fetched: &Fetched) -> RegistryError {
    let what = |part: &str| format!("{part} of registry `{registry}`");
    match &error {
        Error::ExpiredMetadata { role, .. } => {
            let role = role.to_string();
            RegistryError::Expired { registry: registry.into(), until: until(&role, fetched), role }
        }
        Error::OlderMetadata { role, current_version, new_version, .. } => {
            RegistryError::Rollback { registry: registry.into(), role: role.to_string(), known: *current_version, offered: *new_version }
        }
        Error::OlderSnapshotInTimestamp { snapshot_old, snapshot_new, .. } => {
            RegistryError::Rollback { registry: registry.into(), role: "snapshot".into(), known: *snapshot_old, offered: *snapshot_new }
        }
        Error::SystemTimeSteppedBackward { .. } => {
            RegistryError::refused(what("the lists"), &error, "This machine's clock went back; set it right and try again")
        }
        Error::Transport { source, .. } => transport(&what("the lists"), source),
        _ => RegistryError::refused(what("the lists"), &error, REMEDY),
    }
}

/// Why a document was not taken.
pub(super) fn document_failed(what: &str, error: &Error) -> RegistryError {
    match error {
        Error::Transport { source, .. } => transport(what, source),
        _ => RegistryError::refused(what, error, REMEDY),
    }
}

/// Bytes that did not come, or those that came and were not the listed ones.
fn transport(what: &str, error: &tough::TransportError) -> RegistryError {
    let source = std::error::Error::source(error);
    match source.and_then(|source| source.downcast_ref::<CourierError>()) {
        Some(own) => named(what, own.clone()),
        None => RegistryError::refused(what, source.map_or_else(|| error.to_string(), ToString::to_string), REMEDY),
    }
}

/// The date in the list of a role, as it was served.
fn until(role: &str, fetched: &Fetched) -> String {
    let file = fetched.files.iter().rev().find(|(path, _)| path.ends_with(&format!("{role}.json")));
    let date = file.and_then(|(_, bytes)| {
        let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        Some(plain_line(value.get("signed")?.get("expires")?.as_str()?, 40))
    });
    date.unwrap_or_else(|| "a time that is over".into())
}
