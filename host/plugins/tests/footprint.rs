//! What hostile guests leave behind in this process, and what they take at most. Each test
//! is a process of its own, so nobody else's memory is in the figures.

use crate::support::package::saying;
use crate::support::{Package, World};
use crate::zoo::{Guest, zoo};
use std::time::Duration;

const MIB: u64 = 1024 * 1024;
/// Calls of each guest, one after the other.
const CALLS: usize = 20;
/// What one call can hold at most: 64 MiB of memory, twice 5 MiB in host calls on the way,
/// 64 KiB of output and as much of log lines. The rest is for the allocator's own pieces.
const OF_ONE_CALL: u64 = 96 * MIB;
/// What may stay: 2 MiB of the one warm slot that all calls use, its table, audit rows, and
/// pieces that the allocator has not given back. What leaks 1 MiB a call leaves 20.
const LEFT_BEHIND: u64 = 16 * MIB;

/// A line of this process's status, in bytes.
fn status(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|found| found.starts_with(line)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// The peak of resident memory, from now on.
fn forget_the_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

#[tokio::test]
async fn hungry_guests_stay_within_one_calls_memory_and_leave_nothing() {
    let flood = Guest::tool(zoo!("flood")).importing("import wasi:cli/stdout@0.2.12; import wasi:io/streams@0.2.12;");
    let guests = [
        ("hoard", Guest::tool(zoo!("hoard"))),
        ("table", Guest::tool(zoo!("table"))),
        ("handles", Guest::tool(zoo!("handles"))),
        ("random", Guest::tool(zoo!("random"))),
        ("answer", Guest::tool(zoo!("huge_answer"))),
        ("line", Guest::tool(zoo!("huge_log"))),
        ("flood", flood),
        ("recurse", Guest::tool(zoo!("recurse"))),
    ];
    let world = World::start().await;
    world.drop_file("good.wasm", &saying("good", "1.0.0", "fine")).await;
    for (name, guest) in &guests {
        world.drop_file(&format!("{name}.wasm"), &Package::new(name, "1.0.0", guest).file()).await;
        // Its code is loaded and its slot is warm.
        let _ = world.call(name).await;
        world.clock.advance(Duration::from_secs(60));
    }
    let before = status("VmRSS:");
    for (name, _) in &guests {
        forget_the_peak();
        for _ in 0..CALLS {
            let ended = world.call(name).await;
            assert_eq!(ended.is_ok(), *name == "flood", "{name}: {ended:?}");
            // Faults come a minute apart, so that no breaker ends this.
            world.clock.advance(Duration::from_secs(60));
        }
        assert_eq!(world.host.memory_in_use(), 0, "{name}");
        let (peak, now) = (status("VmHWM:").saturating_sub(before), status("VmRSS:").saturating_sub(before));
        assert!(peak <= OF_ONE_CALL, "{name} took {} MiB", peak / MIB);
        assert!(now <= LEFT_BEHIND, "{name} left {} MiB", now / MIB);
    }
    assert_eq!(world.call("good").await.unwrap(), "fine");
}
