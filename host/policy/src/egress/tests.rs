mod authority;

use super::*;
use crate::sampling::{self, HOSTS, METHODS};
use expect_test::expect;
use proptest::prelude::*;
use proptest::sample::select;

fn rule(url: &str) -> NetRule {
    NetRule::parse(url).unwrap()
}

fn private(url: &str) -> NetRule {
    NetRule { private: true, ..rule(url) }
}

fn to(url: &str) -> Destination {
    let (scheme, rest) = url.split_once("://").unwrap();
    match rest.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())) {
        Some((host, port)) => Destination::from_parts(scheme, host, Some(port.parse().unwrap())).unwrap(),
        None => Destination::from_parts(scheme, rest, None).unwrap(),
    }
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn every_special_range_is_told_from_public_ones() {
    use AddressClass::*;
    let table = [
        ("8.8.8.8", Public),
        ("1.1.1.1", Public),
        ("172.15.255.255", Public),
        ("172.32.0.0", Public),
        ("100.63.255.255", Public),
        ("100.128.0.0", Public),
        ("169.253.255.255", Public),
        ("192.167.255.255", Public),
        ("198.17.255.255", Public),
        ("198.20.0.0", Public),
        ("223.255.255.255", Public),
        ("11.0.0.0", Public),
        ("126.255.255.255", Public),
        ("128.0.0.0", Public),
        ("192.0.1.1", Public),
        ("0.0.0.0", Unspecified),
        ("0.1.2.3", Unspecified),
        ("10.0.0.0", Private),
        ("10.255.255.255", Private),
        ("172.16.0.1", Private),
        ("172.31.255.255", Private),
        ("192.168.0.1", Private),
        ("100.64.0.0", Cgnat),
        ("100.127.255.255", Cgnat),
        ("127.0.0.1", Loopback),
        ("127.255.255.254", Loopback),
        ("169.254.0.1", LinkLocal),
        ("169.254.169.254", Metadata),
        ("169.254.170.2", Metadata),
        ("100.100.100.200", Metadata),
        ("168.63.129.16", Metadata),
        ("192.0.0.192", Metadata),
        ("192.0.0.1", Reserved),
        ("192.0.2.1", Documentation),
        ("198.51.100.7", Documentation),
        ("203.0.113.9", Documentation),
        ("192.88.99.1", Reserved),
        ("198.18.0.0", Benchmark),
        ("198.19.255.255", Benchmark),
        ("224.0.0.1", Multicast),
        ("239.255.255.255", Multicast),
        ("240.0.0.1", Reserved),
        ("255.255.255.254", Reserved),
        ("255.255.255.255", Broadcast),
        ("2606:4700:4700::1111", Public),
        ("2a00:1450::1", Public),
        ("2003::1", Public),
        ("2001:200::1", Public),
        ("3ffe::1", Public),
        ("::", Unspecified),
        ("::1", Loopback),
        ("::2", Compatible([0, 0, 0, 2].into())),
        ("::127.0.0.1", Compatible([127, 0, 0, 1].into())),
        ("::ffff:8.8.8.8", Public),
        ("::ffff:127.0.0.1", Mapped([127, 0, 0, 1].into())),
        ("::ffff:a00:1", Mapped([10, 0, 0, 1].into())),
        ("::ffff:169.254.169.254", Mapped([169, 254, 169, 254].into())),
        ("::ffff:0:8.8.8.8", Reserved),
        ("64:ff9b::8.8.8.8", Nat64([8, 8, 8, 8].into())),
        ("64:ff9b::10.0.0.1", Nat64([10, 0, 0, 1].into())),
        ("64:ff9b:1::10.0.0.1", Nat64([10, 0, 0, 1].into())),
        ("64:ff9b:1:a9fe:a9:fe00:808:808", Nat64([169, 254, 169, 254].into())),
        ("64:ff9b:2::1", Reserved),
        ("2002:7f00:1::", SixToFour([127, 0, 0, 1].into())),
        ("2002:808:808::1", SixToFour([8, 8, 8, 8].into())),
        ("2001::1", Teredo),
        ("2001:0:53aa:64c::1", Teredo),
        ("2001:2::1", Benchmark),
        ("2001:10::1", Reserved),
        ("2001:20::1", Reserved),
        ("2001:db8::1", Documentation),
        ("3fff:fff::1", Documentation),
        ("3fff:1000::1", Public),
        ("100::1", Discard),
        ("100:0:0:1::1", Discard),
        ("100:0:0:2::1", Reserved),
        ("fc00::1", Ula),
        ("fdff::1", Ula),
        ("fd00:ec2::254", Metadata),
        ("fd20:ce::254", Metadata),
        ("fe80::1", LinkLocal),
        ("febf::1", LinkLocal),
        ("fe80::a9fe:a9fe", Metadata),
        ("fec0::1", SiteLocal),
        ("ff02::1", Multicast),
        ("4000::1", Reserved),
        ("5f00::1", Reserved),
        ("1fff::1", Reserved),
    ];
    for (text, class) in table {
        assert_eq!(classify(text.parse().unwrap()), class, "{text}");
    }
}

