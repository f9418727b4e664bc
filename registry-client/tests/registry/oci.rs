//! Plugins in OCI registries: what a lying server tries, and what is believed of it.

mod lies;
#[cfg(feature = "peers")]
mod real;

use crate::world::{Package, World, key};
use skynet_policy::signature::PublicKey;
use skynet_policy::trust::{Tier, TrustStore, TrustedKey};
use skynet_registry_client::oci::{Exchange, Login, Oci, Pulled, Reference};
use skynet_registry_client::progress::Quiet;
use skynet_registry_client::{Home, RegistryError};
use std::sync::Arc;

/// A machine that trusts this key for these namespaces.
fn trusting(public: &PublicKey, namespaces: &[&str]) -> TrustStore {
    let mut trust = TrustStore::default();
    let namespaces = namespaces.iter().map(|name| (*name).to_owned()).collect();
    trust.trust(TrustedKey::new(public, "a publisher", namespaces, Tier::Local, "2026-01-01T00:00:00Z")).unwrap();
    trust
}

fn acme() -> TrustStore {
    trusting(&key(1).public(), &["acme"])
}

fn at(exchange: Arc<dyn Exchange>, reference: &str, login: Option<Login>) -> Oci {
    Oci::new(exchange, Reference::parse(reference).unwrap(), login)
}

/// A machine that knows no registry of ours.
fn bare(world: &World) -> Home {
    Home::open(&world.path("bare")).unwrap()
}

async fn pull(home: &Home, oci: &Oci, trust: &TrustStore) -> Result<Pulled, RegistryError> {
    let found = oci.resolve().await?;
    home.pull(&home.lock().unwrap(), oci, &found, trust, &Quiet).await
}

fn hello() -> Vec<u8> {
    Package::new("acme/hello", "1.0.0").file()
}
