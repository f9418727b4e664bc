//! Time that moves a little whenever somebody looks at it, and by hand.
//!
//! A file comes to rest after some looks, not after some real milliseconds, so tests
//! neither sleep nor depend on the machine's speed.

use async_trait::async_trait;
use skynet_core::ports::Clock;
use std::time::Duration;
use tokio::sync::watch;

/// How far one look moves it: a few looks settle a file.
const STEP_MS: u64 = 50;

pub(crate) struct TestClock {
    now_ms: watch::Sender<u64>,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self { now_ms: watch::channel(1_800_000_000_000).0 }
    }

    pub(crate) fn advance(&self, time: Duration) {
        self.now_ms.send_modify(|now| *now += u64::try_from(time.as_millis()).unwrap());
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        self.advance(Duration::from_millis(STEP_MS));
        *self.now_ms.borrow()
    }

    async fn sleep(&self, time: Duration) {
        let mut now_ms = self.now_ms.subscribe();
        let end = *now_ms.borrow() + u64::try_from(time.as_millis()).unwrap();
        now_ms.wait_for(|now| *now >= end).await.unwrap();
    }
}