#[test]
fn a_destination_has_one_spelling() {
    assert_eq!(to("HTTPS://API.x.com.:443").to_string(), "https://api.x.com");
    assert_eq!(to("wss://x.com").to_string(), "https://x.com");
    assert_eq!(to("http://[::1]:8080").authority(), "[::1]:8080");
    let refused = |scheme: &str, host: &str, port: Option<u16>| Destination::from_parts(scheme, host, port).unwrap_err().to_string();
    expect![
        "a connection to `2130706433` was refused: it is an IPv4 address in an odd form; write four decimal numbers without leading zeros"
    ]
    .assert_eq(&refused("http", "2130706433", None));
    expect!["a connection by `gopher` was refused: only http and https are carried"].assert_eq(&refused("gopher", "x.com", None));
    assert!(refused("http", "u:p@x.com", None).contains("user information"));
    assert!(refused("http", "x.com", Some(0)).contains("its port is not a number"));
    assert!(!refused("http", "x\n\u{202e}y", None).contains(['\n', '\u{202e}']));
}

#[test]
fn the_most_exact_rule_counts() {
    let permissions = Permissions {
        net: vec![rule("http://*"), rule("http://*.x.com"), rule("http://a.x.com"), private("http://a.x.com"), rule("https://x.com")],
        ..Default::default()
    };
    let matched = |url: &str| match_rule(&permissions, &to(url), "GET").map(|rule| (rule.to_string(), rule.private));
    assert_eq!(matched("http://a.x.com"), Ok(("http://a.x.com".into(), true)));
    assert_eq!(matched("http://b.x.com"), Ok(("http://*.x.com".into(), false)));
    assert_eq!(matched("http://y.org"), Ok(("http://*".into(), false)));
    assert!(matched("https://y.org").is_err() && matched("http://y.org:8080").is_err());
}

#[test]
fn refusals_say_what_why_and_what_to_do() {
    let permissions = Permissions {
        net: vec![NetRule { methods: vec!["GET".into()], ..rule("https://x.com") }, rule("setting:base")],
        ..Default::default()
    };
    let refused = |url: &str, method: &str| match_rule(&permissions, &to(url), method).unwrap_err();
    let whole = |refusal: EgressRefusal| format!("{refusal}. {}", refusal.remedy("acme/x"));
    expect!["POST https://x.com was refused: only GET is granted for this server. If its manifest asks for POST (`skynet plugin info acme/x`), an owner can allow it with `skynet plugin grant acme/x`; else its author must ask for it"]
        .assert_eq(&whole(refused("https://x.com", "POST")));
    expect!["GET https://y.org:8443 was refused: no granted rule names this scheme, host and port. If its manifest asks for https://y.org:8443 (`skynet plugin info acme/x`), an owner can allow it with `skynet plugin grant acme/x`; else its author must ask for it"]
        .assert_eq(&whole(refused("https://y.org:8443", "GET")));
    for tunnel in ["CONNECT", "connect", "TRACE", "track"] {
        assert!(matches!(refused("https://x.com", tunnel), EgressRefusal::Method { .. }), "{tunnel}");
    }
    assert!(matches!(refused("https://x.com", "get"), EgressRefusal::MethodNotGranted { .. }), "methods have one spelling");
    for hopeless in [refused("https://x.com", "TRACE"), Destination::from_parts("http", "010.0.0.1", None).unwrap_err()] {
        assert!(!hopeless.remedy("acme/x").contains("skynet plugin grant"), "no grant helps: {hopeless}");
    }
}

/// Rule, destination and answer in; the address to dial or a word of the refusal out.
fn dial(rule: &NetRule, url: &str, answer: &[&str], expected: Result<&str, &str>) {
    match (check_addresses(rule, &to(url), &addresses(answer)), expected) {
        (Ok(address), Ok(text)) => assert_eq!(address.to_string(), text),
        (Err(refusal), Err(word)) => assert!(refusal.to_string().contains(word), "{refusal}"),
        (found, _) => panic!("{url} {answer:?}: {found:?}, not {expected:?}"),
    }
}

