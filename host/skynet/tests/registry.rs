//! Plugins from a registry as their user has them: the real binary, a registry that its
//! keeper's library made, a server on loopback that lies where a test wants it to.
//!
//! Needs the built guests: `./setup.sh test` builds them first.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "registry/advisories.rs"]
mod advisories;
#[path = "registry/agents.rs"]
mod agents;
#[path = "registry/attacks.rs"]
mod attacks;
#[path = "registry/broken.rs"]
mod broken;
#[path = "registry/cut_off.rs"]
mod cut_off;
#[path = "e2e/household.rs"]
#[allow(dead_code, reason = "the other end-to-end tests use the rest")]
mod household;
#[path = "registry/install.rs"]
mod install;
#[path = "registry/keeper.rs"]
mod keeper;
#[path = "registry/oci.rs"]
mod oci;
#[path = "registry/owner.rs"]
mod owner;
#[path = "registry/parts.rs"]
mod parts;
#[path = "registry/proposals.rs"]
mod proposals;
#[path = "registry/rekey.rs"]
mod rekey;
#[path = "registry/seen_first.rs"]
mod seen_first;
#[path = "registry/server.rs"]
mod server;
#[path = "registry/terminal.rs"]
mod terminal;
#[path = "registry/tls.rs"]
mod tls;
#[path = "registry/update.rs"]
mod update;
#[path = "registry/upkeep.rs"]
mod upkeep;
