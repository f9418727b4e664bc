//! The owner's configuration file, `skynet.toml`, as types.
//!
//! An unknown key or a bad value is an error that names it: a host whose
//! configuration was not understood does not start.

use crate::ids::PluginId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where clients connect.
    pub gateway: GatewayConfig,
    /// How turns run.
    pub agent: AgentConfig,
    /// How plugins are found and bounded.
    pub plugins: PluginsConfig,
    /// Folders that plugins may be granted, by name.
    pub roots: BTreeMap<String, RootConfig>,
    /// Settings handed to plugins, by plugin id. No secrets belong here.
    pub settings: BTreeMap<PluginId, serde_json::Map<String, serde_json::Value>>,
    /// Where secrets are unlocked from.
    pub vault: VaultConfig,
    /// How the host confines itself.
    pub wall: WallConfig,
    /// What scripts of plugins may be given.
    pub scripts: ScriptsConfig,
    /// Log output.
    pub log: LogConfig,
    /// The audit log.
    pub audit: AuditConfig,
    /// How often one may ask.
    pub rates: RatesConfig,
    /// What is done with newer releases of plugins.
    pub registries: RegistriesConfig,
    /// What no plugin may go beyond, whatever it is granted, in the form of a manifest's
    /// `[permissions]`. Whatever is not named here nobody gets; without it there is no ceiling.
    pub ceiling: Option<serde_json::Map<String, serde_json::Value>>,
}

/// `[gateway]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Address to listen on. Only loopback is allowed without `behind_tls_proxy`.
    pub bind: std::net::IpAddr,
    /// Port to listen on; 0 lets the system choose.
    pub port: u16,
    /// A proxy in front ends TLS; allows a bind address that is not loopback.
    pub behind_tls_proxy: bool,
    /// Milliseconds between `tick` events.
    pub tick_interval_ms: u64,
    /// Milliseconds for a client to finish the handshake.
    pub handshake_timeout_ms: u64,
    /// Origins of web pages that may connect, beside loopback ones.
    pub allowed_origins: Vec<String>,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            bind: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
            port: 18789,
            behind_tls_proxy: false,
            tick_interval_ms: 30_000,
            handshake_timeout_ms: 15_000,
            allowed_origins: Vec::new(),
        }
    }
}

/// `[agent]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentConfig {
    /// `provider/model`, or `auto`: the first that serves, in `fallbacks` order.
    pub model: String,
    /// Tried in order when the model cannot answer.
    pub fallbacks: Vec<String>,
    /// Seconds for a whole turn.
    pub turn_timeout_s: u64,
    /// Output limit of one request, tokens.
    pub max_output: u32,
    /// RFC 9557 zone name used in prompts; the system's when absent.
    pub time_zone: Option<String>,
    /// Tools that the model is always shown, such as `files__read` or `files__*`, when more
    /// are installed than one request carries.
    pub tools_first: Vec<String>,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            model: "auto".into(),
            fallbacks: Vec::new(),
            turn_timeout_s: 600,
            max_output: 8192,
            time_zone: None,
            tools_first: Vec::new(),
        }
    }
}

/// `[plugins]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PluginsConfig {
    /// Milliseconds between scans of the folder. The scan is the truth.
    pub scan_interval_ms: u64,
    /// Use file events as hints for faster scans. Off for network mounts.
    pub watch: bool,
    /// Largest component file, bytes.
    pub max_component_bytes: u64,
    /// Bytes of linear memory of all running calls together.
    pub total_memory_bytes: u64,
}

impl Default for PluginsConfig {
    fn default() -> Self {
        Self { scan_interval_ms: 2_000, watch: true, max_component_bytes: 64 * 1024 * 1024, total_memory_bytes: 1024 * 1024 * 1024 }
    }
}

/// One entry of `[roots]`: a folder that a plugin can be granted by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootConfig {
    /// Absolute, or relative to the data folder.
    pub path: String,
    /// Whether a grant may allow writing.
    #[serde(default)]
    pub writable: bool,
}

/// `[vault]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VaultConfig {
    /// The key file, absolute or relative to the data folder. Elsewhere is better: then a
    /// copy of the data folder alone opens nothing.
    pub keyfile: String,
}

impl Default for VaultConfig {
    fn default() -> Self {
        Self { keyfile: "vault.key".into() }
    }
}

/// `[scripts]`: the most that any script of a plugin may be given, whatever it is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptsConfig {
    /// Whether scripts run at all.
    pub enabled: bool,
    /// Names of `[roots]` that scripts may be granted; all of them when absent.
    pub roots: Option<Vec<String>>,
    /// Further trees of programs, such as a version manager's; the `bin` of each is searched first.
    pub tools: Vec<std::path::PathBuf>,
    /// Whether they run where this machine gives no namespaces, in the weaker cell.
    pub without_namespaces: bool,
    /// What one call may use.
    pub limits: ScriptLimitsConfig,
}

