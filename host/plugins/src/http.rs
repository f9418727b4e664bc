//! The egress door: the only way out of this host for anything a plugin starts.
//!
//! One file per step: `hooks` takes the request from wasi:http, `door` decides and
//! leads it through, `resolve` asks for addresses once, `pool` and `dial` connect to
//! the very address that was checked, `wire` cuts off who sends nothing of use,
//! `credential` opens what the host adds, `sanitize` builds the request anew, `send`
//! hands it over, `meter` bounds the bodies, `exchange` counts and audits. `budget` is
//! one call's, `share` is one plugin's. `own` is the host's own way out, to servers that
//! its owner named; `proxy` is how a script asks. Whether an address may be dialled
//! is `policy::egress`'s word alone.

pub(crate) mod budget;
pub(crate) mod credential;
pub(crate) mod dial;
pub(crate) mod door;
pub(crate) mod exchange;
pub(crate) mod hooks;
pub(crate) mod meter;
pub(crate) mod own;
pub(crate) mod pool;
mod proxy;
pub(crate) mod resolve;
pub(crate) mod sanitize;
pub(crate) mod send;
pub(crate) mod share;
pub(crate) mod wire;

#[cfg(test)]
mod tests;
