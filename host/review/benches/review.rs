//! The review of a component beside plain validation of the same bytes, in one run.
//! `cargo bench -p skynet-review`; `SKYNET_GUEST_DIR` names a folder of built components.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a bench fails by panicking")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use skynet_review::{Material, Policy, budget, review};
use std::hint::black_box;
use std::path::PathBuf;

fn components() -> Vec<(String, Vec<u8>)> {
    let built = std::env::var_os("SKYNET_GUEST_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../builtin-plugins/target/wasm32-wasip2/release")),
        PathBuf::from,
    );
    let wanted = ["tool_time", "tool_fetch", "provider_local"];
    wanted
        .iter()
        .map(|name| {
            let path = built.join(format!("{name}.wasm"));
            let bytes = std::fs::read(&path);
            ((*name).to_owned(), bytes.unwrap_or_else(|error| panic!("{}: {error}; build the guests first", path.display())))
        })
        .collect()
}

fn all(criterion: &mut Criterion) {
    for (name, bytes) in components() {
        let mut group = criterion.benchmark_group(&name);
        group.throughput(Throughput::Bytes(bytes.len() as u64)).sample_size(10);
        group.bench_function("validate", |bencher| bencher.iter(|| budget::validate(black_box(&bytes)).unwrap()));
        group.bench_function("count", |bencher| bencher.iter(|| budget::count(black_box(&bytes)).unwrap()));
        group.bench_function("admission", |bencher| {
            bencher.iter(|| (budget::count(black_box(&bytes)).unwrap(), budget::validate(&bytes).unwrap()));
        });
        let policy = Policy::default();
        group.bench_function("review", |bencher| {
            bencher.iter(|| review(&Material { file: black_box(&bytes), release: None, known: &[], tools: &[], texts: &[] }, &policy));
        });
        group.finish();
    }
}

criterion_group!(benches, all);
criterion_main!(benches);
