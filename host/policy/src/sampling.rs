//! Random permissions, servers and addresses for the property tests.
//!
//! The universe is small on purpose: rules that never meet prove nothing. Seeds are
//! fixed, so that a run can be repeated.

use crate::permission::{Access, AgentRule, FsRule, KvRule, Limits, NetRule, NetTarget, Permissions, SecretRule};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::RngSeed;
use std::net::IpAddr;

pub(crate) fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(20_260_101), failure_persistence: None, ..ProptestConfig::default() }
}

pub(crate) const HOSTS: [&str; 8] = ["x.com", "a.x.com", "b.a.x.com", "evilx.com", "y.org", "127.0.0.1", "8.8.8.8", "[::1]"];
pub(crate) const METHODS: [&str; 3] = ["GET", "POST", "PUT"];
const SERVERS: [&str; 9] = ["*", "*.x.com", "*.a.x.com", "x.com", "a.x.com", "b.a.x.com", "y.org", "127.0.0.1", "[::1]"];
const PORTS: [&str; 4] = ["", ":443", ":80", ":8443"];

pub(crate) fn net_rule() -> impl Strategy<Value = NetRule> {
    let url = prop_oneof![
        5 => (select(&["http", "https"][..]), select(&SERVERS[..]), select(&PORTS[..])).prop_map(|(scheme, host, port)| format!("{scheme}://{host}{port}")),
        1 => select(&["setting:one", "setting:two"][..]).prop_map(str::to_owned),
    ];
    (url, subsequence(&METHODS[..], 0..=3), any::<bool>()).prop_map(|(url, methods, private)| {
        let rule = NetRule::parse(&url).unwrap();
        let single = rule.target.exact_host().is_some() || matches!(rule.target, NetTarget::Setting(_));
        NetRule { methods: methods.into_iter().map(str::to_owned).collect(), private: private && single, ..rule }
    })
}

fn secret_rule() -> impl Strategy<Value = SecretRule> {
    (select(&["k1", "k2"][..]), select(&["x.com", "a.x.com"][..]), select(&["{}", "Bearer {}"][..])).prop_map(|(name, host, format)| {
        let at = NetRule::parse(&format!("https://{host}")).unwrap();
        SecretRule {
            name: name.into(),
            header: "authorization".into(),
            format: format.into(),
            target: at.target,
            scheme: at.scheme,
            port: at.port,
        }
    })
}

fn names() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(select(&["p", "q", "r"][..]).prop_map(str::to_owned), 0..4)
}

fn access() -> impl Strategy<Value = Access> {
    select(&[Access::Read, Access::Write][..])
}

pub(crate) fn permissions() -> impl Strategy<Value = Permissions> {
    let fs = proptest::collection::vec(
        (select(&["notes", "work"][..]), access()).prop_map(|(root, access)| FsRule { root: root.into(), access }),
        0..3,
    );
    let lists =
        (proptest::collection::vec(net_rule(), 0..5), fs, proptest::collection::vec(secret_rule(), 0..3), names(), names(), names());
    let sizes = (
        proptest::option::of((1..4u64, 1..4u64)),
        proptest::option::of(1..4u32),
        any::<bool>(),
        (proptest::option::of(access()), any::<bool>(), any::<bool>()),
        proptest::option::of(1..4u64),
        proptest::option::of(1..4u64),
    );
    (lists, sizes).prop_map(
        |((net, fs, secrets, reveal, script, messages), (kv, turns, schedule, (memory, propose, terminal), memory_bytes, cpu_ms))| {
            Permissions {
                net,
                fs,
                kv: kv.map(|(bytes, keys)| KvRule { bytes, keys }),
                secrets,
                reveal,
                script,
                agent: turns.map(|turns| AgentRule { turns }),
                messages,
                schedule,
                memory,
                propose,
                terminal,
                limits: Limits { memory_bytes, cpu_ms, ..Limits::default() },
            }
        },
    )
}

pub(crate) fn address() -> impl Strategy<Value = IpAddr> {
    let texts = [
        "8.8.8.8",
        "1.1.1.1",
        "2606:4700::1111",
        "::ffff:8.8.4.4",
        "127.0.0.1",
        "10.0.0.1",
        "fd00::1",
        "::1",
        "169.254.169.254",
        "224.0.0.1",
        "0.0.0.0",
        "64:ff9b::808:808",
        "64:ff9b::a00:1",
        "::ffff:10.0.0.1",
        "2002:a00:1::",
        "100.64.0.1",
    ];
    select(texts.map(|text| text.parse::<IpAddr>().unwrap()).to_vec())
}
