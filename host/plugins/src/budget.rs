//! How long a guest may compute, and how a call that ended badly is explained.
//!
//! Epochs go on while a guest waits for the network, so a plain deadline would
//! punish waiting. Here every epoch that finds the guest *running* counts as one
//! tick of its CPU budget, and yields the thread; wall time is bounded outside.

use crate::limits;
use std::time::Duration;
use wasmtime::{Store, UpdateDeadline};

/// The guest used up its CPU budget. Carried through wasmtime as an error.
#[derive(Debug, thiserror::Error)]
#[error("the CPU budget of {} ms is used up", .0.as_millis())]
pub(crate) struct CpuSpent(pub(crate) Duration);

/// Arms a store: it may run for so much CPU time.
pub(crate) fn arm<T: 'static>(store: &mut Store<T>, cpu: Duration) {
    let budget = u64::try_from(cpu.as_nanos() / limits::EPOCH.as_nanos()).unwrap_or(u64::MAX).max(1);
    let mut ticks: u64 = 0;
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        ticks += 1;
        if ticks > budget { Err(wasmtime::Error::new(CpuSpent(cpu))) } else { Ok(UpdateDeadline::Yield(1)) }
    });
}
