//! Request ∩ grant ∩ ceiling, and what a request asks beyond a grant.
//!
//! There is no rule that forbids: what is not named by all of them is denied, so
//! the smaller of two always wins. Only the grant can open addresses that are not
//! public, and only for one exact server.

use crate::permission::{Access, AgentRule, FsRule, KvRule, Limits, NetRule, NetTarget, Permissions, Scheme, SecretRule, parse_server_url};
use serde_json::{Map, Value};

/// What the plugin may do in the end. With a ceiling that names hosts, resolve
/// the settings of `request` and `grant` first: a ceiling knows no settings.
pub fn effective(request: &Permissions, grant: &Permissions, ceiling: Option<&Permissions>) -> Permissions {
    let granted = meet(request, grant, |_, grant| grant);
    match ceiling {
        Some(ceiling) => meet(&granted, ceiling, |granted, ceiling| granted && ceiling),
        None => granted,
    }
}

/// The sentences of what `request` asks beyond `granted`. Empty: it is covered.
pub fn exceeds(request: &Permissions, granted: &Permissions) -> Vec<String> {
    beyond(request, granted).sentences()
}

/// The same as permissions: the part of `request` that `granted` lacks.
pub fn beyond(request: &Permissions, granted: &Permissions) -> Permissions {
    let (request, granted) = (request.normalized(), granted.normalized());
    let lacks = |asked: &[String], given: &[String]| asked.iter().filter(|name| !given.contains(name)).cloned().collect();
    Permissions {
        net: request.net.iter().filter_map(|rule| uncovered(rule, &granted.net)).collect(),
        fs: request.fs.iter().filter(|rule| access(&granted.fs, &rule.root) < Some(rule.access)).cloned().collect(),
        kv: request.kv.filter(|asked| !granted.kv.is_some_and(|given| given.bytes >= asked.bytes && given.keys >= asked.keys)),
        secrets: request.secrets.iter().filter(|rule| !granted.secrets.contains(rule)).cloned().collect(),
        reveal: lacks(&request.reveal, &granted.reveal),
        script: lacks(&request.script, &granted.script),
        agent: request.agent.filter(|asked| granted.agent.is_none_or(|given| given.turns < asked.turns)),
        messages: lacks(&request.messages, &granted.messages),
        schedule: request.schedule && !granted.schedule,
        memory: request.memory.filter(|asked| granted.memory < Some(*asked)),
        propose: request.propose && !granted.propose,
        terminal: request.terminal && !granted.terminal,
        limits: limits(&request.limits, &granted.limits, |asked, given| asked.filter(|asked| given < Some(*asked))),
    }
}

/// Puts the servers that the owner's settings name in place of `setting:key`.
/// A key that is missing or names no server drops its rule: nothing is allowed.
pub fn resolve_settings(permissions: &Permissions, settings: &Map<String, Value>) -> Permissions {
    let server = |target: &NetTarget| match target {
        NetTarget::Setting(key) => Some(settings.get(key).and_then(Value::as_str).and_then(parse_server_url)),
        NetTarget::Host(_) | NetTarget::AnyPublic => None,
    };
    let net = permissions.net.iter().filter_map(|rule| match server(&rule.target) {
        None => Some(rule.clone()),
        Some(found) => found.map(|at| NetRule { scheme: at.scheme, target: at.target, port: at.port, ..rule.clone() }),
    });
    let secrets = permissions.secrets.iter().filter_map(|rule| match server(&rule.target) {
        None => Some(rule.clone()),
        Some(found) => found.map(|at| SecretRule { scheme: at.scheme, target: at.target, port: at.port, ..rule.clone() }),
    });
    Permissions { net: net.collect(), secrets: secrets.collect(), ..permissions.clone() }.normalized()
}

