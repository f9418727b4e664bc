#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod addresses;
mod bodies;
mod frames;
mod h2;
mod ledger;
mod own;
mod own_send;
mod proxy;
mod recording;
mod redirects;
mod requests;
mod responses;
mod server;
mod shares;
mod slow;
mod stage;
mod tls;
mod uploads;
