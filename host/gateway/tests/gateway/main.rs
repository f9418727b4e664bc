//! The gateway from outside: a real server on a loopback port, a real turn loop over
//! scripted models and tools, real WebSocket and HTTP clients.

// Helpers of tests may fail like tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod access;
mod admin;
mod agent;
mod chat;
mod cron;
mod devices;
mod events;
mod fakes;
mod frames;
mod handshake;
mod http_completions;
mod http_edges;
mod jobs;
mod mcp;
mod memory;
mod methods;
mod proposals;
mod rates;
mod recall;
mod seed;
mod sessions;
mod shutdown;
mod terminal;
mod tools;
mod wire;
mod world;
