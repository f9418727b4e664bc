//! The egress door: the only way out of this host for anything a plugin starts.
//!
//! One file per step: `hooks` takes the request from wasi:http, `door` decides and
//! leads it through, `resolve` asks for addresses once, `dial` connects to the very
//! address that was checked, `sanitize` builds the request anew, `meter` bounds the
//! bodies. Whether an address may be dialled is `policy::egress`'s word alone.

pub(crate) mod budget;
pub(crate) mod credential;
pub(crate) mod dial;
pub(crate) mod door;
pub(crate) mod hooks;
pub(crate) mod meter;
pub(crate) mod resolve;
pub(crate) mod sanitize;
