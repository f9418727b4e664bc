//! What an audit row costs the caller that enqueues it, and the thread that writes it,
//! beside a plain insert of the same bytes. `cargo bench -p skynet-store`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench fails by panicking")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rusqlite::Connection;
use serde_json::json;
use skynet_core::ports::{Audit as _, AuditRow, Clock};
use skynet_store::Store;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

struct Stopped;

#[async_trait::async_trait]
impl Clock for Stopped {
    fn now_ms(&self) -> u64 {
        1_772_456_700_000
    }

    async fn sleep(&self, _: Duration) {}
}

fn row() -> AuditRow {
    let detail = json!({"turn": "invoke-1772456700000", "session": "agent:main:main", "ms": 0, "bytes": 180});
    AuditRow {
        kind: "tool.call".into(),
        actor: "skynet/tool-time@0.1.0#1".into(),
        subject: "time__now".into(),
        verdict: "ok".into(),
        detail,
    }
}

fn audit(criterion: &mut Criterion) {
    let private = std::fs::Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().permissions(private).tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let store = Store::open(&folder.path().join("skynet.db"), Arc::new(Stopped)).unwrap();
    let mut group = criterion.benchmark_group("audit row");
    group.throughput(Throughput::Elements(1));

    let mut plain = Connection::open(folder.path().join("plain.db")).unwrap();
    plain.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)").unwrap();
    let text = serde_json::to_string(&row()).unwrap();
    group.bench_function("plain insert, 512 a transaction (baseline)", |bench| {
        bench.iter_custom(|count| {
            let begun = Instant::now();
            for chunk in (0..count).collect::<Vec<_>>().chunks(512) {
                let all = plain.transaction().unwrap();
                for _ in chunk {
                    all.prepare_cached("INSERT INTO t (b) VALUES (?1)").unwrap().execute([&text]).unwrap();
                }
                all.commit().unwrap();
            }
            begun.elapsed()
        });
    });
    group.bench_function("written, many at once", |bench| {
        bench.iter_custom(|count| {
            runtime.block_on(async {
                let begun = Instant::now();
                for _ in 0..count {
                    store.enqueue(row()).await.unwrap();
                }
                store.settle().await.unwrap();
                begun.elapsed()
            })
        });
    });
    group.finish();
}

criterion_group!(benches, audit);
criterion_main!(benches);
