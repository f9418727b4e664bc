//! One WebSocket client, from upgrade to close: `upgrade` answers the HTTP request,
//! `gauge` bounds what a stranger may send, `connect` is the handshake (`seed` its older shape), `hello` its
//! answer, `socket` the two loops that read and write.

pub(crate) mod connect;
pub(crate) mod gauge;
pub(crate) mod hello;
mod seed;
pub(crate) mod socket;
pub(crate) mod upgrade;
