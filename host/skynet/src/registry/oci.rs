//! The library's `Exchange` with OCI registries, over the host's own door.
//!
//! The reference that the owner typed is what lets its server be asked, and who vouches for that server is the system's
//! authorities, or the one that the owner names beside it.

use super::failed;
use super::fetch::{OverTheDoor, stream};
use crate::args::registry::keeper::OciAccount;
use crate::exit::{Kind, fail};
use anyhow::Result;
use async_trait::async_trait;
use skynet_plugins::{OwnDoor, OwnRequest, SystemResolver};
use skynet_registry_client::fetch::FetchError;
use skynet_registry_client::oci::{Exchange, Login, Oci, Reference, Reply, Request};
use std::sync::Arc;

/// How a reference begins.
pub(crate) const SCHEME: &str = "oci://";

/// A way to what a reference names.
pub(crate) fn repository(reference: &str, account: &OciAccount) -> Result<Oci> {
    let reference = Reference::parse(reference).map_err(failed)?;
    let server = reference.server();
    // Plain http is for a literal loopback address, and nothing else is read from there.
    let local = server.scheme() == "http";
    let origin = server.as_str().trim_end_matches('/');
    let authority = account.ca.as_deref().map(super::authority).transpose()?;
    if local && authority.is_some() {
        let why = "a literal address of this machine is asked over plain http, where nobody vouches for anything; leave --ca out";
        return Err(fail(Kind::Refused, format!("{reference}: {why}")));
    }
    let door = OwnDoor::to_write(origin, (local || account.private, !local), authority.as_deref(), Arc::new(SystemResolver));
    let door = door.map_err(|error| fail(Kind::Refused, error.to_string()))?;
    Ok(Oci::new(Arc::new(OverTheDoor(door)), reference, login(account)?))
}

fn login(account: &OciAccount) -> Result<Option<Login>> {
    let Some(user) = account.user.clone() else { return Ok(None) };
    let Some(file) = &account.password_file else { return Ok(None) };
    let password = crate::home::read_private(file)?.trim_end_matches(['\r', '\n']).to_owned();
    Ok(Some(Login { user, password, token_host: account.token_host.clone() }))
}

#[async_trait]
impl Exchange for OverTheDoor {
    async fn send(&self, request: Request) -> Result<Reply, FetchError> {
        let Request { method, url, headers, body } = request;
        let asked = OwnRequest { method: method.as_str(), url: url.into(), headers, body };
        let answered = self.0.send(asked).await.map_err(|error| FetchError(error.to_string()))?;
        Ok(Reply { status: answered.status, headers: answered.headers, body: stream(answered.body) })
    }
}
