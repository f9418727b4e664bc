//! Turns as clients see them: `start` begins one for a client, `book` remembers the
//! answers to idempotency keys, `relay` makes events of what turns tell, with a
//! `run` for each, and `feed` tells those who watch sessions.

pub(crate) mod book;
pub(crate) mod feed;
pub(crate) mod relay;
pub(crate) mod run;
pub(crate) mod start;
