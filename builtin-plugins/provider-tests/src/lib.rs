//! What the tests of the model plugins share.
//!
//! `replay` feeds a recorded answer at every way of cutting it in two, `render`
//! writes deltas as lines that a person can check, `ask` builds requests, `peer`
//! is a mock server that runs beside the tests, and
//! `tcp` a plain HTTP/1.1 transport to it. Nothing
//! here is part of a plugin, so for the guest target this crate is empty.
#![cfg(not(target_family = "wasm"))]

pub mod ask;
pub mod peer;
pub mod render;
pub mod replay;
pub mod tcp;
