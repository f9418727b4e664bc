//! What the tests share: a world with a host in it, files to drop into it, and short
//! ways to call and to look.

pub(crate) mod clock;
pub(crate) mod fuse;
pub(crate) mod neighbourhood;
pub(crate) mod package;
pub(crate) mod server;
pub(crate) mod stubs;
pub(crate) mod world;

pub(crate) use package::Package;
pub(crate) use world::{World, Worldly, call};
