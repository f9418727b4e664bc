//! Where a guest goes on that computes for long: a few threads of low priority, which
//! take turns of one tick. Whoever computes for less never leaves its caller's thread,
//! and finds it free; one core is left to it.
//!
//! Owns the threads and the way there and back. A call stays its caller's: who drops it
//! in the middle of a turn has it ended with that turn; one that waits for its turn ends
//! when that comes, which is soon, as those that nobody waits for go first.

use crate::budget::Strain;
use futures_util::task::AtomicWaker;
use skynet_core::HostBug;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use tokio::runtime::{Handle, RuntimeFlavor};

/// A guest call, store and all.
pub(crate) type GuestCall<R> = Pin<Box<dyn Future<Output = R> + Send>>;

/// A call in the lane.
trait Turn: Send {
    /// Computes until the next tick. Gives itself back when it wants to go on at once.
    fn take(self: Box<Self>) -> Option<Box<dyn Turn>>;
    /// Whether nobody waits for it.
    fn is_abandoned(&self) -> bool;
}

#[derive(Default)]
struct Line {
    turns: VecDeque<Box<dyn Turn>>,
    closed: bool,
}

#[derive(Default)]
struct Queue {
    line: Mutex<Line>,
    come: Condvar,
}

impl Queue {
    fn push(&self, turn: Box<dyn Turn>) {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).turns.push_back(turn);
        self.come.notify_one();
    }

    /// Lets those for whom nobody waits any more go first: each holds a slot and memory.
    fn abandoned_first(&self) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.turns.make_contiguous().sort_by_key(|turn| !turn.is_abandoned());
    }

    /// Waits for the next; `None` when there will be no more.
    fn next(&self) -> Option<Box<dyn Turn>> {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let mut line = self.come.wait_while(line, |line| line.turns.is_empty() && !line.closed).unwrap_or_else(PoisonError::into_inner);
        line.turns.pop_front()
    }

    fn close(&self) {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.come.notify_all();
    }
}

/// The threads. They end when this is dropped.
pub(crate) struct SlowLane(Arc<Queue>);

impl Drop for SlowLane {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl SlowLane {
    /// Starts them: all cores but one.
    pub(crate) fn start() -> Result<Self, HostBug> {
        let lane = Self(Arc::default());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores.saturating_sub(1).max(1) {
            let queue = Arc::clone(&lane.0);
            let started = std::thread::Builder::new().name("skynet-slow".into()).spawn(move || {
                lower_priority();
                while let Some(turn) = queue.next() {
                    if let Some(again) = turn.take() {
                        queue.push(again);
                    }
                }
            });
            started.map_err(|error| HostBug { place: "plugins/slow_lane", reason: format!("no thread for long calls: {error}") })?;
        }
        Ok(lane)
    }
}

#[cfg(target_os = "linux")]
fn lower_priority() {
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), crate::limits::SLOW_NICE) {
        tracing::debug!(%error, "long plugin calls run at the priority of all others");
    }
}

/// Only whole processes have a priority here.
#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

/// What a call in the lane wakes: nobody but itself, as its caller need not know of each
/// of its turns.
#[derive(Debug, Default)]
struct Relay {
    caller: AtomicWaker,
    away: AtomicBool,
    woken: AtomicBool,
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        if !self.away.load(Ordering::SeqCst) {
            self.caller.wake();
        }
    }
}

/// Where a call comes back to, and how its last turn ended.
type Return<R> = Arc<Mutex<Option<(GuestCall<R>, Poll<R>)>>>;

struct Guest<R> {
    call: GuestCall<R>,
    strain: Arc<Strain>,
    relay: Arc<Relay>,
    way: Return<R>,
    runtime: Handle,
}

impl<R: Send + 'static> Turn for Guest<R> {
    fn take(mut self: Box<Self>) -> Option<Box<dyn Turn>> {
        let runtime = self.runtime.clone();
        let _inside = runtime.enter();
        if self.is_abandoned() {
            // Nobody waits for it any more: it ends here, store and all.
            drop(self);
            return None;
        }
        let waker = Waker::from(Arc::clone(&self.relay));
        self.relay.woken.store(false, Ordering::SeqCst);
        self.strain.begin_turn();
        let polled = self.call.as_mut().poll(&mut Context::from_waker(&waker));
        self.strain.end_turn();
        if polled.is_pending() && self.relay.woken.load(Ordering::SeqCst) {
            return Some(self);
        }
        let Self { call, relay, way, .. } = *self;
        *way.lock().unwrap_or_else(PoisonError::into_inner) = Some((call, polled));
        relay.away.store(false, Ordering::SeqCst);
        relay.caller.wake();
        // Should its caller have gone meanwhile, it is dropped here.
        drop(way);
        None
    }

    fn is_abandoned(&self) -> bool {
        Arc::strong_count(&self.way) == 1
    }
}

enum Place<R> {
    Here(GuestCall<R>),
    Away { way: Return<R>, relay: Arc<Relay> },
    Over,
}

/// A guest call that changes to the slow lane when it computes for longer than a tick, and
/// back when it waits for something.
pub(crate) struct Laned<'l, R> {
    lane: &'l SlowLane,
    strain: Arc<Strain>,
    place: Place<R>,
    slow: bool,
}

impl<R> Drop for Laned<'_, R> {
    fn drop(&mut self) {
        if let Place::Away { .. } = self.place {
            // Its own share of the way back goes with it; then the lane can tell.
            self.place = Place::Over;
            self.lane.0.abandoned_first();
        }
    }
}

impl<'l, R: Send + 'static> Laned<'l, R> {
    /// `slow`: it begins in the slow lane.
    pub(crate) fn new(lane: &'l SlowLane, strain: Arc<Strain>, call: GuestCall<R>, slow: bool) -> Self {
        Self { lane, strain, place: Place::Here(call), slow }
    }

    fn send_away(&mut self, call: GuestCall<R>, runtime: Handle, caller: &Waker) {
        let (way, relay) = (Return::<R>::default(), Arc::<Relay>::default());
        relay.away.store(true, Ordering::SeqCst);
        relay.caller.register(caller);
        self.place = Place::Away { way: Arc::clone(&way), relay: Arc::clone(&relay) };
        self.lane.0.push(Box::new(Guest { call, strain: Arc::clone(&self.strain), relay, way, runtime }));
    }
}

/// The runtime that a call can leave for a while. One with a single thread belongs to a
/// test or a tool, whose time may leap while nobody is there.
fn runtime() -> Option<Handle> {
    Handle::try_current().ok().filter(|handle| handle.runtime_flavor() != RuntimeFlavor::CurrentThread)
}

impl<R: Send + 'static> Future for Laned<'_, R> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        let this = self.get_mut();
        if let Place::Away { way, relay } = &this.place {
            relay.caller.register(context.waker());
            let back = way.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some((call, polled)) = back else { return Poll::Pending };
            if polled.is_ready() {
                this.place = Place::Over;
                return polled;
            }
            // It waits for something, and goes on fast when that is there.
            (this.place, this.slow) = (Place::Here(call), false);
        }
        if this.slow
            && let Some(runtime) = runtime()
            && let Place::Here(call) = std::mem::replace(&mut this.place, Place::Over)
        {
            this.send_away(call, runtime, context.waker());
            return Poll::Pending;
        }
        let Place::Here(call) = &mut this.place else { return Poll::Pending };
        let before = this.strain.ticks();
        this.strain.begin_poll();
        let polled = call.as_mut().poll(context);
        this.strain.end_poll();
        this.slow = this.strain.ticks() != before;
        polled
    }
}
