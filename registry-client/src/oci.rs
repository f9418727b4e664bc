//! Plugins in OCI registries: a way to carry them, and no reason to trust them.
//!
//! One layer is the plugin file as its publisher signed it, so the signature travels with
//! it and is all that counts; tags and manifests are the server's word. Speaks the few
//! calls of the distribution API that this takes, over an `Exchange` that is plugged in.
//! Refuses indexes, other media types, and more than one layer.

mod challenge;
mod exchange;
mod manifest;
mod pull;
mod push;
mod reference;
mod session;

pub use challenge::Login;
pub use exchange::{Exchange, Method, Reply, Request};
pub use manifest::{COMPONENT, CONFIG, MANIFEST};
pub use pull::{Found, Pulled};
pub use push::Pushed;
pub use reference::Reference;
pub use session::Oci;