impl Default for ScriptsConfig {
    fn default() -> Self {
        Self { enabled: true, roots: None, tools: Vec::new(), without_namespaces: false, limits: ScriptLimitsConfig::default() }
    }
}

/// `[scripts.limits]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptLimitsConfig {
    /// Seconds for one call; `tool.toml` may ask for less.
    pub wall_s: u64,
    /// Seconds of CPU time of each process.
    pub cpu_s: u64,
    /// Bytes of address space of each process. Some interpreters reserve far more than they use.
    pub memory_bytes: u64,
    /// Processes and threads at one time.
    pub processes: u64,
    /// Open files of each process.
    pub open_files: u64,
    /// Bytes of each file it writes.
    pub file_bytes: u64,
    /// Bytes of all files in the scratch folder together; they are in memory.
    pub scratch_bytes: u64,
    /// Bytes of stdout.
    pub output_bytes: u64,
}

impl Default for ScriptLimitsConfig {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            wall_s: 600,
            cpu_s: 60,
            memory_bytes: 4096 * MIB,
            processes: 64,
            open_files: 256,
            file_bytes: 64 * MIB,
            scratch_bytes: 128 * MIB,
            output_bytes: MIB,
        }
    }
}

impl ScriptsConfig {
    fn faults(&self, roots: &BTreeMap<String, RootConfig>, faults: &mut Vec<String>) {
        const MIB: u64 = 1024 * 1024;
        let limits = &self.limits;
        let bounds = [
            ("wall_s", limits.wall_s, 1, 3_600),
            ("cpu_s", limits.cpu_s, 1, 3_600),
            ("memory_bytes", limits.memory_bytes, 64 * MIB, 1024 * 1024 * MIB),
            ("processes", limits.processes, 1, 10_000),
            ("open_files", limits.open_files, 16, 10_000),
            ("file_bytes", limits.file_bytes, 1, 1024 * 1024 * MIB),
            ("scratch_bytes", limits.scratch_bytes, 64 * 1024, 64 * 1024 * MIB),
            ("output_bytes", limits.output_bytes, 1024, 64 * MIB),
        ];
        for (key, value, low, high) in bounds {
            if !(low..=high).contains(&value) {
                faults.push(format!("scripts.limits.{key} = {value} is out of range: use {low} to {high}"));
            }
        }
        for name in self.roots.iter().flatten().filter(|name| !roots.contains_key(*name)) {
            faults.push(format!("scripts.roots names \"{name}\", which is no key of [roots]"));
        }
        for path in self.tools.iter().filter(|path| !path.is_absolute()) {
            faults.push(format!("scripts.tools: \"{}\" is not an absolute path", path.display()));
        }
    }
}

/// `[wall]`: layers that the host raises around itself at start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WallConfig {
    /// Files and ports beyond those that the host needs.
    pub landlock: Switch,
    /// System calls that no host makes.
    pub seccomp: Switch,
    /// Refuse to start where the kernel lacks a layer, or one is switched off here.
    pub required: bool,
}

impl Default for WallConfig {
    fn default() -> Self {
        Self { landlock: Switch::On, seccomp: Switch::On, required: false }
    }
}

/// `"on"` or `"off"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// Wanted.
    On,
    /// Not wanted.
    Off,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug` or `trace`, or a filter of those.
    pub level: String,
    /// One JSON object a line in place of text.
    pub json: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".into(), json: false }
    }
}

/// `[audit]`: where signed states of the log are kept besides the log itself. What is kept
/// out of this user's reach shows even what somebody did who holds the log's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// Seconds between signed checkpoints, while there is something new to sign.
    pub checkpoint_interval_s: u64,
    /// A file to which each checkpoint is appended: on another disk, or one that can only
    /// grow. Relative to the data folder.
    pub anchor_file: Option<String>,
    /// A program with its arguments that reads each checkpoint on its input.
    pub anchor_command: Vec<String>,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { checkpoint_interval_s: 300, anchor_file: None, anchor_command: Vec::new() }
    }
}

/// `[rates]`: token buckets that hold a minute's worth. 0 means no limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RatesConfig {
    /// Turns of one user, and tool calls outside of one by each of the user's clients.
    pub turns_per_minute: u32,
    /// Turns that come over one channel, of all its users.
    pub channel_turns_per_minute: u32,
    /// Calls of one gateway method by one client: a device or a token.
    pub calls_per_minute: u32,
    /// Calls of one gateway method by all clients of one user: more devices bring no more
    /// than this. Above the limit of one client, so that a client that runs wild leaves
    /// room for the one with which its user ends it.
    pub user_calls_per_minute: u32,
    /// Tool calls and completions of one plugin, whoever asks for them.
    pub plugin_calls_per_minute: u32,
    /// Events that one channel's plugin is told of.
    pub channel_events_per_minute: u32,
}

impl Default for RatesConfig {
    fn default() -> Self {
        Self {
            turns_per_minute: 120,
            channel_turns_per_minute: 600,
            calls_per_minute: 1_200,
            user_calls_per_minute: 3_600,
            // A hundred a second for as long as one likes, or a minute's worth at once: ten
            // turns side by side with three calls a second each stay far below. A loop does not.
            plugin_calls_per_minute: 6_000,
            // A busy chat server also tells of typing and presence.
            channel_events_per_minute: 12_000,
        }
    }
}

/// `[registries]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistriesConfig {
    /// Ask the registries every few hours what is new. Nobody is asked where none is named.
    pub check: bool,
    /// Install updates that ask for no more, have the same keys and have been listed for
    /// three days, without asking.
    pub auto_update: bool,
}

