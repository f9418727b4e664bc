//! What a call forgot leaves the files once, before the call is answered, and not with each fact or article.
//!
//! Owns the debt and that it is paid: also by a call that timed out, or that was dropped with its turn.

use skynet_core::facts::Facts;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Noted by the call's doors.
#[derive(Debug, Clone, Default)]
pub(crate) struct Owed(Arc<AtomicBool>);

impl Owed {
    /// Something is about to be forgotten.
    pub(crate) fn owe(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Who pays, as the call ends.
pub(crate) struct Wipe {
    facts: Arc<dyn Facts>,
    owed: Owed,
}

impl Wipe {
    pub(crate) fn new(facts: &Arc<dyn Facts>) -> Self {
        Self { facts: Arc::clone(facts), owed: Owed::default() }
    }

    pub(crate) fn owed(&self) -> Owed {
        self.owed.clone()
    }

    /// Pays what is owed, in this call's time.
    pub(crate) async fn pay(&self) {
        if self.owed.0.load(Ordering::Relaxed) {
            self.facts.wipe().await;
            // Not before: who is dropped meanwhile still owes it.
            self.owed.0.store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for Wipe {
    fn drop(&mut self) {
        if self.owed.0.load(Ordering::Relaxed)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let facts = Arc::clone(&self.facts);
            runtime.spawn(async move { facts.wipe().await });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use skynet_core::facts::{Fact, NewFact};
    use skynet_core::{StoreError, UserId};
    use tokio::sync::Semaphore;

    /// Counts how often it was wiped.
    struct Wiped(Semaphore);

    #[async_trait]
    impl Facts for Wiped {
        async fn search_facts(&self, _: &UserId, _: &str, _: usize) -> Result<Vec<Fact>, StoreError> {
            Ok(Vec::new())
        }
        async fn facts(&self, _: &UserId, _: usize) -> Result<Vec<Fact>, StoreError> {
            Ok(Vec::new())
        }
        async fn learn(&self, _: &UserId, _: NewFact) -> Result<bool, StoreError> {
            Ok(false)
        }
        async fn forget(&self, _: &UserId, _: &str, _: &str) -> Result<bool, StoreError> {
            Ok(true)
        }
        async fn wipe(&self) {
            self.0.add_permits(1);
        }
    }

    #[tokio::test]
    async fn a_call_that_forgot_much_is_wiped_once_and_one_that_is_dropped_all_the_same() {
        let wiped = Arc::new(Wiped(Semaphore::new(0)));
        let facts: Arc<dyn Facts> = wiped.clone();
        let call = Wipe::new(&facts);
        call.pay().await;
        assert_eq!(wiped.0.available_permits(), 0, "nothing was forgotten");
        let door = call.owed();
        (0..256).for_each(|_| door.owe());
        call.pay().await;
        drop(call);
        assert_eq!(wiped.0.available_permits(), 1);
        let dropped = Wipe::new(&facts);
        dropped.owed().owe();
        drop(dropped);
        // It comes, though nobody waited for the call.
        wiped.0.acquire_many(2).await.unwrap().forget();
    }
}
