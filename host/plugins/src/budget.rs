//! How long a guest may compute, and how a call that ended badly is explained.
//!
//! Epochs go on while a guest waits for the network, and the first tick after a wait comes
//! at once. So a tick is charged with the time since the guest was last set going, never
//! with a whole epoch by itself; wall time is bounded outside. On a thread of low priority
//! a guest that runs may have to stand back for others, so there the thread's own CPU time
//! is what counts.

use crate::limits;
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use wasmtime::{Store, UpdateDeadline};

/// The guest used up its CPU budget. Carried through wasmtime as an error.
#[derive(Debug, thiserror::Error)]
#[error("the CPU budget of {} ms is used up", .0.as_millis())]
pub(crate) struct CpuSpent(pub(crate) Duration);

/// What a call's computing looks like from outside of its store.
#[derive(Debug, Default)]
pub(crate) struct Strain {
    /// Ticks that found it computing, and not only back from a wait.
    ticks: AtomicU64,
    /// Nanoseconds up to which its time is counted: of the thread's CPU in a turn in the
    /// slow lane, of the clock elsewhere. 0: nobody has set it going.
    counted: AtomicU64,
    in_lane: AtomicBool,
    /// Nanoseconds of former goes that no tick has counted: who waits ahead of each tick
    /// still pays.
    owed: AtomicU64,
}

const EPOCH_NS: u64 = limits::EPOCH.as_millis() as u64 * 1_000_000;

fn now(clock: ClockId) -> u64 {
    let time = Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1)
}

impl Strain {
    /// Ticks that found it computing.
    pub(crate) fn ticks(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// It is set going where its caller is.
    pub(crate) fn begin_poll(&self) {
        // Cheap: this is in the way of every call.
        self.begin(false, now(ClockId::Monotonic));
    }

    /// It waits for something, or is done.
    pub(crate) fn end_poll(&self) {
        self.end_at(now(ClockId::Monotonic));
    }

    /// The thread of the slow lane is somebody else's again.
    pub(crate) fn end_turn(&self) {
        self.end_at(now(ClockId::ThreadCPUTime));
    }

    fn end_at(&self, now: u64) {
        let spent = now.saturating_sub(self.counted.swap(now, Ordering::Relaxed));
        self.owed.fetch_add(spent.min(EPOCH_NS), Ordering::Relaxed);
    }

    /// It is set going in the slow lane: from here on this thread's time is the call's.
    pub(crate) fn begin_turn(&self) {
        self.begin(true, now(ClockId::ThreadCPUTime));
    }

    fn begin(&self, in_lane: bool, at: u64) {
        self.in_lane.store(in_lane, Ordering::Relaxed);
        self.counted.store(at, Ordering::Relaxed);
    }

    /// Counts a tick; gives the CPU time that it stands for.
    fn tick(&self) -> Duration {
        let in_lane = self.in_lane.load(Ordering::Relaxed);
        self.tick_at(now(if in_lane { ClockId::ThreadCPUTime } else { ClockId::Monotonic }))
    }

    fn tick_at(&self, now: u64) -> Duration {
        let spent = match self.counted.swap(now, Ordering::Relaxed) {
            0 => limits::EPOCH,
            before => Duration::from_nanos(now.saturating_sub(before)),
        };
        // Elsewhere than in the lane others may have had the core meanwhile.
        let spent = if self.in_lane.load(Ordering::Relaxed) { spent } else { spent.min(limits::EPOCH) };
        let spent = spent.saturating_add(Duration::from_nanos(self.owed.swap(0, Ordering::Relaxed)));
        if spent >= limits::EPOCH / 2 {
            self.ticks.fetch_add(1, Ordering::Relaxed);
        }
        spent
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

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_tick_right_after_a_wait_costs_what_was_computed_since_and_no_epoch() {
        let strain = Strain::default();
        let spent: Duration = (1..=2_000_u64)
            .map(|piece| {
                strain.begin(false, piece * 11 * MS);
                let spent = strain.tick_at(piece * 11 * MS + 600);
                strain.end_at(piece * 11 * MS + 1_000);
                spent
            })
            .sum();
        assert_eq!((spent, strain.ticks()), (Duration::from_nanos(2_000_000 - 400), 0), "two thousand pieces of a stream");
    }

    #[test]
    fn whoever_computes_between_ticks_and_waits_ahead_of_each_pays_all_the_same() {
        let strain = Strain::default();
        let spent: Duration = (1..=100_u64)
            .map(|epoch| {
                strain.begin(false, epoch * 10 * MS);
                let spent = strain.tick_at(epoch * 10 * MS);
                strain.end_at(epoch * 10 * MS + 9 * MS);
                spent
            })
            .sum();
        assert_eq!((spent, strain.ticks()), (Duration::from_millis(99 * 9), 99));
    }

    #[test]
    fn whoever_computes_is_charged_for_it_and_found_computing() {
        let strain = Strain::default();
        strain.begin(false, MS);
        let spent: Duration = (1..=5).map(|tick| strain.tick_at(MS + tick * 10 * MS)).sum();
        assert_eq!((spent, strain.ticks()), (Duration::from_millis(50), 5));
        assert_eq!(strain.tick_at(1_000 * MS), limits::EPOCH, "a core that others had is not charged");
        strain.begin(true, MS);
        assert_eq!(strain.tick_at(26 * MS), Duration::from_millis(25), "the thread's own time is charged whole");
    }
}
