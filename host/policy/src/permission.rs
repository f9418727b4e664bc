//! What a plugin may do, as data: asked for in a manifest, granted by an owner.
//!
//! The same type serves request, grant and ceiling, so that they can be compared
//! and intersected. Its canonical text and digest do not depend on the order in
//! which rules were written. Its sentences are the only wording of a permission
//! anywhere. Unknown keys are refused: a rule that is not understood is no rule.

pub(crate) mod faults;
mod net;
mod sentences;

pub(crate) use net::{Endpoint, is_name, parse_server_url};
pub use net::{NetRule, NetTarget, Scheme};
pub(crate) use sentences::{bytes_text, millis_text};

use crate::digest::sha256_hex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// Everything that one plugin asks for, is granted, or may at most be granted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Permissions {
    /// Servers it may speak to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub net: Vec<NetRule>,
    /// Named folders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fs: Vec<FsRule>,
    /// A key-value store of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv: Option<KvRule>,
    /// Secrets that the host adds to its requests; it does not see them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretRule>,
    /// Names of secrets that it may see itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reveal: Vec<String>,
    /// Names of scripts that it may run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub script: Vec<String>,
    /// Turns of the agent that one call may start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentRule>,
    /// Channels on which it may write to people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<String>,
    /// Whether it may plan later work.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub schedule: bool,
    /// Memory of users, and the shared articles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Access>,
    /// Whether it may propose plugins to the owner.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub propose: bool,
    /// Whether it may run commands in a shell; `fs` says which folders that one reaches.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub terminal: bool,
    /// Limits above the defaults.
    #[serde(skip_serializing_if = "Limits::is_default")]
    pub limits: Limits,
}

/// How far a permission on stored things goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Look only.
    Read,
    /// Change; looking is included.
    Write,
}

/// One folder that the owner's configuration names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FsRule {
    /// A key of the configuration's `[roots]`, never a path.
    pub root: String,
    /// How far.
    pub access: Access,
}

/// The size of a plugin's own store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KvRule {
    /// Keys and values together.
    pub bytes: u64,
    /// Number of keys.
    pub keys: u64,
}

/// Where the host puts one secret: a header of requests to one server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "SecretRuleText", into = "SecretRuleText")]
pub struct SecretRule {
    /// The secret's name.
    pub name: String,
    /// The header, lower case.
    pub header: String,
    /// The header's value with `{}` once, where the secret goes.
    pub format: String,
    /// One server: an exact host, or the one that a setting names.
    pub target: NetTarget,
    /// Absent exactly when `target` is a setting.
    pub scheme: Option<Scheme>,
    /// The scheme's own when absent.
    pub port: Option<u16>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretRuleText {
    name: String,
    header: String,
    format: String,
    url: String,
}

impl TryFrom<SecretRuleText> for SecretRule {
    type Error = String;

    fn try_from(text: SecretRuleText) -> Result<Self, String> {
        let Endpoint { scheme, target, port } = Endpoint::parse(&text.url)?;
        Ok(Self { name: text.name, header: text.header, format: text.format, target, scheme, port })
    }
}

impl From<SecretRule> for SecretRuleText {
    fn from(rule: SecretRule) -> Self {
        let url = rule.endpoint().to_string();
        Self { name: rule.name, header: rule.header, format: rule.format, url }
    }
}

impl SecretRule {
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint { scheme: self.scheme, target: self.target.clone(), port: self.port }
    }

    /// The server that it goes to, as written in a rule.
    pub fn server(&self) -> String {
        self.endpoint().to_string()
    }

    /// The header's value for this secret. The format holds `{}` once, as `faults` checks.
    /// Wiped when dropped.
    pub fn header_value(&self, secret: &str) -> Zeroizing<String> {
        let (before, after) = self.format.split_once("{}").unwrap_or((&self.format, ""));
        // One allocation: a text that grows leaves copies behind.
        let mut value = Zeroizing::new(String::with_capacity(self.format.len() + secret.len()));
        [before, secret, after].iter().for_each(|part| value.push_str(part));
        value
    }
}

/// Sub-turns of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentRule {
    /// At most so many.
    pub turns: u32,
}

/// Limits raised above the host's defaults; absent means the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Linear memory of one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// CPU time of one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// Wall time of one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
    /// Size of the component file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component_bytes: Option<u64>,
}

impl Limits {
    /// Nothing raised.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Permissions {
    /// Whether nothing at all is asked or granted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The same permissions in their one order, without repetitions.
    pub fn normalized(&self) -> Self {
        Self {
            net: normal_net(&self.net),
            fs: normal_fs(&self.fs),
            secrets: normal_secrets(&self.secrets),
            reveal: sorted(&self.reveal),
            script: sorted(&self.script),
            messages: sorted(&self.messages),
            ..self.clone()
        }
    }

    /// The canonical text: equal for permissions that differ in order only.
    pub fn to_json(&self) -> String {
        // Only a map with keys that are not text can fail here, and there is none.
        serde_json::to_string(&self.normalized()).unwrap_or_default()
    }

    /// SHA-256 of the canonical text, hex.
    pub fn digest(&self) -> String {
        sha256_hex(self.to_json().as_bytes())
    }

    /// One plain sentence for each thing allowed, in a fixed order.
    pub fn sentences(&self) -> Vec<String> {
        sentences::of(&self.normalized())
    }

    /// What the types cannot say: one sentence per fault, naming its key.
    pub fn faults(&self) -> Vec<String> {
        faults::of(self)
    }

    /// The faults of a request in a manifest, which may ask less than a grant may
    /// give: no addresses that are not public, no secrets in the clear, and no
    /// secret for a server that it may not speak to.
    pub fn request_faults(&self) -> Vec<String> {
        faults::of_request(self)
    }
}

fn sorted<T: Ord + Clone>(items: &[T]) -> Vec<T> {
    let mut items = items.to_vec();
    items.sort();
    items.dedup();
    items
}

fn normal_fs(rules: &[FsRule]) -> Vec<FsRule> {
    let mut widest: BTreeMap<&str, Access> = BTreeMap::new();
    for rule in rules {
        let access = widest.entry(&rule.root).or_insert(rule.access);
        *access = rule.access.max(*access);
    }
    widest.into_iter().map(|(root, access)| FsRule { root: root.into(), access }).collect()
}

fn without_default_port(scheme: Option<Scheme>, port: Option<u16>) -> Option<u16> {
    port.filter(|_| port != scheme.map(Scheme::default_port))
}

fn normal_secrets(rules: &[SecretRule]) -> Vec<SecretRule> {
    let rules: Vec<SecretRule> =
        rules.iter().map(|rule| SecretRule { port: without_default_port(rule.scheme, rule.port), ..rule.clone() }).collect();
    sorted(&rules)
}

fn normal_net(rules: &[NetRule]) -> Vec<NetRule> {
    let mut merged: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for rule in rules {
        let port = without_default_port(rule.scheme, rule.port);
        let key = (rule.scheme, rule.target.clone(), port, rule.private);
        // No method named means all of them, which takes in every list.
        merged
            .entry(key)
            .and_modify(|all| {
                if rule.methods.is_empty() {
                    all.clear()
                } else if !all.is_empty() {
                    all.extend(rule.methods.clone())
                }
            })
            .or_insert_with(|| rule.methods.clone());
    }
    merged
        .into_iter()
        .map(|((scheme, target, port, private), methods)| NetRule { scheme, target, port, methods: sorted(&methods), private })
        .collect()
}

#[cfg(test)]
mod tests;
