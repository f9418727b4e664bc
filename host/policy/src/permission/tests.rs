use super::*;
use crate::sampling;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::json;

fn faults(permissions: serde_json::Value, expected: Expect) {
    let permissions: Permissions = serde_json::from_value(permissions).unwrap();
    expected.assert_eq(&permissions.request_faults().join("\n"));
}

#[test]
fn any_public_and_private_are_said_loudly() {
    let permissions: Permissions = serde_json::from_value(json!({
        "net": [
            { "url": "https://*" },
            { "url": "http://nas.lan:5000", "private": true },
            { "url": "setting:base_url", "private": true },
            { "url": "https://*.x.com", "methods": ["POST", "GET"] },
        ],
    }))
    .unwrap();
    expect![[r#"
        Send any request to the server that its setting `base_url` names, even at an address that is not public (this machine or your network).
        Send any request to http://nas.lan:5000, unencrypted, even at an address that is not public (this machine or your network).
        Send GET, POST requests to https://*.x.com.
        Send any request to ANY PUBLIC SERVER ON THE INTERNET (any-public, https://*): what it is given, it can send anywhere."#]]
    .assert_eq(&permissions.sentences().join("\n"));
}

#[test]
fn a_request_with_faults_is_told_all_of_them() {
    faults(
        json!({
            "net": [{ "url": "https://x.com", "methods": ["get", "CONNECT"] }, { "url": "http://*", "private": true }],
            "fs": [{ "root": "/etc", "access": "read" }],
            "kv": { "bytes": 0, "keys": 2_000_000 },
            "secrets": [
                { "name": "a b", "header": "Content-Length", "format": "x", "url": "https://*.x.com" },
                { "name": "k", "header": "content-length", "format": "{}{}", "url": "http://x.com" },
                { "name": "k", "header": "x-key", "format": "{}\r\nx: y", "url": "https://x.com:8443" },
            ],
            "reveal": [""],
            "messages": ["a/b/c"],
            "agent": { "turns": 1000 },
            "limits": { "wall_ms": 0 },
        }),
        expect![[r#"
            net: https://x.com: `get` is not a method that can be granted: use upper-case ones such as GET
            net: https://x.com: `CONNECT` is not a method that can be granted: use upper-case ones such as GET
            net: http://* sets `private` for more than one host: name each host exactly
            fs: root `/etc` is not a name: use a-z, 0-9, - and _, at most 32; a path is not allowed
            secrets: `a b` is not a name: use letters, digits, `_`, `-` and `.`, at most 64
            secrets: `a b`: header `Content-Length` is not a header name in lower case
            secrets: `a b`: format `x` must hold {} exactly once, in printable ASCII of at most 256 characters, such as `Bearer {}`
            secrets: `a b`: url `https://*.x.com` must name one exact server, or a setting
            secrets: `k`: the header `content-length` is written by the host itself
            secrets: `k`: format `{}{}` must hold {} exactly once, in printable ASCII of at most 256 characters, such as `Bearer {}`
            secrets: `k`: format `{} x: y` must hold {} exactly once, in printable ASCII of at most 256 characters, such as `Bearer {}`
            reveal: `` is not a name: use letters, digits, `_`, `-` and `.`, at most 64
            messages: `a/b/c` is not a name: use letters, digits, `_`, `-` and `.`, at most 64
            kv.bytes = 0 is out of range: use 1 to 1073741824
            kv.keys = 2000000 is out of range: use 1 to 1000000
            agent.turns = 1000 is out of range: use 1 to 100
            limits.wall_ms = 0 is out of range: use 1 to 3600000
            net: http://* sets `private`: a manifest cannot; only the owner's grant can allow addresses that are not public
            secrets: `a b` is for https://*.x.com, which no rule of `net` reaches: add { url = "https://*.x.com" } to `net`
            secrets: `k` would travel in the clear to http://x.com: use https
            secrets: `k` is for https://x.com:8443, which no rule of `net` reaches: add { url = "https://x.com:8443" } to `net`"#]],
    );
    faults(
        json!({ "net": [{ "url": "http://127.0.0.1:9" }], "secrets": [{ "name": "k", "header": "x-key", "format": "{}", "url": "http://127.0.0.1:9" }] }),
        expect![""],
    );
}

#[test]
fn unknown_keys_and_wrong_shapes_are_refused() {
    for evil in [
        json!({ "network": [] }),
        json!({ "net": [{ "url": "https://x.com", "allow": true }] }),
        json!({ "net": ["https://x.com"] }),
        json!({ "fs": [{ "root": "a", "access": "rw" }] }),
        json!({ "kv": { "bytes": -1, "keys": 1 } }),
        json!({ "kv": { "bytes": 1 } }),
        json!({ "limits": { "fuel": 1 } }),
        json!({ "secrets": [{ "name": "k", "header": "h", "format": "{}", "url": "x.com" }] }),
    ] {
        assert!(serde_json::from_value::<Permissions>(evil.clone()).is_err(), "{evil}");
    }
}

#[test]
fn the_digest_of_known_permissions_never_changes() {
    assert_eq!(Permissions::default().to_json(), "{}");
    let permissions: Permissions = serde_json::from_value(json!({
        "net": [{ "url": "https://x.com:443", "methods": ["POST"] }, { "url": "https://x.com", "methods": ["GET"] }],
        "fs": [{ "root": "notes", "access": "read" }, { "root": "notes", "access": "write" }],
        "secrets": [{ "name": "k", "header": "authorization", "format": "Bearer {}", "url": "https://x.com" }],
        "schedule": true,
    }))
    .unwrap();
    expect![[r#"{"net":[{"url":"https://x.com","methods":["GET","POST"]}],"fs":[{"root":"notes","access":"write"}],"secrets":[{"name":"k","header":"authorization","format":"Bearer {}","url":"https://x.com"}],"schedule":true}"#]]
        .assert_eq(&permissions.to_json());
    expect!["e086bf33be4f6a40ee95176ef92761f140f88cf46ecaac52d148fbbe4b3ef8ed"].assert_eq(&permissions.digest());
}

#[test]
fn a_secret_is_put_into_its_format_as_it_is() {
    let rule: SecretRule =
        serde_json::from_value(json!({ "name": "k", "header": "h", "format": "Bearer {}", "url": "https://x.com" })).unwrap();
    assert_eq!(*rule.header_value("a{}b"), "Bearer a{}b");
}

fn shuffled(permissions: &Permissions, seed: usize) -> Permissions {
    fn turn<T: Clone>(items: &[T], seed: usize) -> Vec<T> {
        let mut items = items.to_vec();
        if !items.is_empty() {
            let at = seed % items.len();
            items.rotate_left(at);
            items.reverse();
            items.push(items[at].clone());
        }
        items
    }
    Permissions {
        net: turn(&permissions.net, seed)
            .into_iter()
            .map(|rule| NetRule { methods: turn(&rule.methods, seed), port: rule.port_in_use(), ..rule })
            .collect(),
        fs: turn(&permissions.fs, seed),
        secrets: turn(&permissions.secrets, seed).into_iter().map(|rule| SecretRule { port: Some(443), ..rule }).collect(),
        reveal: turn(&permissions.reveal, seed),
        script: turn(&permissions.script, seed),
        messages: turn(&permissions.messages, seed),
        ..permissions.clone()
    }
}

proptest! {
    #![proptest_config(sampling::config(300))]

    #[test]
    fn order_and_repetition_do_not_change_the_digest(p in sampling::permissions(), seed in 0..7usize) {
        let other = shuffled(&p, seed);
        prop_assert_eq!(p.digest(), other.digest());
        prop_assert_eq!(p.sentences(), other.sentences());
        prop_assert_eq!(p.normalized().normalized(), p.normalized());
    }

    #[test]
    fn the_canonical_text_reads_back_as_the_same_permissions(p in sampling::permissions()) {
        let back: Permissions = serde_json::from_str(&p.to_json()).unwrap();
        prop_assert_eq!(&back, &p.normalized());
        let toml: Permissions = toml::from_str(&toml::to_string(&p.normalized()).unwrap()).unwrap();
        prop_assert_eq!(&toml, &p.normalized());
        prop_assert_eq!(p.faults(), Vec::<String>::new());
    }

    #[test]
    fn no_text_is_two_rules(text in "(https?://)?[a-z0-9*.:\\[\\]@/%-]{0,20}") {
        if let Ok(rule) = NetRule::parse(&text) {
            prop_assert_eq!(NetRule::parse(&rule.to_string()), Ok(rule));
        }
    }
}
