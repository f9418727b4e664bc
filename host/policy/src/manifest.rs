//! `plugin.toml`: what an author writes about a plugin.
//!
//! All faults are collected, each with its key, so that an author corrects a file
//! once. Refuses unknown keys: a misspelt permission must not be a missing one.

use crate::limits::{MANIFEST_BYTES, SUMMARY_CHARS};
use crate::naming::{is_plain_line, plain_line};
use crate::permission::Permissions;
use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use skynet_core::PluginId;
use skynet_core::plugin::PluginKind;
use std::fmt;
use toml::{Table, Value};

/// The kind of plugin, by the world that it is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum World {
    /// Offers tools.
    ToolPlugin,
    /// Answers as a model.
    ProviderPlugin,
    /// Speaks a chat system's language.
    ChannelPlugin,
    /// Watches or changes what passes.
    HookPlugin,
    /// A folder with a script; never a component.
    ScriptPlugin,
    /// Presents script plugins: each of them is this component under its own name.
    ScriptBridge,
}

impl World {
    /// As WIT names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ToolPlugin => "tool-plugin",
            Self::ProviderPlugin => "provider-plugin",
            Self::ChannelPlugin => "channel-plugin",
            Self::HookPlugin => "hook-plugin",
            Self::ScriptPlugin => "script-plugin",
            Self::ScriptBridge => "script-bridge",
        }
    }

    /// From its WIT name.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::ToolPlugin, Self::ProviderPlugin, Self::ChannelPlugin, Self::HookPlugin, Self::ScriptPlugin, Self::ScriptBridge];
        all.into_iter().find(|world| world.as_str() == text)
    }

    /// The world of a component that is this and nothing else.
    fn of(kind: PluginKind) -> Self {
        match kind {
            PluginKind::Tool => Self::ToolPlugin,
            PluginKind::Provider => Self::ProviderPlugin,
            PluginKind::Channel => Self::ChannelPlugin,
            PluginKind::Hook => Self::HookPlugin,
        }
    }

    /// Whether a component that is these, by what it exports, is what this world says. It may be more than that:
    /// one component can fill several worlds. The error is a sentence that names both and what helps.
    pub fn must_be_among(self, kinds: &[PluginKind]) -> Result<(), String> {
        let said = match self {
            // Both present tools: a folder by the bridge, which is a tool plugin in all but name.
            Self::ScriptPlugin | Self::ScriptBridge => Self::ToolPlugin,
            other => other,
        };
        let worlds: Vec<Self> = kinds.iter().map(|kind| Self::of(*kind)).collect();
        if worlds.contains(&said) {
            return Ok(());
        }
        let interface = |world: Self| world.as_str().trim_end_matches("-plugin");
        let Some(first) = worlds.first() else {
            return Err("it exports none of skynet:plugin/tool, provider, channel, hook; see wit/README.md".into());
        };
        let exported: Vec<&str> = worlds.iter().map(|world| interface(*world)).collect();
        Err(format!(
            "it says world = \"{self}\", and what it exports is {}: write world = \"{first}\" in plugin.toml, \
             or export skynet:plugin/{}, and pack it again",
            exported.join(" and "),
            interface(said)
        ))
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// 1.
    pub schema: u32,
    /// Whose and what.
    pub id: PluginId,
    /// Which.
    pub version: Version,
    /// One line for lists.
    pub summary: String,
    /// The kind.
    pub world: World,
    /// Versions of the WIT package that it works with.
    pub wit: VersionReq,
    /// An SPDX expression.
    pub license: Option<String>,
    /// Where its source is.
    pub repository: Option<String>,
    /// What it asks for.
    pub permissions: Permissions,
}

/// Why a `plugin.toml` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// More than anyone writes.
    #[error("plugin.toml has {0} bytes; at most {MANIFEST_BYTES} are read")]
    TooLarge(usize),
    /// Not TOML.
    #[error("plugin.toml is not valid TOML: {0}")]
    Syntax(String),
    /// Keys that are missing, unknown or wrong.
    #[error("plugin.toml is refused:\n  {}", .0.join("\n  "))]
    Faults(Vec<String>),
}

const KEYS: [&str; 9] = ["schema", "id", "version", "summary", "world", "wit", "license", "repository", "permissions"];

