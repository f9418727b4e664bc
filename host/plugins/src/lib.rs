//! The component host: admission, compile, registry, calls, imports, egress door.
//!
//! Owns wasmtime and everything that touches a guest; no other crate names either.
//! Refuses: SQL, HTTP serving, process spawning, and running any byte that was not
//! signed, verified and copied into the host's own store first.

mod admin;
mod admit;
mod advice;
mod artifact_cache;
mod bare;
mod bindings;
mod blobs;
mod book;
mod budget;
mod ceiling;
mod change;
mod change_back;
mod change_folder;
mod code;
pub mod compile;
mod complete;
mod decide;
mod denials;
mod durable_file;
mod empty;
mod engine;
mod fault;
pub mod file;
mod folder_plugin;
mod generation;
mod handle;
mod host;
mod http;
mod imports;
mod inbox;
mod inspect;
pub mod instant;
mod invoke;
mod kit;
mod limiter;
pub mod limits;
mod mould;
mod nuisance;
mod probe;
mod rate;
mod refresh;
mod rehearse;
pub mod room;
mod runtime;
mod scrub;
mod shelf;
mod slow_lane;
mod staged;
mod stdio;
mod store;
pub mod trees;
mod turnstile;
mod validity;
mod visitor;
mod watch;
mod wipe;

pub use advice::{Advisories, Asked, Unadvised, Word};
pub use bare::Bare;
pub use empty::{EMPTY_TOOL, EmptyError, empty};
pub use engine::Allocator;
pub use folder_plugin::BY_OWNER;
pub use host::{Parts, PluginHost, Runner, Settings, StartError};
pub use http::own::{Answered, Got, OwnDoor, OwnError, OwnRequest, Pieces};
pub use http::resolve::{Resolver, SystemResolver};
pub use kit::kit;
pub use nuisance::{Bother, Nuisance};
pub use rehearse::Rehearsal;
pub use staged::{Exchange, Staged};
pub use store::Root;
pub use trees::is_script_folder;
pub use visitor::{PlainClient, Unanswered, Visitor};