#[test]
fn public_answers_are_dialled_and_others_are_not() {
    let any = rule("https://*");
    dial(&any, "https://x.com", &["8.8.8.8", "1.1.1.1"], Ok("8.8.8.8"));
    dial(&any, "https://x.com", &["::ffff:8.8.8.8"], Ok("8.8.8.8"));
    dial(&any, "https://x.com", &[], Err("has no address"));
    dial(&any, "https://x.com", &["10.0.0.1"], Err("10.0.0.1 is a private address"));
    dial(&any, "https://x.com", &["8.8.8.8", "10.0.0.1"], Err("answers with public addresses and with 10.0.0.1"));
    dial(&any, "https://x.com", &["8.8.8.8", "::ffff:127.0.0.1"], Err("this machine's loopback (127.0.0.1) in IPv6 form"));
    dial(&any, "https://x.com", &["8.8.8.8", "169.254.169.254"], Err("no grant opens"));
    dial(&any, "https://127.0.0.1", &["127.0.0.1"], Err("not a public address"));
    dial(&any, "https://8.8.8.8", &["8.8.8.8"], Ok("8.8.8.8"));
    dial(&any, "https://8.8.8.8", &["1.1.1.1"], Err("resolved to another address"));
}

#[test]
fn an_owner_opens_one_private_server_by_name_and_never_the_worst() {
    let nas = private("http://nas.lan:5000");
    dial(&nas, "http://nas.lan:5000", &["192.168.1.9"], Ok("192.168.1.9"));
    dial(&nas, "http://nas.lan:5000", &["192.168.1.9", "8.8.8.8"], Err("answers with public addresses"));
    dial(&nas, "http://nas.lan:5000", &["fd00::9", "127.0.0.1"], Ok("fd00::9"));
    dial(&nas, "http://nas.lan:5000", &["64:ff9b::8.8.8.8"], Ok("64:ff9b::808:808"));
    dial(&rule("http://nas.lan:5000"), "http://nas.lan:5000", &["192.168.1.9"], Err("192.168.1.9 is a private address"));
    let refusal = check_addresses(&rule("http://nas.lan:5000"), &to("http://nas.lan:5000"), &addresses(&["192.168.1.9"])).unwrap_err();
    assert!(refusal.remedy("acme/x").ends_with("skynet plugin grant acme/x --private=http://nas.lan:5000"), "the command that helps");
    let never = check_addresses(&nas, &to("http://nas.lan:5000"), &addresses(&["169.254.169.254"])).unwrap_err();
    assert!(never.remedy("acme/x").ends_with("this cannot be granted"), "{never}");
    let forbidden = [
        "169.254.169.254",
        "fd00:ec2::254",
        "224.0.0.1",
        "0.0.0.0",
        "::",
        "255.255.255.255",
        "ff02::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2001::1",
        "2002:a00:1::",
        "::ffff:0.0.0.0",
    ];
    for worst in forbidden {
        dial(&nas, "http://nas.lan:5000", &[worst], Err("no grant opens"));
        dial(&nas, "http://nas.lan:5000", &["192.168.1.9", worst], Err("no grant opens"));
    }
    dial(&private("http://*.lan.x"), "http://nas.lan.x", &["192.168.1.9"], Err("not a public address"));
    dial(&private("http://*"), "http://nas.lan", &["192.168.1.9"], Err("not a public address"));
    dial(&private("http://127.0.0.1"), "http://127.0.0.1", &["127.0.0.1"], Ok("127.0.0.1"));
    dial(&private("http://other.lan"), "http://nas.lan", &["192.168.1.9"], Err("not a public address"));
}

#[test]
fn a_secret_goes_to_its_exact_server_only() {
    let at = rule("https://api.x.com");
    let secret =
        SecretRule { name: "k".into(), header: "h".into(), format: "{}".into(), target: at.target, scheme: at.scheme, port: Some(443) };
    let wide = SecretRule { target: rule("https://*.x.com").target, ..secret.clone() };
    let unresolved = SecretRule { target: rule("setting:s").target, scheme: None, port: None, ..secret.clone() };
    let permissions = Permissions { secrets: vec![wide, unresolved, secret], ..Default::default() };
    let count = |url: &str| secret_for(&permissions, &to(url)).count();
    assert_eq!(count("https://api.x.com"), 1);
    for other in ["http://api.x.com", "https://api.x.com:8443", "https://x.com", "https://b.x.com", "https://api.x.com.evil.com"] {
        assert_eq!(count(other), 0, "{other}");
    }
}

