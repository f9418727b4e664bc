//! How long a guest may compute, and how a call that ended badly is explained.
//!
//! Epochs go on while a guest waits for the network, so a plain deadline would
//! punish waiting. Here every epoch that finds the guest *running* counts as one
//! tick of its CPU budget, and yields the thread; wall time is bounded outside.
//! On a thread of low priority a guest that runs may have to stand back for others, so
//! there the thread's own CPU time is what counts.

use crate::limits;
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use wasmtime::{Store, UpdateDeadline};

/// The guest used up its CPU budget. Carried through wasmtime as an error.
#[derive(Debug, thiserror::Error)]
#[error("the CPU budget of {} ms is used up", .0.as_millis())]
pub(crate) struct CpuSpent(pub(crate) Duration);

/// What a call's computing looks like from outside of its store.
#[derive(Debug, Default)]
pub(crate) struct Strain {
    ticks: AtomicU64,
    /// Nanoseconds of the thread's CPU time up to which a turn in the slow lane is counted;
    /// 0 outside of one.
    counted: AtomicU64,
}

fn thread_cpu() -> u64 {
    let time = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default();
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1)
}

impl Strain {
    /// Ticks that found it running.
    pub(crate) fn ticks(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// From here on this thread's time is the call's.
    pub(crate) fn begin_turn(&self) {
        self.counted.store(thread_cpu(), Ordering::Relaxed);
    }

    /// The thread is somebody else's again.
    pub(crate) fn end_turn(&self) {
        self.counted.store(0, Ordering::Relaxed);
    }

    /// Counts a tick; gives the CPU time that it stands for.
    fn tick(&self) -> Duration {
        self.ticks.fetch_add(1, Ordering::Relaxed);
        match self.counted.load(Ordering::Relaxed) {
            0 => limits::EPOCH,
            before => {
                let now = thread_cpu();
                self.counted.store(now, Ordering::Relaxed);
                Duration::from_nanos(now.saturating_sub(before))
            }
        }
    }
}

/// Arms a store: it may run for so much CPU time.
pub(crate) fn arm<T: 'static>(store: &mut Store<T>, cpu: Duration, strain: Arc<Strain>) {
    let mut spent = Duration::ZERO;
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        spent += strain.tick();
        if spent > cpu { Err(wasmtime::Error::new(CpuSpent(cpu))) } else { Ok(UpdateDeadline::Yield(1)) }
    });
}
