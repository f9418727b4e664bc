//! Limits of what is read and granted here, each with its reason.

/// Bytes of `release.json`. A large permission request with a config schema takes
/// about 20 KiB; more is somebody testing the parser.
pub const RELEASE_JSON_BYTES: usize = 256 * 1024;

/// Bytes of `signatures.json`: sixteen signatures take under 4 KiB.
pub const SIGNATURES_JSON_BYTES: usize = 64 * 1024;

/// Signatures of one release. Each costs a curve operation before anything is
/// trusted; two publishers and a registry are three.
pub const SIGNATURES: usize = 16;

/// Top-level sections of a component that the scan walks. Real components have
/// under 200; a file of two-byte sections must not hold the scan for long.
pub const SECTIONS: usize = 100_000;

/// Files of one script plugin: a script with its modules and data. Each is read and hashed at each change.
pub const TREE_FILES: usize = 512;

/// Bytes of one script plugin; it is read whole into memory and kept once more for each version.
pub const TREE_BYTES: u64 = 32 * 1024 * 1024;

/// Folders within folders of one script plugin.
pub const TREE_DEPTH: usize = 8;

/// Seconds that a script may take when its `tool.toml` does not say; as the first plugins had it.
pub const SCRIPT_TIMEOUT_S: u64 = 30;

/// Tools of one server that is kept: as many as the host lets a plugin offer.
pub const SERVER_TOOLS: usize = 256;

/// Bytes of their descriptions: the bridge is handed them with each call, and their owner has to be shown them.
pub const SERVER_TOOLS_BYTES: usize = 1024 * 1024;

/// Arguments of such a program, and its variables. A person has to read them.
pub const SERVER_WORDS: usize = 64;

/// Characters of one of them: a path, or a setting in JSON.
pub const SERVER_WORD_CHARS: usize = 2000;

/// Bytes of a command that is looked through for advice: more than any that is started. Its words take many times as much.
pub const LOOKED_THROUGH_BYTES: usize = 320 * 1024;

/// Secrets and places that are named in the row of one call: more than a plugin has secrets, fewer than tire a reader.
pub const SCRUB_NOTES: usize = 32;

/// Bytes of `plugin.toml`.
pub const MANIFEST_BYTES: usize = 64 * 1024;

/// Bytes of the trust file: thousands of keys fit.
pub const TRUST_BYTES: usize = 1024 * 1024;

/// Rules of one kind in one permission request. A person has to read them.
pub const RULES: usize = 100;

/// Methods of one network rule: there are nine in common use.
pub const METHODS: usize = 16;

/// Characters of a name (secret, script, channel, setting) in a permission.
pub const NAME_CHARS: usize = 64;

/// Characters of a secret's format: `Bearer {}` and longer schemes.
pub const FORMAT_CHARS: usize = 256;

/// Characters of a summary: one line of a list.
pub const SUMMARY_CHARS: usize = 200;

/// Bytes that a plugin's key-value store may be granted: it lives in the host's
/// database, where one plugin must not crowd out the others.
pub const KV_BYTES: u64 = 1024 * 1024 * 1024;

/// Keys of that store.
pub const KV_KEYS: u64 = 1_000_000;

/// Turns that one call may start: each costs money.
pub const AGENT_TURNS: u32 = 100;

/// Linear memory that can be granted: all that a 32-bit guest can address.
pub const MEMORY_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// CPU time of one call that can be granted: ten minutes.
pub const CPU_MS: u64 = 600_000;

/// Wall time of one call that can be granted: one hour.
pub const WALL_MS: u64 = 3_600_000;

/// Component size that can be granted; the same as the configuration's own bound.
pub const COMPONENT_BYTES: u64 = 512 * 1024 * 1024;

/// Characters of a tool's name as a model sees it: what the common provider APIs take.
pub const EXPOSED_NAME: usize = 64;

/// Characters of a host name's text before it is looked at; a legal one has 253.
pub const HOST_TEXT: usize = 1024;

/// Bytes of one secret: a private key in PEM takes 4 KiB, a bundle of certificates ten.
pub const SECRET_BYTES: usize = 64 * 1024;

/// Servers that one secret may be bound to: a person has to read them.
pub const SECRET_SERVERS: usize = 32;

/// Values that were replaced or taken away and that are still scrubbed. Each costs up to ten
/// needles at every place where one may begin; who replaces every key of a host each day has
/// those of a week and more.
pub const FORMER_SECRETS: usize = 64;

/// Bytes below which a value is not scrubbed: `root` or `12345` stands in too many texts
/// that have nothing to do with it, and a key this short protects nothing.
pub const SCRUB_BYTES: usize = 8;

/// Bytes of a registry's search index: some ten thousand releases.
pub const INDEX_BYTES: usize = 8 * 1024 * 1024;

/// Bytes of a registry's list of advisories.
pub const ADVISORIES_BYTES: usize = 2 * 1024 * 1024;

/// Advisories of one registry. Each is compared with each plugin at each load.
pub const ADVISORIES: usize = 5_000;

/// Bytes of a publisher's record: a hundred changes of keys.
pub const PUBLISHER_BYTES: usize = 128 * 1024;

/// Changes of a publisher's keys. Each costs curve operations before a release is looked at.
pub const KEY_STATEMENTS: usize = 100;

/// Characters of a version that a registry lists: it becomes part of a file name.
pub const VERSION_CHARS: usize = 48;

/// Bytes of a whole agent's bundle, its plugins included: it is read into memory.
pub const AGENT_BUNDLE_BYTES: usize = 256 * 1024 * 1024;

/// Bytes of `agent.json`: a hundred plugins with the schemas of their settings.
pub const AGENT_JSON_BYTES: usize = 1024 * 1024;

/// Bytes of one prompt file: several times what a prompt takes in.
pub const AGENT_FILE_BYTES: usize = 256 * 1024;

/// Prompt files of an agent.
pub const AGENT_FILES: usize = 16;

/// Bytes of an agent as a registry lists it: its description and its prompt files, and no
/// plugin, since those are listed by themselves.
pub const AGENT_LISTED_BYTES: usize = AGENT_JSON_BYTES + (AGENT_FILES + 1) * AGENT_FILE_BYTES;

/// Plugins of an agent: a person decides on each.
pub const AGENT_PLUGINS: usize = 100;