impl Manifest {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        if text.len() > MANIFEST_BYTES {
            return Err(ManifestError::TooLarge(text.len()));
        }
        let table: Table = toml::from_str(text).map_err(|error| ManifestError::Syntax(error.to_string()))?;
        let mut reader = Reader { faults: unknown_keys(&table, &KEYS, ""), table };
        let schema = reader.schema();
        let id = reader.required("id", |text| PluginId::new(text).map_err(|error| format!("is not a legal plugin id: {}", error.rule)));
        let version =
            reader.required("version", |text| Version::parse(text).map_err(|e| format!("is not a semantic version such as 1.0.0: {e}")));
        let summary = reader.required("summary", |text| one_line(text, SUMMARY_CHARS));
        let world = reader.required("world", |text| {
            // A folder with a script has its own manifest.
            World::parse(text)
                .filter(|world| *world != World::ScriptPlugin)
                .ok_or_else(|| "is not one of tool-plugin, provider-plugin, channel-plugin, hook-plugin".into())
        });
        let wit = reader.required("wit", |text| VersionReq::parse(text).map_err(|e| format!("is not a version range such as ^0.1.0: {e}")));
        let license = reader.optional("license", |text| one_line(text, 100));
        let repository = reader.optional("repository", |text| match text.strip_prefix("https://") {
            Some(rest) if !rest.is_empty() && !text.contains(char::is_whitespace) => one_line(text, 300),
            _ => Err("is not an https URL".into()),
        });
        let permissions = reader.permissions();
        match (schema, id, version, summary, world, wit) {
            (Some(schema), Some(id), Some(version), Some(summary), Some(world), Some(wit)) if reader.faults.is_empty() => {
                Ok(Self { schema, id, version, summary, world, wit, license, repository, permissions })
            }
            _ => Err(ManifestError::Faults(reader.faults)),
        }
    }
}

fn one_line(text: &str, max: usize) -> Result<String, String> {
    let legal = !text.is_empty() && is_plain_line(text, max);
    if legal { Ok(text.into()) } else { Err(format!("must be one plain line of 1 to {max} characters")) }
}

fn unknown_keys(table: &Table, known: &[&str], within: &str) -> Vec<String> {
    let unknown = table.keys().filter(|key| !known.contains(&key.as_str()));
    unknown.map(|key| format!("{within}{}: unknown key; known are {}", plain_line(key, 60), known.join(", "))).collect()
}

struct Reader {
    table: Table,
    faults: Vec<String>,
}

impl Reader {
    fn schema(&mut self) -> Option<u32> {
        match self.table.get("schema") {
            Some(Value::Integer(1)) => return Some(1),
            Some(_) => self.faults.push("schema: this host reads schema 1".into()),
            None => self.faults.push("schema: missing; write schema = 1".into()),
        }
        None
    }

    fn required<T>(&mut self, key: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        if !self.table.contains_key(key) {
            self.faults.push(format!("{key}: missing"));
        }
        self.optional(key, read)
    }

    fn optional<T>(&mut self, key: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let found = match self.table.get(key)? {
            Value::String(text) => read(text).map_err(|fault| format!("{key}: `{}` {fault}", plain_line(text, 80))),
            _ => Err(format!("{key}: must be a text")),
        };
        found.map_err(|fault| self.faults.push(fault)).ok()
    }

