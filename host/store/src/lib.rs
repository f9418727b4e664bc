//! The one owner of SQL: durable state behind the ports of skynet-core.
//!
//! One SQLite file in a private folder. One thread writes, and answers only when
//! the disk has the data; two read. `Store` implements `Memory`, `PluginStore`,
//! `Audit`, `AccessStore`, `Facts`, `Articles`, `Jobs` and `ProposalStore`. Refuses: files and
//! folders that others can reach, formats newer than it knows, damaged files, writers whose
//! lease is old.

pub mod audit;
pub mod limits;
pub mod store;
pub mod vault;

mod access;
mod articles;
mod error;
mod facts;
mod fires;
mod grants;
mod held;
mod history;
mod jobs;
mod json;
mod kv;
mod memory;
mod migrate;
mod open;
mod plugins;
mod proposals;
mod reader;
mod recall;
mod receipts;
mod rows;
mod schedule;
mod sessions;
mod turns;
mod words;
mod writer;

pub use audit::{AuditFault, AuditReport, Damage, KeptRow};
pub use store::Store;
pub use vault::VaultFault;
