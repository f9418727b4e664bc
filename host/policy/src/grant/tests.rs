use super::*;
use crate::egress::{Destination, match_rule};
use crate::sampling::{self, HOSTS, METHODS};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

fn net(text: &str) -> NetRule {
    // `POST,PUT https://x.com private`
    let mut words: Vec<&str> = text.split(' ').collect();
    let private = words.last() == Some(&"private");
    if private {
        words.pop();
    }
    let url = words.pop().unwrap();
    let methods = words.first().map_or(Vec::new(), |list| list.split(',').map(str::to_owned).collect());
    NetRule { methods, private, ..NetRule::parse(url).unwrap() }
}

fn nets(texts: &[&str]) -> Permissions {
    Permissions { net: texts.iter().map(|text| net(text)).collect(), ..Default::default() }
}

/// Request, grant, ceiling in; effective rules out.
fn check(request: &[&str], grant: &[&str], ceiling: Option<&[&str]>, expected: &[&str]) {
    let ceiling = ceiling.map(nets);
    let found = effective(&nets(request), &nets(grant), ceiling.as_ref());
    assert_eq!(found, nets(expected).normalized(), "{request:?} ∩ {grant:?} ∩ {ceiling:?}");
}

#[test]
fn the_smaller_side_of_each_network_rule_wins() {
    check(&["https://x.com"], &["https://x.com"], None, &["https://x.com"]);
    check(&["https://x.com"], &[], None, &[]);
    check(&[], &["https://x.com"], None, &[]);
    check(&["https://*.x.com"], &["https://a.x.com"], None, &["https://a.x.com"]);
    check(&["https://a.x.com"], &["https://*.x.com"], None, &["https://a.x.com"]);
    check(&["https://x.com"], &["https://*.x.com"], None, &[]);
    check(&["https://*"], &["https://*.x.com"], None, &["https://*.x.com"]);
    check(&["https://x.com"], &["http://x.com"], None, &[]);
    check(&["https://x.com:8443"], &["https://x.com"], None, &[]);
    check(&["https://x.com"], &["GET https://x.com"], None, &["GET https://x.com"]);
    check(&["GET,POST https://x.com"], &["POST,PUT https://x.com"], None, &["POST https://x.com"]);
    check(&["GET https://x.com"], &["POST https://x.com"], None, &[]);
    check(&["https://x.com", "https://y.org"], &["https://*"], Some(&["https://y.org"]), &["https://y.org"]);
    check(&["setting:a"], &["setting:a"], None, &["setting:a"]);
    check(&["setting:a"], &["setting:b"], None, &[]);
    check(&["setting:a"], &["https://*"], None, &[]);
}

#[test]
fn only_the_grant_opens_private_addresses_and_only_for_one_host() {
    check(&["http://nas.lan"], &["http://nas.lan private"], None, &["http://nas.lan private"]);
    check(&["setting:a"], &["setting:a private"], None, &["setting:a private"]);
    check(&["http://nas.lan private"], &["http://nas.lan"], None, &["http://nas.lan"]);
    check(&["http://nas.lan.x"], &["http://*.lan.x private"], None, &["http://nas.lan.x"]);
    check(&["http://nas.lan"], &["http://* private"], None, &["http://nas.lan"]);
    check(&["http://*"], &["http://nas.lan private"], None, &["http://nas.lan private"]);
    check(&["http://nas.lan"], &["http://nas.lan private"], Some(&["http://*"]), &["http://nas.lan"]);
    check(&["http://nas.lan"], &["http://nas.lan private"], Some(&["http://nas.lan private"]), &["http://nas.lan private"]);
}

