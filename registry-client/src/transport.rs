//! How `tough` gets its metadata: through the courier, each file with its own bound.
//!
//! Keeps what was fetched, so that a mirror passes on the very bytes that were checked,
//! and what went wrong, because `tough` takes any failure at the next root for "there
//! is none", and a server that hides a root must not pass for one without.

use crate::courier::{Courier, CourierError};
use crate::limits::{ROOT_BYTES, SNAPSHOT_BYTES, TARGETS_BYTES, TIMESTAMP_BYTES};
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tough::{Transport, TransportError, TransportErrorKind, TransportStream};
use url::Url;

/// Files by their path in the registry, and failures.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) failures: Vec<(String, CourierError)>,
}

/// The courier as `tough` wants it.
#[derive(Debug, Clone)]
pub(crate) struct Carried {
    courier: Courier,
    fetched: Arc<Mutex<Fetched>>,
}

impl Carried {
    pub(crate) fn new(courier: Courier) -> Self {
        Self { courier, fetched: Arc::default() }
    }

    /// What was fetched so far; nothing is kept of later files.
    pub(crate) fn take(&self) -> Fetched {
        std::mem::take(&mut *self.fetched.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// As much as is taken of a file, by its name. A document may end as a list does: a namespace can be called `root`.
pub(crate) fn bound(path: &str) -> u64 {
    match path.strip_prefix("metadata/").unwrap_or_default() {
        name if name.ends_with("root.json") => ROOT_BYTES,
        "timestamp.json" => TIMESTAMP_BYTES,
        name if name.ends_with("snapshot.json") => SNAPSHOT_BYTES,
        _ => TARGETS_BYTES,
    }
}

#[async_trait]
impl Transport for Carried {
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        let path = url.as_str().strip_prefix(self.courier.base().as_str()).unwrap_or(url.path()).to_owned();
        let fetched = self.courier.bytes(&path, bound(&path)).await;
        let mut kept = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        match fetched {
            Ok(bytes) => {
                if path.starts_with("metadata/") {
                    kept.files.insert(path, bytes.clone());
                }
                Ok(Box::pin(futures_util::stream::once(std::future::ready(Ok(Bytes::from(bytes))))))
            }
            Err(error) => {
                let kind = if error == CourierError::NotFound { TransportErrorKind::FileNotFound } else { TransportErrorKind::Other };
                kept.failures.push((path, error.clone()));
                Err(TransportError::new_with_cause(kind, url, error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_their_bounds_and_documents_of_such_names_have_not() {
        for (path, most) in [
            ("metadata/7.root.json", ROOT_BYTES),
            ("metadata/timestamp.json", TIMESTAMP_BYTES),
            ("metadata/7.snapshot.json", SNAPSHOT_BYTES),
            ("metadata/7.targets.json", TARGETS_BYTES),
            ("targets/aa.pub--root.json", TARGETS_BYTES),
            ("targets/aa.pub--my-snapshot.json", TARGETS_BYTES),
        ] {
            assert_eq!(bound(path), most, "{path}");
        }
    }
}
