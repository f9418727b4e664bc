//! What is wrong with permissions that the types allow.
//!
//! Each fault names its key and says what to write in its place. Refuses headers
//! that would let a rule rewrite the framing of a request, and tunnels.

use super::net::is_name;
use super::{NetRule, NetTarget, Permissions, Scheme, SecretRule};
use crate::host_name::Host;
use crate::limits;
use crate::naming::plain_line;
use std::net::IpAddr;

/// Headers that the host writes itself: a secret there would break the request or
/// send it elsewhere.
const FRAMING_HEADERS: [&str; 14] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "proxy-authorization",
    "proxy-connection",
    "accept-encoding",
];

pub(super) fn of(permissions: &Permissions) -> Vec<String> {
    let mut faults = Vec::new();
    count(permissions, &mut faults);
    for rule in &permissions.net {
        net(rule, &mut faults);
    }
    for rule in &permissions.fs {
        let root = &rule.root;
        let legal = !root.is_empty()
            && root.len() <= 32
            && root.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
        if !legal {
            faults.push(format!(
                "fs: root `{}` is not a name: use a-z, 0-9, - and _, at most 32; a path is not allowed",
                plain_line(root, 60)
            ));
        }
    }
    for rule in &permissions.secrets {
        secret(rule, &mut faults);
    }
    names("reveal", &permissions.reveal, is_name, &mut faults);
    names("script", &permissions.script, is_name, &mut faults);
    names("messages", &permissions.messages, |text| text.split('/').count() <= 2 && text.split('/').all(is_name), &mut faults);
    sizes(permissions, &mut faults);
    faults
}

pub(super) fn of_request(permissions: &Permissions) -> Vec<String> {
    let mut faults = of(permissions);
    for rule in permissions.net.iter().filter(|rule| rule.private) {
        faults
            .push(format!("net: {rule} sets `private`: a manifest cannot; only the owner's grant can allow addresses that are not public"));
    }
    for rule in &permissions.secrets {
        let server = rule.endpoint();
        let name = plain_line(&rule.name, limits::NAME_CHARS);
        if rule.scheme == Some(Scheme::Http) && !rule.target.exact_host().is_some_and(is_local) {
            faults.push(format!("secrets: `{name}` would travel in the clear to {server}: use https"));
        }
        let reached = permissions.net.iter().any(|net| {
            let same_port = net.port_in_use() == rule.port.or(rule.scheme.map(Scheme::default_port));
            net.scheme == rule.scheme && same_port && net.target.covers(&rule.target)
        });
        if !reached {
            faults
                .push(format!("secrets: `{name}` is for {server}, which no rule of `net` reaches: add {{ url = \"{server}\" }} to `net`"));
        }
    }
    faults
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ip(IpAddr::V4(address)) => address.is_loopback(),
        Host::Ip(IpAddr::V6(address)) => address.is_loopback(),
    }
}

fn count(permissions: &Permissions, faults: &mut Vec<String>) {
    let counts = [
        ("net", permissions.net.len()),
        ("fs", permissions.fs.len()),
        ("secrets", permissions.secrets.len()),
        ("reveal", permissions.reveal.len()),
        ("script", permissions.script.len()),
        ("messages", permissions.messages.len()),
    ];
    for (key, number) in counts.into_iter().filter(|(_, number)| *number > limits::RULES) {
        faults.push(format!("{key}: {number} rules are more than a person reads; at most {}", limits::RULES));
    }
}

/// A target without a scheme, or a setting with one, can match nothing sensible.
fn scheme_fits(target: &NetTarget, scheme: Option<Scheme>, port: Option<u16>) -> bool {
    match target {
        NetTarget::Setting(_) => scheme.is_none() && port.is_none(),
        NetTarget::Host(_) | NetTarget::AnyPublic => scheme.is_some() && port != Some(0),
    }
}