#[test]
fn what_is_beyond_the_grant_is_said_in_sentences() {
    let request = Permissions {
        fs: vec![FsRule { root: "notes".into(), access: Access::Write }],
        kv: Some(KvRule { bytes: 2048, keys: 5 }),
        schedule: true,
        limits: Limits { cpu_ms: Some(2000), ..Default::default() },
        ..nets(&["GET,POST https://x.com", "https://y.org"])
    };
    let granted = Permissions {
        fs: vec![FsRule { root: "notes".into(), access: Access::Read }],
        kv: Some(KvRule { bytes: 4096, keys: 4 }),
        limits: Limits { cpu_ms: Some(1000), ..Default::default() },
        ..nets(&["GET https://x.com", "GET https://*"])
    };
    expect_test::expect![[r#"
        Send POST requests to https://x.com.
        Send any request to https://y.org.
        Read, change and delete files in the folder `notes`.
        Keep up to 5 keys and 2 KiB in a store of its own.
        Plan work that the agent does later with all its tools, without anyone asking.
        Compute for up to 2 s in one call."#]]
    .assert_eq(&exceeds(&request, &granted).join("\n"));
    assert_eq!(exceeds(&granted, &granted), Vec::<String>::new());
    for narrower in ["http://nas.lan", "http://* private", "GET http://nas.lan private"] {
        assert_eq!(exceeds(&nets(&["http://nas.lan private"]), &nets(&[narrower])).len(), 1, "{narrower}");
    }
}

#[test]
fn settings_become_the_servers_that_the_owner_wrote() {
    let at = net("https://placeholder.x");
    let secret = |target: &str| {
        let at = net(target);
        SecretRule {
            name: "k".into(),
            header: "x-api-key".into(),
            format: "{}".into(),
            target: at.target,
            scheme: at.scheme,
            port: at.port,
        }
    };
    let asked = Permissions {
        secrets: vec![secret("setting:base"), secret("setting:gone")],
        ..nets(&["GET setting:base private", "setting:gone", "setting:number", "https://placeholder.x"])
    };
    let settings = json!({ "base": "http://LOCALHOST:11434/v1", "number": 7 });
    let found = resolve_settings(&asked, settings.as_object().unwrap());
    let expected = Permissions {
        secrets: vec![secret("http://localhost:11434")],
        ..nets(&["GET http://localhost:11434 private", "https://placeholder.x"])
    };
    assert_eq!(found, expected.normalized());
    assert!(found.net.contains(&at));
    for evil in ["https://*", "https://u@x.com", "ftp://x.com", "https://0x7f.1", "https://", "setting:base", ""] {
        let found = resolve_settings(&nets(&["setting:base"]), json!({ "base": evil }).as_object().unwrap());
        assert!(found.is_empty(), "{evil}: {found:?}");
    }
}

fn without_private(mut permissions: Permissions) -> Permissions {
    permissions.net.iter_mut().for_each(|rule| rule.private = false);
    permissions
}

fn same_reach(one: &Permissions, other: &Permissions) -> bool {
    exceeds(one, other).is_empty() && exceeds(other, one).is_empty()
}

proptest! {
    #![proptest_config(sampling::config(600))]

    #[test]
    fn what_is_effective_was_asked_and_was_granted(r in sampling::permissions(), g in sampling::permissions(), c in sampling::permissions()) {
        let both = effective(&r, &g, None);
        prop_assert_eq!(exceeds(&both, &g), Vec::<String>::new());
        prop_assert_eq!(exceeds(&without_private(both.clone()), &r), Vec::<String>::new());
        let all = effective(&r, &g, Some(&c));
        prop_assert_eq!(exceeds(&all, &both), Vec::<String>::new());
        prop_assert_eq!(exceeds(&all, &c), Vec::<String>::new());
        prop_assert!(effective(&r, &Permissions::default(), None).is_empty());
    }

    #[test]
    fn a_request_is_covered_by_what_is_effective_exactly_when_the_grant_covers_it(r in sampling::permissions(), g in sampling::permissions()) {
        prop_assert_eq!(exceeds(&r, &effective(&r, &g, None)), exceeds(&r, &g));
        prop_assert!(same_reach(&effective(&r, &r, None), &r));
        let wider = Permissions { net: [r.net.clone(), g.net.clone()].concat(), ..r.clone() };
        prop_assert_eq!(exceeds(&r, &wider), Vec::<String>::new());
    }

    #[test]
    fn granting_twice_changes_nothing(r in sampling::permissions(), g in sampling::permissions()) {
        let once = effective(&r, &g, None);
        prop_assert!(same_reach(&effective(&once, &g, None), &once));
        prop_assert_eq!(beyond(&r, &g).is_empty(), exceeds(&r, &g).is_empty());
        prop_assert_eq!(once.faults(), Vec::<String>::new());
    }

    #[test]
    fn a_request_passes_exactly_when_both_sides_let_it_pass(
        r in sampling::permissions(), g in sampling::permissions(),
        scheme in select(vec!["http", "https"]), host in select(HOSTS.to_vec()), port in select(vec![None, Some(443), Some(8443)]), method in select(METHODS.to_vec()),
    ) {
        let to = Destination::from_parts(scheme, host, port).unwrap();
        let passes = |p: &Permissions| match_rule(p, &to, method).is_ok();
        prop_assert_eq!(passes(&effective(&r, &g, None)), passes(&r) && passes(&g));
        let private = |p: &Permissions| match_rule(p, &to, method).is_ok_and(|rule| rule.private);
        prop_assert!(!private(&effective(&r, &g, None)) || g.net.iter().any(|rule| rule.private));
    }

    #[test]
    fn the_difference_is_empty_exactly_for_equal_permissions(a in sampling::permissions(), b in sampling::permissions()) {
        let there = crate::diff::diff(&a, &b);
        let back = crate::diff::diff(&b, &a);
        prop_assert_eq!(there.is_empty(), a.normalized() == b.normalized());
        prop_assert_eq!(there.added, back.removed);
        prop_assert_eq!(there.changed.len(), back.changed.len());
        prop_assert!(crate::diff::diff(&a, &a.normalized()).is_empty());
    }
}
