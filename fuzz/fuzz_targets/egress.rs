//! The address of a request, as a guest writes it.
//!
//! Held: a destination has one spelling, which leads back to itself; another reader
//! of addresses sees the same server in the same text; and no answer of a resolver
//! gets an address that is not public past a rule for public servers.
//!
//! Input: the first line is a URL, the second a rule, the rest is what a resolver said.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skynet_policy::{AddressClass, Destination, Host, HostPattern, NetRule, Permissions, check_addresses, classify, match_rule};
use std::net::IpAddr;

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let (url, rule) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let addresses: Vec<IpAddr> = lines.filter_map(|line| line.parse().ok()).collect();
    patterns(url, rule);
    let rule = rule_of(rule);
    let Some(destination) = destination(url) else { return };
    one_spelling(&destination);
    as_others_read_it(url, &destination);
    let any = NetRule::parse(&format!("{}://*:{}", destination.scheme(), destination.port())).expect("a rule");
    public_only(&any, &destination, &addresses);
    if let Some(rule) = rule {
        verdict(rule, &destination, &addresses);
    }
});

/// As the door takes it from a request.
fn destination(url: &str) -> Option<Destination> {
    let uri: http::Uri = url.parse().ok()?;
    if uri.authority()?.as_str().contains('@') {
        return None;
    }
    Destination::from_parts(uri.scheme_str()?, uri.host()?, uri.port_u16()).ok()
}

fn one_spelling(found: &Destination) {
    let shown = found.to_string();
    assert_eq!(destination(&shown).as_ref(), Some(found), "{shown} leads elsewhere");
    assert_eq!(Host::parse(&found.host().to_string()).as_ref(), Ok(found.host()));
    assert!(shown.is_ascii() && !shown.contains(['@', '\\', '%', ' ']), "{shown:?}");
}

/// The reader of browsers. Where it reads the text at all, it must see our server.
fn as_others_read_it(url: &str, found: &Destination) {
    let Ok(other) = url::Url::parse(url) else { return };
    // An address has several spellings to others, and one to us.
    let host = Host::parse(other.host_str().unwrap_or_default());
    assert_eq!(host.as_ref(), Ok(found.host()), "two readers see two hosts in {url:?}");
    assert_eq!(other.port_or_known_default(), Some(found.port()), "two readers see two ports in {url:?}");
}

fn public_only(rule: &NetRule, destination: &Destination, addresses: &[IpAddr]) {
    let literal = destination.host().ip();
    let answered = literal.map_or_else(|| addresses.to_vec(), |address| vec![address]);
    let Ok(dialled) = check_addresses(rule, destination, &answered) else { return };
    assert_eq!(classify(dialled), AddressClass::Public, "{destination} leads to {dialled}");
    for address in answered {
        assert_eq!(classify(address), AddressClass::Public, "{destination} was answered with {address}");
    }
}

fn rule_of(text: &str) -> Option<NetRule> {
    let rule = NetRule::parse(text).ok()?;
    let shown = rule.to_string();
    assert_eq!(NetRule::parse(&shown).as_ref(), Ok(&rule), "the rule {shown} is another");
    Some(rule)
}

/// What a rule lets out is within it, also with the flag for private servers.
fn verdict(rule: NetRule, destination: &Destination, addresses: &[IpAddr]) {
    let exact = rule.target.exact_host().cloned();
    for private in [false, true] {
        let permissions = Permissions { net: vec![NetRule { private, ..rule.clone() }], ..Permissions::default() };
        let Ok(found) = match_rule(&permissions, destination, "GET") else { continue };
        assert_eq!(found.scheme, Some(destination.scheme()));
        assert_eq!(found.port_in_use(), Some(destination.port()));
        match check_addresses(found, destination, addresses) {
            Ok(dialled) => {
                let named = private && exact.as_ref() == Some(destination.host());
                assert!(named || classify(dialled) == AddressClass::Public, "{destination} leads to {dialled} by {found}");
                assert!(!classify(dialled).is_never_dialled());
            }
            Err(refusal) => assert!(!refusal.to_string().is_empty()),
        }
        assert!(match_rule(&permissions, destination, "connect").is_err());
    }
}

/// Hosts and patterns in one spelling; a pattern covers exactly what it matches.
fn patterns(one: &str, other: &str) {
    let (Ok(host), Ok(pattern)) = (Host::parse(one), HostPattern::parse(other)) else { return };
    assert_eq!(Host::parse(&host.to_string()).as_ref(), Ok(&host));
    assert_eq!(HostPattern::parse(&pattern.to_string()).as_ref(), Ok(&pattern));
    assert_eq!(pattern.covers(&HostPattern::Exact(host.clone())), pattern.matches(&host));
}