/// The same question answered from the rule's text, label by label.
fn reference(rule: &NetRule, scheme: &str, host: &str, port: u16, method: &str) -> bool {
    let text = rule.to_string();
    let Some(rest) = text.strip_prefix(&format!("{scheme}://")) else {
        return false;
    };
    let default = if scheme == "https" { 443 } else { 80 };
    let (pattern, own_port) = match rest.rsplit_once(':') {
        Some((pattern, digits)) if !digits.ends_with(']') => (pattern, digits.parse().unwrap()),
        _ => (rest, default),
    };
    let is_literal = host.starts_with('[') || host.split('.').all(|part| part.parse::<u8>().is_ok());
    let host_fits = match pattern.strip_prefix("*.") {
        _ if pattern == "*" => true,
        None => pattern == host,
        Some(suffix) => {
            let (own, wanted): (Vec<&str>, Vec<&str>) = (host.rsplit('.').collect(), suffix.rsplit('.').collect());
            !is_literal && own.len() > wanted.len() && own[..wanted.len()] == wanted[..]
        }
    };
    host_fits && own_port == port && (rule.methods.is_empty() || rule.methods.iter().any(|m| m == method))
}

proptest! {
    #![proptest_config(sampling::config(1500))]

    #[test]
    fn the_matcher_agrees_with_a_slow_reading_of_the_rules(
        p in sampling::permissions(), scheme in select(vec!["http", "https"]), host in select(HOSTS.to_vec()),
        port in select(vec![80u16, 443, 8443]), method in select(METHODS.to_vec()),
    ) {
        let found = match_rule(&p, &Destination::from_parts(scheme, host, Some(port)).unwrap(), method);
        let expected = p.net.iter().any(|rule| reference(rule, scheme, host, port, method));
        prop_assert_eq!(found.is_ok(), expected);
        if let Ok(rule) = found {
            prop_assert!(reference(rule, scheme, host, port, method));
        }
    }

    #[test]
    fn what_is_dialled_was_answered_and_is_allowed(r in sampling::net_rule(), host in select(HOSTS.to_vec()), answer in proptest::collection::vec(sampling::address(), 0..4)) {
        let d = Destination::from_parts("https", host, None).unwrap();
        if let Ok(address) = check_addresses(&r, &d, &answer) {
            prop_assert!(answer.iter().any(|one| one.to_canonical() == address));
            let public = answer.iter().filter(|one| classify(**one) == AddressClass::Public).count();
            let opened = r.private && r.target.exact_host() == Some(d.host());
            prop_assert!(public == answer.len() || (public == 0 && opened));
            prop_assert!(answer.iter().all(|one| !classify(*one).is_never_dialled()));
        } else {
            let all_public = !answer.is_empty() && answer.iter().all(|one| classify(*one) == AddressClass::Public);
            prop_assert!(!all_public || d.host().ip().is_some());
        }
    }

    #[test]
    fn any_text_is_a_host_in_one_spelling_or_none(text in "[a-zA-Z0-9.:%@\\[\\]*_xX\u{ff10}-\u{ff19}\u{3002}é-]{0,24}") {
        if let Ok(host) = Host::parse(&text) {
            prop_assert_eq!(Host::parse(&host.to_string()), Ok(host.clone()));
            prop_assert!(!host.to_string().ends_with('.'));
        }
    }

    #[test]
    fn any_wrapping_of_an_inside_address_stays_inside(inner in any::<u32>(), high in any::<u16>(), low in any::<u16>()) {
        let v4 = std::net::Ipv4Addr::from(inner);
        let [a, b, c, d] = v4.octets();
        let (one, two) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let mapped = IpAddr::from([0, 0, 0, 0, 0, 0xffff, one, two]);
        prop_assert_eq!(classify(mapped) == AddressClass::Public, classify(v4.into()) == AddressClass::Public);
        for wrapped in [[0x64, 0xff9b, 0, 0, 0, 0, one, two], [0x64, 0xff9b, 1, high, low, 0, one, two], [0x2002, one, two, high, low, 0, 0, 1], [0, 0, 0, 0, 0, 0, one, two]] {
            prop_assert_ne!(classify(IpAddr::from(wrapped)), AddressClass::Public);
        }
    }
}