impl Default for RegistriesConfig {
    fn default() -> Self {
        Self { check: true, auto_update: false }
    }
}

impl Config {
    /// What the types cannot say. Gives one sentence per fault, each naming its key.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let gateway = &self.gateway;
        if !gateway.bind.is_loopback() && !gateway.behind_tls_proxy {
            faults.push(format!(
                "gateway.bind = \"{}\" would send tokens in the clear: use 127.0.0.1, or put a TLS proxy in front and set gateway.behind_tls_proxy = true",
                gateway.bind
            ));
        }
        let mut within = |key: &str, value: u64, low: u64, high: u64| {
            if !(low..=high).contains(&value) {
                faults.push(format!("{key} = {value} is out of range: use {low} to {high}"));
            }
        };
        within("gateway.tick_interval_ms", gateway.tick_interval_ms, 1_000, 300_000);
        within("gateway.handshake_timeout_ms", gateway.handshake_timeout_ms, 100, 120_000);
        within("plugins.scan_interval_ms", self.plugins.scan_interval_ms, 100, 600_000);
        within("plugins.max_component_bytes", self.plugins.max_component_bytes, 1024, 512 * 1024 * 1024);
        within("plugins.total_memory_bytes", self.plugins.total_memory_bytes, 64 * 1024 * 1024, 64 * 1024 * 1024 * 1024);
        within("audit.checkpoint_interval_s", self.audit.checkpoint_interval_s, 1, 86_400);
        within("agent.turn_timeout_s", self.agent.turn_timeout_s, 1, 86_400);
        within("agent.max_output", u64::from(self.agent.max_output), 1, 1_000_000);
        for model in std::iter::once(&self.agent.model).chain(&self.agent.fallbacks) {
            if model != "auto" && !model.contains('/') {
                faults.push(format!("agent model \"{model}\" is not of the form provider/model; `skynet status` lists what serves"));
            }
        }
        self.scripts.faults(&self.roots, &mut faults);
        for (key, switch) in [("landlock", self.wall.landlock), ("seccomp", self.wall.seccomp)] {
            if self.wall.required && switch == Switch::Off {
                faults.push(format!(
                    "wall.required = true and wall.{key} = \"off\" say the opposite: set wall.{key} = \"on\", or wall.required = false"
                ));
            }
        }
        if self.vault.keyfile.is_empty() {
            faults.push("vault.keyfile is empty: name a file, such as vault.key".into());
        }
        for name in self.roots.keys() {
            let legal = !name.is_empty()
                && name.len() <= 32
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
            if !legal {
                faults.push(format!("roots.{name}: use a-z, 0-9, - and _, at most 32 characters"));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_without_fault() {
        assert_eq!(Config::default().faults(), Vec::<String>::new());
    }

    #[test]
    fn a_public_bind_address_without_tls_is_a_fault_that_names_its_key() {
        let mut config = Config::default();
        config.gateway.bind = "0.0.0.0".parse().unwrap();
        let faults = config.faults();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].contains("gateway.bind") && faults[0].contains("behind_tls_proxy"), "{faults:?}");
    }

    #[test]
    fn values_out_of_range_are_named_with_their_range() {
        let mut config = Config::default();
        config.plugins.scan_interval_ms = 0;
        config.agent.model = "gpt".into();
        let faults = config.faults().join("\n");
        assert!(faults.contains("plugins.scan_interval_ms = 0") && faults.contains("100 to 600000"), "{faults}");
        assert!(faults.contains("provider/model"), "{faults}");
    }
}
