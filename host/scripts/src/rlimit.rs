//! Lowering a limit of this process, for workers and scripts alike.
//!
//! Refuses to raise one: only root may, and none should.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Sets a limit, never above what is set already; `grace` is added to the hard one.
pub(crate) fn lower(resource: Resource, wanted: u64, grace: u64) -> Result<(), Errno> {
    let now = getrlimit(resource);
    let at_most = |wanted: u64, now: Option<u64>| now.map_or(wanted, |now| now.min(wanted));
    let maximum = at_most(wanted.saturating_add(grace), now.maximum);
    let new = Rlimit { current: Some(at_most(wanted, now.current).min(maximum)), maximum: Some(maximum) };
    setrlimit(resource, new)
}