    /// Kind by kind, so that a fault in one does not hide those of the others.
    fn permissions(&mut self) -> Permissions {
        let table = match self.table.get("permissions") {
            None => return Permissions::default(),
            Some(Value::Table(table)) => table.clone(),
            Some(_) => {
                self.faults.push("permissions: must be a table".into());
                return Permissions::default();
            }
        };
        let mut sound = Table::new();
        for (key, value) in table {
            let alone = Table::from_iter([(key.clone(), value.clone())]);
            match Value::Table(alone).try_into::<Permissions>() {
                Ok(_) => {
                    sound.insert(key, value);
                }
                Err(error) => self.faults.push(format!("permissions.{}: {}", plain_line(&key, 60), plain_line(error.message(), 300))),
            }
        }
        let permissions: Permissions = Value::Table(sound).try_into().unwrap_or_default();
        self.faults.extend(permissions.request_faults().into_iter().map(|fault| format!("permissions.{fault}")));
        permissions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const GOOD: &str = r#"
        schema = 1
        id = "acme/tool-weather"
        version = "1.2.0"
        summary = "Says what the weather will be."
        world = "tool-plugin"
        wit = "^0.1.0"
        license = "MIT"
        repository = "https://example.com/weather"

        [permissions]
        net = [{ url = "https://api.x.com", methods = ["GET"] }, { url = "setting:base_url" }]
        fs = [{ root = "notes", access = "read" }]
        kv = { bytes = 1048576, keys = 100 }
        secrets = [{ name = "api_key", header = "authorization", format = "Bearer {}", url = "https://api.x.com" }]
        reveal = ["signing_key"]
        script = ["convert"]
        agent = { turns = 3 }
        messages = ["discord"]
        schedule = true
        memory = "read"
        limits = { memory_bytes = 268435456, cpu_ms = 30000 }
    "#;

    fn check(text: &str, faults: Expect) {
        faults.assert_eq(&Manifest::parse(text).unwrap_err().to_string());
    }

    #[test]
    fn a_whole_manifest_is_read() {
        let manifest = Manifest::parse(GOOD).unwrap();
        assert_eq!(manifest.id.as_str(), "acme/tool-weather");
        assert_eq!(manifest.world, World::ToolPlugin);
        assert_eq!(manifest.wit.to_string(), "^0.1.0");
        expect![[r#"
            Send any request to the server that its setting `base_url` names.
            Send GET requests to https://api.x.com.
            Read files in the folder `notes`.
            Keep up to 100 keys and 1 MiB in a store of its own.
            Use the secret `api_key` without seeing it: the host adds `authorization: Bearer {}` to its requests to https://api.x.com.
            SEE THE VALUE of the secret `signing_key` itself.
            Run the script `convert` in the sandbox.
            Start up to 3 agent turns without tools in one call, at your model's cost.
            Send messages to people on the channel `discord`.
            Plan work that the agent does later with all its tools, without anyone asking.
            Read what the host remembers about you, and the shared articles.
            Use up to 256 MiB of memory in one call.
            Compute for up to 30 s in one call."#]]
        .assert_eq(&manifest.permissions.sentences().join("\n"));
    }

    #[test]
    fn what_a_component_exports_is_what_its_world_says_or_more() {
        use PluginKind::{Channel, Hook, Provider, Tool};
        for (world, kind) in [
            (World::ToolPlugin, Tool),
            (World::ProviderPlugin, Provider),
            (World::ChannelPlugin, Channel),
            (World::HookPlugin, Hook),
            (World::ScriptBridge, Tool),
            (World::ScriptPlugin, Tool),
        ] {
            for kinds in [[Tool].as_slice(), &[Provider], &[Channel], &[Hook], &[Tool, Hook], &[Provider, Channel]] {
                assert_eq!(world.must_be_among(kinds).is_ok(), kinds.contains(&kind), "{world} {kinds:?}");
            }
        }
        expect![[r#"it says world = "channel-plugin", and what it exports is tool and hook: write world = "tool-plugin" in plugin.toml, or export skynet:plugin/channel, and pack it again"#]]
            .assert_eq(&World::ChannelPlugin.must_be_among(&[Tool, Hook]).unwrap_err());
        assert!(World::ToolPlugin.must_be_among(&[]).unwrap_err().contains("exports none of"));
    }

    #[test]
    fn all_faults_are_named_at_once() {
        check(
            "schema = 2\nid = \"Acme\"\nworld = \"plugin\"\nwit = 1\nauthor = \"me\"\nversion = \"1\"\nsummary = \"two\\nlines\"",
            expect![[r#"
                plugin.toml is refused:
                  author: unknown key; known are schema, id, version, summary, world, wit, license, repository, permissions
                  schema: this host reads schema 1
                  id: `Acme` is not a legal plugin id: use namespace/name; each part starts with a-z, then a-z, 0-9 or single hyphens, at most 48 long
                  version: `1` is not a semantic version such as 1.0.0: unexpected end of input while parsing major version number
                  summary: `two lines` must be one plain line of 1 to 200 characters
                  world: `plugin` is not one of tool-plugin, provider-plugin, channel-plugin, hook-plugin
                  wit: must be a text"#]],
        );
        check(
            "",
            expect![[r#"
            plugin.toml is refused:
              schema: missing; write schema = 1
              id: missing
              version: missing
              summary: missing
              world: missing
              wit: missing"#]],
        );
    }

    #[test]
    fn faults_of_permissions_name_their_kind() {
        let (head, _) = GOOD.split_once("[permissions]").unwrap();
        check(
            &format!(
                r#"{head}
                [permissions]
                net = [{{ url = "ftp://x" }}]
                fs = [{{ root = "../etc", access = "read" }}]
                kv = {{ bytes = 1, keys = 1, values = 1 }}
                secrets = [{{ name = "k", header = "Host", format = "x", url = "https://*.x.com" }}]
                network = true
                agent = {{ turns = 0 }}
                "#
            ),
            expect![[r#"
                plugin.toml is refused:
                  permissions.kv: unknown field `values`, expected `bytes` or `keys`
                  permissions.net: `ftp://x` is not a server: write https://host, http://host or setting:key
                  permissions.network: unknown field `network`, expected one of `net`, `fs`, `kv`, `secrets`, `reveal`, `script`, `agent`, `messages`, `schedule`, `memory`, `propose`, `terminal`, `limits`
                  permissions.fs: root `../etc` is not a name: use a-z, 0-9, - and _, at most 32; a path is not allowed
                  permissions.secrets: `k`: header `Host` is not a header name in lower case
                  permissions.secrets: `k`: format `x` must hold {} exactly once, in printable ASCII of at most 256 characters, such as `Bearer {}`
                  permissions.secrets: `k`: url `https://*.x.com` must name one exact server, or a setting
                  permissions.agent.turns = 0 is out of range: use 1 to 100
                  permissions.secrets: `k` is for https://*.x.com, which no rule of `net` reaches: add { url = "https://*.x.com" } to `net`"#]],
        );
        check(
            &format!("{head}\n[permissions]\nnet = [{{ url = \"http://nas.local\", private = true }}]"),
            expect![[r#"
            plugin.toml is refused:
              permissions.net: http://nas.local sets `private`: a manifest cannot; only the owner's grant can allow addresses that are not public"#]],
        );
    }

    #[test]
    fn text_that_is_no_toml_is_refused() {
        assert!(matches!(Manifest::parse("= 1"), Err(ManifestError::Syntax(_))));
        assert!(matches!(Manifest::parse("a = 1\na = 2"), Err(ManifestError::Syntax(_))));
        assert!(matches!(Manifest::parse(&"#".repeat(MANIFEST_BYTES + 1)), Err(ManifestError::TooLarge(_))));
    }
}