fn meet(asked: &Permissions, given: &Permissions, private: fn(bool, bool) -> bool) -> Permissions {
    let (asked, given) = (asked.normalized(), given.normalized());
    let both = |one: &[String], other: &[String]| one.iter().filter(|name| other.contains(name)).cloned().collect();
    let net = asked.net.iter().flat_map(|one| given.net.iter().filter_map(move |other| meet_net(one, other, private)));
    let fs = asked.fs.iter().filter_map(|rule| {
        let least = access(&given.fs, &rule.root)?.min(rule.access);
        Some(FsRule { root: rule.root.clone(), access: least })
    });
    Permissions {
        net: net.collect(),
        fs: fs.collect(),
        kv: least(asked.kv, given.kv, |one, other| KvRule { bytes: one.bytes.min(other.bytes), keys: one.keys.min(other.keys) }),
        secrets: asked.secrets.iter().filter(|rule| given.secrets.contains(rule)).cloned().collect(),
        reveal: both(&asked.reveal, &given.reveal),
        script: both(&asked.script, &given.script),
        agent: least(asked.agent, given.agent, |one, other| AgentRule { turns: one.turns.min(other.turns) }),
        messages: both(&asked.messages, &given.messages),
        schedule: asked.schedule && given.schedule,
        memory: least(asked.memory, given.memory, Access::min),
        propose: asked.propose && given.propose,
        terminal: asked.terminal && given.terminal,
        limits: limits(&asked.limits, &given.limits, |one, other| least(one, other, u64::min)),
    }
    .normalized()
}

fn least<T>(one: Option<T>, other: Option<T>, smaller: impl Fn(T, T) -> T) -> Option<T> {
    one.zip(other).map(|(one, other)| smaller(one, other))
}

fn limits(one: &Limits, other: &Limits, each: impl Fn(Option<u64>, Option<u64>) -> Option<u64>) -> Limits {
    Limits {
        memory_bytes: each(one.memory_bytes, other.memory_bytes),
        cpu_ms: each(one.cpu_ms, other.cpu_ms),
        wall_ms: each(one.wall_ms, other.wall_ms),
        component_bytes: each(one.component_bytes, other.component_bytes),
    }
}

fn access(rules: &[FsRule], root: &str) -> Option<Access> {
    rules.iter().find(|rule| rule.root == root).map(|rule| rule.access)
}

fn meet_net(asked: &NetRule, given: &NetRule, private: fn(bool, bool) -> bool) -> Option<NetRule> {
    if asked.scheme != given.scheme || asked.port_in_use() != given.port_in_use() {
        return None;
    }
    let target = if given.target.covers(&asked.target) {
        &asked.target
    } else if asked.target.covers(&given.target) {
        &given.target
    } else {
        return None;
    };
    let methods = match (asked.methods.as_slice(), given.methods.as_slice()) {
        (all, []) => all.to_vec(),
        ([], some) => some.to_vec(),
        (one, other) => one.iter().filter(|method| other.contains(method)).cloned().collect(),
    };
    if methods.is_empty() && !(asked.methods.is_empty() && given.methods.is_empty()) {
        return None;
    }
    let private = private(asked.private, given.private) && may_be_private(asked, given, target);
    Some(NetRule { target: target.clone(), methods, private, ..asked.clone() })
}

/// A wide rule with the flag is a fault; it must not spread to the exact hosts
/// that the other side names.
fn may_be_private(asked: &NetRule, given: &NetRule, target: &NetTarget) -> bool {
    let exact = target.exact_host().is_some() || matches!(target, NetTarget::Setting(_));
    let flagged_is_target = |rule: &NetRule| !rule.private || rule.target == *target;
    exact && flagged_is_target(asked) && flagged_is_target(given)
}

/// The part of a rule that no granted rule covers, method by method.
fn uncovered(asked: &NetRule, granted: &[NetRule]) -> Option<NetRule> {
    let covering: Vec<&NetRule> = granted
        .iter()
        .filter(|given| given.scheme == asked.scheme && given.port_in_use() == asked.port_in_use() && given.target.covers(&asked.target))
        .filter(|given| !asked.private || (given.private && given.target == asked.target))
        .collect();
    if covering.iter().any(|given| given.methods.is_empty()) {
        return None;
    }
    let missing: Vec<String> =
        asked.methods.iter().filter(|method| !covering.iter().any(|given| given.allows_method(method))).cloned().collect();
    if asked.methods.is_empty() {
        return Some(asked.clone());
    }
    (!missing.is_empty()).then(|| NetRule { methods: missing, ..asked.clone() })
}

/// Whether a rule of the network names this very server.
pub(crate) fn names_server(target: &NetTarget, scheme: Option<Scheme>, port: Option<u16>, server: &crate::egress::Destination) -> bool {
    scheme == Some(server.scheme())
        && port.or(scheme.map(Scheme::default_port)) == Some(server.port())
        && target.exact_host() == Some(server.host())
}

#[cfg(test)]
mod tests;
