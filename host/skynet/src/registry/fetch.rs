//! The library's `Fetch`, over the host's own door.
//!
//! The owner's act of adding a registry is what lets its server be asked, and no other.
//! A literal address was typed by the owner, so it may be on this machine or the private
//! network; a name may lead there only where the owner said so.

use crate::exit::{Kind, fail};
use anyhow::{Context, Result};
use async_trait::async_trait;
use skynet_plugins::{OwnDoor, Pieces, SystemResolver};
use skynet_registry_client::Fetch;
use skynet_registry_client::fetch::{Answer, Body, FetchError};
use skynet_registry_client::places::Place;
use std::path::Path;
use std::sync::Arc;
use url::{Host, Url};

/// A way to servers, for whatever the library asks of them.
#[derive(Debug)]
pub(super) struct OverTheDoor(pub(super) OwnDoor);

/// A body as the library takes it.
pub(super) fn stream(body: Pieces) -> Body {
    Box::pin(futures_util::stream::unfold(body, |mut body: Pieces| async move {
        let piece = body.next().await?;
        Some((piece.map_err(|error| FetchError(error.to_string())), body))
    }))
}

/// A way to the server of a registry, and to no other.
pub(crate) fn fetch(place: &Place) -> Result<Arc<dyn Fetch>> {
    let servers: Vec<(String, bool)> = server(place).into_iter().collect();
    let door = match &place.ca {
        Some(ca) => OwnDoor::vouched(&servers, Arc::new(SystemResolver), ca),
        None => OwnDoor::to(&servers, Arc::new(SystemResolver)),
    };
    Ok(Arc::new(OverTheDoor(door.map_err(|error| fail(Kind::Refused, format!("registry {}: {error}", place.name)))?)))
}

/// The certificate of whoever vouches for a server, kept as it is now: the file may go.
pub(crate) fn authority(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    if text.contains("PRIVATE KEY") {
        let why = "it holds a private key, which belongs with the authority alone; name a file with its certificate";
        return Err(fail(Kind::Refused, format!("{}: {why}", path.display())));
    }
    Ok(text)
}

/// Where a registry is, for people.
pub(crate) fn shown(place: &Place) -> String {
    place.url.clone().or_else(|| place.folder.clone()).unwrap_or_default()
}

/// Scheme, host and port, and whether the address may be a private one. Nothing for a
/// folder, and for what is no address: the library says why in its own words.
fn server(place: &Place) -> Option<(String, bool)> {
    let url = Url::parse(place.url.as_deref()?).ok()?;
    let literal = matches!(url.host()?, Host::Ipv4(_) | Host::Ipv6(_));
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    matches!(url.scheme(), "http" | "https")
        .then(|| (format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default()), literal || place.private))
}

#[async_trait]
impl Fetch for OverTheDoor {
    async fn get(&self, url: &Url, from: u64) -> Result<Answer, FetchError> {
        let got = self.0.get(url.as_str(), from).await.map_err(|error| FetchError(error.to_string()))?;
        Ok(Answer { status: got.status, location: got.location, start: got.start, length: got.length, body: stream(got.body) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_address_may_be_private_and_a_name_only_by_the_owners_word() {
        let place =
            |url: &str, private| Place { name: "x".into(), url: Some(url.into()), folder: None, namespaces: vec![], private, ca: None };
        for (url, word, named) in [
            ("http://127.0.0.1:8080/x", false, Some(("http://127.0.0.1:8080", true))),
            ("https://[::1]/", false, Some(("https://[::1]", true))),
            ("https://example.org/x", false, Some(("https://example.org", false))),
            ("https://nas.lan:8443", true, Some(("https://nas.lan:8443", true))),
            ("ftp://example.org", false, None),
            ("nothing", false, None),
        ] {
            let found = server(&place(url, word));
            assert_eq!(found.as_ref().map(|(server, private)| (server.as_str(), *private)), named, "{url}");
        }
    }
}
