//! kill -9 in the middle of writing: what was acknowledged is there.
//!
//! The test starts its own program again as the victim, told apart by an
//! environment variable, and reads the acknowledgements from its stdout.

use crate::scratch::{Scratch, append, key, texts};
use skynet_core::UserId;
use skynet_core::facts::{Facts as _, NewFact};
use skynet_core::ports::{Audit as _, AuditRow, Memory as _, PluginStore as _};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const VICTIM: &str = "SKYNET_STORE_TEST_VICTIM";

/// Writes until it is killed; a line on stdout is an acknowledgement.
async fn write_for_ever(folder: &Path) {
    let scratch = Scratch::new();
    let store = skynet_store::Store::open(&folder.join("skynet.db"), scratch.clock.clone()).unwrap();
    let lease = store.take_lease(&key("a")).await.unwrap();
    for n in 0_u64.. {
        let generation = store.next_generation().await.unwrap();
        let row = AuditRow {
            kind: "k".into(),
            actor: "a".into(),
            subject: n.to_string(),
            verdict: "ok".into(),
            detail: serde_json::json!({"padding": "x".repeat(500)}),
        };
        let fact = NewFact {
            category: "fact".into(),
            key: format!("{}-{n}", std::process::id()),
            value: "acknowledged".into(),
            confidence: 1.0,
            source: "user".into(),
            expires_ms: None,
        };
        assert!(store.learn(&UserId::owner(), fact).await.unwrap());
        // Taken along by the write that follows.
        store.enqueue(row).await.unwrap();
        append(&store, "a", lease, &n.to_string()).await.unwrap();
        // Not println: the test harness would catch it. One write, so never half a line.
        std::io::stdout().write_all(format!("acked {n} {}\n", generation.0).as_bytes()).unwrap();
    }
}

fn start_victim(scratch: &Scratch) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::what_was_acknowledged_survives_kill_9", "--nocapture"])
        .env(VICTIM, scratch.folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills it after so many acknowledgements; gives the last (message, generation).
fn kill_after(mut victim: Child, acknowledged: usize) -> (u64, u64) {
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let mut last = None;
    let mut seen = 0;
    for line in lines.map_while(Result::ok) {
        let Some(numbers) = line.split("acked ").nth(1).and_then(|rest| rest.split_once(' ')) else { continue };
        last = Some((numbers.0.parse().unwrap(), numbers.1.parse().unwrap()));
        seen += 1;
        if seen == acknowledged {
            // What it still writes until the signal arrives is read below.
            victim.kill().unwrap();
        }
    }
    victim.wait().unwrap();
    assert!(seen >= acknowledged, "the victim ended by itself after {seen}");
    last.unwrap()
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    if let Some(folder) = std::env::var_os(VICTIM) {
        return write_for_ever(Path::new(&folder)).await;
    }
    let scratch = Scratch::new();
    let mut kept = 0;
    for acknowledged in [1, 7, 40] {
        let (message, generation) = kill_after(start_victim(&scratch), acknowledged);
        let store = scratch.open();
        store.check().await.unwrap();
        let now = texts(&store, "a").await.split('|').count() as u64;
        assert!(now > kept + message, "message {message} of this run was acknowledged, {now} are there, {kept} before it");
        let facts = store.search_facts(&UserId::owner(), "acknowledged", usize::MAX).await.unwrap();
        assert!(facts.len() as u64 >= now, "{} facts, {now} messages", facts.len());
        assert!(store.verify_audit(Vec::new()).await.unwrap().rows > message);
        assert!(store.next_generation().await.unwrap().0 > generation);
        kept = now;
    }
}
