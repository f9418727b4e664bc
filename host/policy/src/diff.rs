//! What changes between two permission sets, line by line.
//!
//! Owners approve the difference, not the whole. One line is one permission; a
//! rule whose reach is the same and whose extent changed is one `~` line.

use crate::limits::{FORMAT_CHARS, NAME_CHARS};
use crate::naming::plain_line;
use crate::permission::{Access, Permissions, bytes_text, millis_text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The difference.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PermissionDiff {
    /// In the new one only.
    pub added: Vec<DiffLine>,
    /// In the old one only.
    pub removed: Vec<DiffLine>,
    /// In both, with another extent.
    pub changed: Vec<DiffChange>,
}

/// A permission that came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffLine {
    /// `network`, `files`, `secret` …
    pub kind: String,
    /// What it is about: a server, a folder, a name.
    pub subject: String,
    /// How far it goes; empty when there is nothing to say.
    pub extent: String,
}

/// A permission whose extent changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffChange {
    /// As in `DiffLine`.
    pub kind: String,
    /// As in `DiffLine`.
    pub subject: String,
    /// Before.
    pub old: String,
    /// After.
    pub new: String,
}

impl PermissionDiff {
    /// Nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What `new` has that `old` had not, the other way round, and what changed.
pub fn diff(old: &Permissions, new: &Permissions) -> PermissionDiff {
    let (old, new) = (entries(old), entries(new));
    let line =
        |((_, kind, subject), extent): (&Key, &String)| DiffLine { kind: (*kind).into(), subject: subject.clone(), extent: extent.clone() };
    let mut found = PermissionDiff {
        added: new.iter().filter(|(key, _)| !old.contains_key(*key)).map(line).collect(),
        removed: old.iter().filter(|(key, _)| !new.contains_key(*key)).map(line).collect(),
        changed: Vec::new(),
    };
    for (key, before) in &old {
        if let Some(after) = new.get(key).filter(|after| *after != before) {
            found.changed.push(DiffChange { kind: key.1.into(), subject: key.2.clone(), old: before.clone(), new: after.clone() });
        }
    }
    found
}

/// Order of kinds, kind, subject.
type Key = (u8, &'static str, String);

fn entries(permissions: &Permissions) -> BTreeMap<Key, String> {
    let permissions = permissions.normalized();
    let name = |text: &str| plain_line(text, NAME_CHARS);
    let access = |access: Access| if access == Access::Write { "read+write" } else { "read" }.to_owned();
    let mut entries = BTreeMap::new();
    for rule in &permissions.net {
        let private = if rule.private { " (not public)" } else { "" };
        let any = if rule.target == crate::permission::NetTarget::AnyPublic { " (any-public)" } else { "" };
        let methods = if rule.methods.is_empty() { "any method".into() } else { plain_line(&rule.methods.join(", "), FORMAT_CHARS) };
        entries.insert((0, "network", format!("{rule}{any}{private}")), methods);
    }
    for rule in &permissions.fs {
        entries.insert((1, "files", name(&rule.root)), access(rule.access));
    }
    for rule in &permissions.secrets {
        let subject = format!("{} ({}) at {}", name(&rule.name), name(&rule.header), rule.endpoint());
        entries
            .entry((2, "secret", subject))
            .and_modify(|all: &mut String| *all = format!("{all}, {}", plain_line(&rule.format, FORMAT_CHARS)))
            .or_insert_with(|| plain_line(&rule.format, FORMAT_CHARS));
    }
    for (order, kind, names) in
        [(3, "reveal", &permissions.reveal), (4, "script", &permissions.script), (5, "messages", &permissions.messages)]
    {
        entries.extend(names.iter().map(|text| ((order, kind, name(text)), String::new())));
    }
    if let Some(agent) = permissions.agent {
        entries.insert((6, "agent", "turns per call".into()), agent.turns.to_string());
    }
    if permissions.schedule {
        entries.insert((7, "schedule", "later work".into()), String::new());
    }
    if let Some(memory) = permissions.memory {
        entries.insert((8, "memory", "users and articles".into()), access(memory));
    }
    if permissions.propose {
        entries.insert((8, "propose", "plugins".into()), String::new());
    }
    if permissions.terminal {
        entries.insert((8, "terminal", "any command".into()), String::new());
    }
    if let Some(kv) = permissions.kv {
        entries.insert((9, "store", "own keys".into()), format!("{} keys, {}", kv.keys, bytes_text(kv.bytes)));
    }
    let limits = permissions.limits;
    let raised = [
        ("memory", limits.memory_bytes.map(bytes_text)),
        ("cpu", limits.cpu_ms.map(millis_text)),
        ("wall", limits.wall_ms.map(millis_text)),
        ("component", limits.component_bytes.map(bytes_text)),
    ];
    entries.extend(raised.into_iter().filter_map(|(subject, value)| Some(((10, "limit", subject.to_owned()), value?))));
    entries
}

impl fmt::Display for DiffLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<9}{}", self.kind, self.subject)?;
        if self.extent.is_empty() { Ok(()) } else { write!(f, ": {}", self.extent) }
    }
}

impl fmt::Display for DiffChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<9}{}: {} → {}", self.kind, self.subject, self.old, self.new)
    }
}

impl fmt::Display for PermissionDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let added = self.added.iter().map(|line| format!("+ {line}"));
        let changed = self.changed.iter().map(|line| format!("~ {line}"));
        let removed = self.removed.iter().map(|line| format!("- {line}"));
        let lines: Vec<String> = added.chain(changed).chain(removed).collect();
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::{FsRule, NetRule, SecretRule};
    use expect_test::expect;

    #[test]
    fn an_owner_sees_only_what_changes() {
        let server = NetRule::parse("https://api.x.com").unwrap();
        let secret = SecretRule {
            name: "LEGACY_TOKEN".into(),
            header: "authorization".into(),
            format: "Bearer {}".into(),
            target: server.target.clone(),
            scheme: server.scheme,
            port: None,
        };
        let old = Permissions {
            net: vec![server.clone()],
            fs: vec![FsRule { root: "notes".into(), access: Access::Read }],
            secrets: vec![secret],
            ..Default::default()
        };
        let telemetry = NetRule { methods: vec!["POST".into()], ..NetRule::parse("https://telemetry.example.net").unwrap() };
        let new = Permissions {
            net: vec![telemetry, server],
            fs: vec![FsRule { root: "notes".into(), access: Access::Write }],
            schedule: true,
            ..Default::default()
        };
        expect![[r#"
            + network  https://telemetry.example.net: POST
            + schedule later work
            ~ files    notes: read → read+write
            - secret   LEGACY_TOKEN (authorization) at https://api.x.com: Bearer {}"#]]
        .assert_eq(&diff(&old, &new).to_string());
        assert!(diff(&new, &new).is_empty());
        let data = serde_json::to_string(&diff(&old, &new)).unwrap();
        assert_eq!(serde_json::from_str::<PermissionDiff>(&data).unwrap(), diff(&old, &new));
    }
}
