//! The end of a child that ends by itself once its input does.
//!
//! Owns how long it is waited for. Refuses to wait for ever: it is killed then.

use crate::limits::EARLY_END;
use std::process::Child;
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// Waits within bounds until it has ended, and kills it after.
pub(crate) fn wait_or_kill(child: &mut Child, what: &str) {
    let begun = Instant::now();
    while matches!(child.try_wait(), Ok(None)) {
        if begun.elapsed() > EARLY_END {
            tracing::warn!("{what} does not end and is killed");
            drop(child.kill());
            drop(child.wait());
            return;
        }
        std::thread::sleep(LOOK);
    }
}