fn net(rule: &NetRule, faults: &mut Vec<String>) {
    if !scheme_fits(&rule.target, rule.scheme, rule.port) {
        faults.push(format!("net: {rule}: a host needs a scheme and a port from 1; a setting brings its own"));
    }
    if rule.private && !matches!(rule.target, NetTarget::Setting(_)) && rule.target.exact_host().is_none() {
        faults.push(format!("net: {rule} sets `private` for more than one host: name each host exactly"));
    }
    if rule.methods.len() > limits::METHODS {
        faults.push(format!("net: {rule} lists {} methods; leave the list out to allow all", rule.methods.len()));
    }
    for method in &rule.methods {
        let legal = !method.is_empty() && method.len() <= 20 && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
        if !legal || is_forbidden_method(method) {
            faults.push(format!(
                "net: {rule}: `{}` is not a method that can be granted: use upper-case ones such as GET",
                plain_line(method, 30)
            ));
        }
    }
}

/// A tunnel would carry what the door cannot check; an echo shows added secrets.
pub(crate) fn is_forbidden_method(method: &str) -> bool {
    ["CONNECT", "TRACE", "TRACK"].iter().any(|forbidden| method.eq_ignore_ascii_case(forbidden))
}

fn secret(rule: &SecretRule, faults: &mut Vec<String>) {
    let name = plain_line(&rule.name, limits::NAME_CHARS);
    if !is_name(&rule.name) {
        faults.push(format!("secrets: `{name}` is not a name: use letters, digits, `_`, `-` and `.`, at most {}", limits::NAME_CHARS));
    }
    let token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    if rule.header.is_empty() || rule.header.len() > limits::NAME_CHARS || !rule.header.bytes().all(token) {
        faults.push(format!("secrets: `{name}`: header `{}` is not a header name in lower case", plain_line(&rule.header, 60)));
    } else if FRAMING_HEADERS.contains(&rule.header.as_str()) {
        faults.push(format!("secrets: `{name}`: the header `{}` is written by the host itself", rule.header));
    }
    let holes = rule.format.matches("{}").count();
    let printable = rule.format.bytes().all(|b| (b' '..=b'~').contains(&b));
    if holes != 1 || !printable || rule.format.len() > limits::FORMAT_CHARS {
        faults.push(format!(
            "secrets: `{name}`: format `{}` must hold {{}} exactly once, in printable ASCII of at most {} characters, such as `Bearer {{}}`",
            plain_line(&rule.format, 60),
            limits::FORMAT_CHARS
        ));
    }
    let one_server = rule.target.exact_host().is_some() || matches!(rule.target, NetTarget::Setting(_));
    if !one_server || !scheme_fits(&rule.target, rule.scheme, rule.port) {
        faults.push(format!("secrets: `{name}`: url `{}` must name one exact server, or a setting", rule.endpoint()));
    }
}

fn names(key: &str, list: &[String], legal: impl Fn(&str) -> bool, faults: &mut Vec<String>) {
    for text in list.iter().filter(|text| !legal(text)) {
        faults.push(format!(
            "{key}: `{}` is not a name: use letters, digits, `_`, `-` and `.`, at most {}",
            plain_line(text, 60),
            limits::NAME_CHARS
        ));
    }
}

fn sizes(permissions: &Permissions, faults: &mut Vec<String>) {
    let mut within = |key: &str, value: Option<u64>, most: u64| {
        if let Some(value) = value.filter(|value| !(1..=most).contains(value)) {
            faults.push(format!("{key} = {value} is out of range: use 1 to {most}"));
        }
    };
    within("kv.bytes", permissions.kv.map(|kv| kv.bytes), limits::KV_BYTES);
    within("kv.keys", permissions.kv.map(|kv| kv.keys), limits::KV_KEYS);
    within("agent.turns", permissions.agent.map(|agent| agent.turns.into()), limits::AGENT_TURNS.into());
    within("limits.memory_bytes", permissions.limits.memory_bytes, limits::MEMORY_BYTES);
    within("limits.cpu_ms", permissions.limits.cpu_ms, limits::CPU_MS);
    within("limits.wall_ms", permissions.limits.wall_ms, limits::WALL_MS);
    within("limits.component_bytes", permissions.limits.component_bytes, limits::COMPONENT_BYTES);
}
