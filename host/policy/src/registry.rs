//! What a registry says, as documents: whose keys sign a namespace, what is listed,
//! what is withdrawn, and the names under which all that is signed.
//!
//! Pure reading and judging; `registry-client` fetches the bytes and checks the
//! registry's own signatures on them first. Refuses repeated keys, unknown fields,
//! unknown schemas, and documents over their limits.

pub mod advisories;
pub mod archive;
pub mod index;
pub mod publisher;
pub mod similar;
pub mod target;

use crate::naming::plain_line;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The only schema of these documents that this host reads.
pub const REGISTRY_SCHEMA: u32 = 1;

/// Why a document of a registry is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is refused: {reason}. The registry has to publish it again; until then, nothing that depends on it is installed")]
pub struct DocumentError {
    /// Which document.
    pub what: String,
    /// What is wrong with it.
    pub reason: String,
}

pub(crate) fn refused(what: &str, reason: impl ToString) -> DocumentError {
    DocumentError { what: what.to_owned(), reason: plain_line(&reason.to_string(), 300) }
}

#[derive(Deserialize)]
struct Head {
    schema: u64,
}

/// One document of at most `max` bytes, in the one schema that is known.
pub(crate) fn read<T: DeserializeOwned>(what: &str, bytes: &[u8], max: usize) -> Result<T, DocumentError> {
    if bytes.len() > max {
        return Err(refused(what, format!("it has {} bytes; at most {max} are read", bytes.len())));
    }
    crate::unique_keys::check(bytes).map_err(|error| refused(what, error))?;
    let head: Head = serde_json::from_slice(bytes).map_err(|error| refused(what, error))?;
    if head.schema != u64::from(REGISTRY_SCHEMA) {
        return Err(refused(
            what,
            format!("it has schema {}, and this version reads schema {REGISTRY_SCHEMA}; update skynet", head.schema),
        ));
    }
    serde_json::from_slice(bytes).map_err(|error| refused(what, error))
}

/// A document's bytes. Only a map whose keys are not text can fail here, and there is none.
pub(crate) fn bytes(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).unwrap_or_default()
}
