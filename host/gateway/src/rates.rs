//! How often one may ask: token buckets by user, by channel, and for each method by client
//! and by user.
//!
//! A bucket belongs to who somebody is and not to a connection, so that a new connection
//! brings no new tokens; and what a user's clients have together is bounded too, so that
//! another device brings few. Every refusal says when to come again. A limit of 0 in the
//! configuration means none.

use crate::limits::RATE_KEYS;
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use skynet_core::UserId;
use skynet_core::config::RatesConfig;
use skynet_core::ports::Clock;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The host's clock as one that never goes back: when somebody sets the time back, buckets
/// fill on at their pace.
#[derive(Clone)]
struct Forward(Arc<(Arc<dyn Clock>, Mutex<Passed>)>);

#[derive(Default)]
struct Passed {
    last_ms: u64,
    sum_ms: u64,
}

impl Forward {
    fn new(clock: Arc<dyn Clock>) -> Self {
        let last_ms = clock.now_ms();
        Self(Arc::new((clock, Mutex::new(Passed { last_ms, sum_ms: 0 }))))
    }
}

impl governor::clock::Clock for Forward {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let (clock, passed) = &*self.0;
        let mut passed = passed.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = clock.now_ms();
        passed.sum_ms = passed.sum_ms.saturating_add(now_ms.saturating_sub(passed.last_ms));
        passed.last_ms = now_ms;
        Duration::from_millis(passed.sum_ms).into()
    }
}

/// Buckets by key.
struct Buckets<K: Hash + Eq + Clone>(Option<RateLimiter<K, DashMapStateStore<K>, Forward, NoOpMiddleware<Nanos>>>);

impl<K: Hash + Eq + Clone> Buckets<K> {
    fn new(a_minute: u32, clock: &Forward) -> Self {
        let quota = NonZeroU32::new(a_minute).map(Quota::per_minute);
        Self(quota.map(|quota| RateLimiter::new(quota, DashMapStateStore::default(), clock.clone())))
    }

    /// Takes a token; without one, says in how many milliseconds there is one.
    fn take(&self, key: &K) -> Result<(), u64> {
        let Some(buckets) = &self.0 else { return Ok(()) };
        if buckets.len() > RATE_KEYS {
            // A full bucket is as good as none.
            buckets.retain_recent();
        }
        buckets.check_key(key).map_err(|not_until| {
            let wait = not_until.wait_time_from(buckets.clock().now());
            u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
        })
    }
}

/// All buckets of the gateway.
pub(crate) struct Rates {
    users: Buckets<String>,
    clients: Buckets<(String, String)>,
    channels: Buckets<String>,
    calls: Buckets<(String, &'static str)>,
    user_calls: Buckets<(String, &'static str)>,
    failures: Buckets<()>,
}

impl Rates {
    pub(crate) fn new(config: &RatesConfig, clock: Arc<dyn Clock>) -> Self {
        let clock = Forward::new(clock);
        Self {
            users: Buckets::new(config.turns_per_minute, &clock),
            clients: Buckets::new(config.turns_per_minute, &clock),
            channels: Buckets::new(config.channel_turns_per_minute, &clock),
            calls: Buckets::new(config.calls_per_minute, &clock),
            user_calls: Buckets::new(config.user_calls_per_minute, &clock),
            failures: Buckets::new(crate::limits::FAILURE_ROWS, &clock),
        }
    }

    /// A tool call outside of a turn, by this client of this user.
    pub(crate) fn invocation(&self, user: &UserId, client: &str) -> Result<(), u64> {
        // A program that calls on and on takes nothing from the user's turns and other clients.
        self.clients.take(&(user.to_string(), client.to_owned()))?;
        self.channels.take(&"tools".to_owned())
    }

    /// A turn of this user over this channel.
    pub(crate) fn turn(&self, user: &UserId, channel: &str) -> Result<(), u64> {
        // Whoever has none left takes nothing from the others of the channel.
        self.users.take(&user.to_string())?;
        self.channels.take(&channel.to_owned())
    }

    /// A call of this method by this client of this user.
    pub(crate) fn call(&self, user: &UserId, client: &str, method: &'static str) -> Result<(), u64> {
        // A client that has none left takes nothing from the user's others.
        self.calls.take(&(client.to_owned(), method))?;
        self.user_calls.take(&(user.to_string(), method))
    }

    /// Whether one more failed login gets an audit row of its own.
    pub(crate) fn failure_row(&self) -> bool {
        self.failures.take(&()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Hand(AtomicU64);

    #[async_trait::async_trait]
    impl Clock for Hand {
        fn now_ms(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }

        async fn sleep(&self, _: Duration) {}
    }

    fn buckets(a_minute: u32) -> (Arc<Hand>, Buckets<&'static str>) {
        let hand = Arc::new(Hand(AtomicU64::new(1_000_000)));
        (hand.clone(), Buckets::new(a_minute, &Forward::new(hand)))
    }

    #[test]
    fn a_bucket_gives_a_minutes_worth_and_then_one_at_a_time() {
        let (hand, buckets) = buckets(6);
        for _ in 0..6 {
            assert_eq!(buckets.take(&"a"), Ok(()));
        }
        assert_eq!(buckets.take(&"a"), Err(10_000));
        assert_eq!(buckets.take(&"b"), Ok(()), "another one's bucket");
        hand.0.fetch_add(9_999, Ordering::Relaxed);
        assert_eq!(buckets.take(&"a"), Err(1));
        hand.0.fetch_add(1, Ordering::Relaxed);
        assert_eq!(buckets.take(&"a"), Ok(()));
        assert!(buckets.take(&"a").is_err());
    }

    #[test]
    fn a_clock_set_back_neither_fills_nor_locks_a_bucket() {
        let (hand, buckets) = buckets(1);
        assert_eq!(buckets.take(&"a"), Ok(()));
        hand.0.store(10, Ordering::Relaxed);
        assert_eq!(buckets.take(&"a"), Err(60_000));
        hand.0.fetch_add(60_000, Ordering::Relaxed);
        assert_eq!(buckets.take(&"a"), Ok(()));
    }

    #[test]
    fn no_limit_is_no_limit_and_old_keys_are_forgotten() {
        let (_, free) = buckets(0);
        assert!((0..1000).all(|_| free.take(&"a").is_ok()));
        let hand = Arc::new(Hand(AtomicU64::new(0)));
        let buckets = Buckets::new(60, &Forward::new(hand.clone()));
        for key in 0..3 * RATE_KEYS {
            hand.0.fetch_add(1_000, Ordering::Relaxed);
            buckets.take(&key).unwrap();
        }
        assert!(buckets.0.unwrap().len() <= RATE_KEYS + 1);
    }
}
