//! The one wording of each permission, used by every surface.
//!
//! A sentence says what can happen, not how it is configured. The dangerous ones
//! are loud. Names come from strangers and are shown as one harmless line.

use super::{Access, NetRule, NetTarget, Permissions, Scheme, SecretRule};
use crate::limits::{FORMAT_CHARS, NAME_CHARS};
use crate::naming::plain_line;

pub(super) fn of(permissions: &Permissions) -> Vec<String> {
    let name = |text: &String| plain_line(text, NAME_CHARS);
    let mut sentences: Vec<String> = permissions.net.iter().map(net).collect();
    sentences.extend(permissions.fs.iter().map(|rule| match rule.access {
        Access::Read => format!("Read files in the folder `{}`.", name(&rule.root)),
        Access::Write => format!("Read, change and delete files in the folder `{}`.", name(&rule.root)),
    }));
    if let Some(kv) = permissions.kv {
        sentences.push(format!("Keep up to {} keys and {} in a store of its own.", kv.keys, bytes_text(kv.bytes)));
    }
    sentences.extend(permissions.secrets.iter().map(secret));
    sentences.extend(permissions.reveal.iter().map(|secret| format!("SEE THE VALUE of the secret `{}` itself.", name(secret))));
    sentences.extend(permissions.script.iter().map(|script| format!("Run the script `{}` in the sandbox.", name(script))));
    if let Some(agent) = permissions.agent {
        sentences.push(format!("Start up to {} agent turns without tools in one call, at your model's cost.", agent.turns));
    }
    sentences.extend(permissions.messages.iter().map(|channel| format!("Send messages to people on the channel `{}`.", name(channel))));
    if permissions.schedule {
        sentences.push("Plan work that the agent does later with all its tools, without anyone asking.".into());
    }
    match permissions.memory {
        Some(Access::Read) => sentences.push("Read what the host remembers about you, and the shared articles.".into()),
        Some(Access::Write) => sentences.push("Read and change what the host remembers about you, and the shared articles.".into()),
        None => {}
    }
    if permissions.propose {
        sentences.push("Search your registries and propose plugins to you; only you can install one.".into());
    }
    if permissions.terminal {
        sentences.push("RUN ANY COMMAND in a shell in the sandbox: without network, in its folders above and a scratch folder.".into());
    }
    limits(permissions, &mut sentences);
    sentences
}

fn net(rule: &NetRule) -> String {
    let verb = if rule.methods.is_empty() {
        "Send any request".to_owned()
    } else {
        let methods: Vec<String> = rule.methods.iter().map(|method| plain_line(method, NAME_CHARS)).collect();
        format!("Send {} requests", methods.join(", "))
    };
    let clear = if rule.scheme == Some(Scheme::Http) { ", unencrypted" } else { "" };
    let private = if rule.private { ", even at an address that is not public (this machine or your network)" } else { "" };
    match &rule.target {
        NetTarget::Host(_) => format!("{verb} to {rule}{clear}{private}."),
        NetTarget::AnyPublic => {
            format!("{verb} to ANY PUBLIC SERVER ON THE INTERNET (any-public, {rule}){clear}: what it is given, it can send anywhere.")
        }
        NetTarget::Setting(key) => format!("{verb} to the server that its setting `{}` names{private}.", plain_line(key, NAME_CHARS)),
    }
}

fn secret(rule: &SecretRule) -> String {
    let server = match &rule.target {
        NetTarget::Setting(key) => format!("the server that its setting `{}` names", plain_line(key, NAME_CHARS)),
        _ => rule.endpoint().to_string(),
    };
    format!(
        "Use the secret `{}` without seeing it: the host adds `{}: {}` to its requests to {server}.",
        plain_line(&rule.name, NAME_CHARS),
        plain_line(&rule.header, NAME_CHARS),
        plain_line(&rule.format, FORMAT_CHARS),
    )
}

fn limits(permissions: &Permissions, sentences: &mut Vec<String>) {
    let limits = permissions.limits;
    if let Some(bytes) = limits.memory_bytes {
        sentences.push(format!("Use up to {} of memory in one call.", bytes_text(bytes)));
    }
    if let Some(ms) = limits.cpu_ms {
        sentences.push(format!("Compute for up to {} in one call.", millis_text(ms)));
    }
    if let Some(ms) = limits.wall_ms {
        sentences.push(format!("Take up to {} for one call.", millis_text(ms)));
    }
    if let Some(bytes) = limits.component_bytes {
        sentences.push(format!("Be a component of up to {}.", bytes_text(bytes)));
    }
}

/// Exact, in the largest unit that has no remainder: two sizes never look alike.
pub(crate) fn bytes_text(bytes: u64) -> String {
    let units = [(1024 * 1024 * 1024, "GiB"), (1024 * 1024, "MiB"), (1024, "KiB")];
    let unit = units.into_iter().find(|(size, _)| bytes >= *size && bytes.is_multiple_of(*size));
    unit.map_or_else(|| format!("{bytes} bytes"), |(size, unit)| format!("{} {unit}", bytes / size))
}

pub(crate) fn millis_text(ms: u64) -> String {
    if ms >= 1000 && ms.is_multiple_of(1000) { format!("{} s", ms / 1000) } else { format!("{ms} ms") }
}
