//! `skynet.toml`: reading it whole or not at all, and changing one key of it
//! without touching what the owner wrote around it.

use crate::exit::{Kind, fail};
use crate::home::{self, Home};
use crate::off_limits;
use anyhow::{Context, Result};
use skynet_core::config::Config;
use skynet_policy::permission::Permissions;
use toml_edit::{DocumentMut, Item, Table, Value};

/// The configuration, or an error that names file, key and remedy.
pub(crate) fn load(home: &Home) -> Result<Config> {
    let path = home.config();
    let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read; run: skynet init", path.display()))?;
    let config = parse(&text).map_err(|fault| fail(Kind::BadConfig, format!("{}: {fault}", path.display())))?;
    let faults = off_limits::faults(home, &config);
    if faults.is_empty() { Ok(config) } else { Err(fail(Kind::BadConfig, format!("{}: {}", path.display(), faults.join("; ")))) }
}

/// `[ceiling]`, understood.
pub(crate) fn ceiling(config: &Config) -> Result<Option<Permissions>> {
    let Some(table) = &config.ceiling else { return Ok(None) };
    let bad = |fault: String| fail(Kind::BadConfig, format!("skynet.toml: [ceiling]: {fault}"));
    let ceiling: Permissions = serde_json::from_value(table.clone().into()).map_err(|error| bad(error.to_string()))?;
    match ceiling.faults().first() {
        Some(fault) => Err(bad(fault.clone())),
        None => Ok(Some(ceiling)),
    }
}

fn parse(text: &str) -> Result<Config, String> {
    let config: Config = toml::from_str(text).map_err(|error| error.to_string().trim().replace('\n', "\n  "))?;
    let faults = config.faults();
    if faults.is_empty() { Ok(config) } else { Err(faults.join("; ")) }
}

/// The value of a dotted key, as TOML.
pub(crate) fn get(home: &Home, key: &str) -> Result<String> {
    let text = std::fs::read_to_string(home.config()).context("skynet.toml cannot be read; run: skynet init")?;
    let document: DocumentMut = text.parse().map_err(|error| fail(Kind::BadConfig, format!("skynet.toml: {error}")))?;
    let mut item = document.as_item();
    for part in split_key(key)? {
        item = item.get(&part).ok_or_else(|| absent(&text, key))?;
    }
    Ok(item.to_string().trim().to_owned())
}

/// A key that is not in the file: one that could be, or none of ours.
fn absent(text: &str, key: &str) -> anyhow::Error {
    let is_unknown = changed(text, key, "0").is_err_and(|error| error.to_string().contains("unknown field"));
    let why =
        if is_unknown { "there is no such setting; skynet.toml names them" } else { "not set in skynet.toml; its default is in force" };
    fail(Kind::NotFound, format!("{key}: {why}"))
}

/// Sets one key; the whole file must be good afterwards or nothing is written.
pub(crate) fn set(home: &Home, key: &str, value: &str) -> Result<()> {
    let path = home.config();
    let text = std::fs::read_to_string(&path).context("skynet.toml cannot be read; run: skynet init")?;
    let changed = changed(&text, key, value)?;
    let faults = parse(&changed).map(|config| off_limits::faults(home, &config)).unwrap_or_default();
    if !faults.is_empty() {
        return Err(fail(Kind::BadConfig, format!("{key} was not changed: {}", faults.join("; "))));
    }
    if changed != text {
        home::write_file(&path, changed.as_bytes(), 0o600)?;
    }
    Ok(())
}

fn changed(text: &str, key: &str, value: &str) -> Result<String> {
    let mut document: DocumentMut = text.parse().map_err(|error| fail(Kind::BadConfig, format!("skynet.toml: {error}")))?;
    // `true`, `5`, `[…]` are taken as written; anything else is a text.
    let value: Value = value.parse().unwrap_or_else(|_| Value::from(value));
    let parts = split_key(key)?;
    let (last, tables) = parts.split_last().ok_or_else(|| fail(Kind::Usage, "an empty key"))?;
    let mut table: &mut Table = document.as_table_mut();
    for part in tables {
        let entry = table.entry(part).or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        });
        table = entry.as_table_mut().ok_or_else(|| fail(Kind::Refused, format!("{part} in {key} is a value, not a table")))?;
    }
    match table.get_mut(last).and_then(Item::as_value_mut) {
        Some(old) => {
            let decor = old.decor().clone();
            *old = value;
            *old.decor_mut() = decor;
        }
        None => {
            table.insert(last, Item::Value(value));
        }
    }
    let changed = document.to_string();
    parse(&changed).map_err(|fault| fail(Kind::BadConfig, format!("{key} was not changed: {fault}")))?;
    Ok(changed)
}

/// `a.b."c/d"` into its parts.
fn split_key(key: &str) -> Result<Vec<String>> {
    let keys = toml_edit::Key::parse(key).map_err(|error| fail(Kind::Usage, format!("`{key}` is not a key like gateway.port: {error}")))?;
    Ok(keys.iter().map(|key| key.get().to_owned()).collect())
}

/// What a new data folder starts with.
pub(crate) const TEMPLATE: &str = r#"# skynet.toml: settings of this SmartopolAI host.
# Every key has a default; an unknown key or a bad value keeps the host from
# starting. `skynet config set KEY VALUE` changes one key and keeps the rest.

[gateway]
bind = "127.0.0.1"
port = 18789

[agent]
# provider/model, or "auto": the first one that serves.
model = "auto"

[plugins]
scan_interval_ms = 2000

[wall]
# What the host gives up for itself at start, "on" or "off"; `skynet doctor` shows each layer.
landlock = "on"
seccomp = "on"
# true: do not start without both.
required = false

[scripts]
# Script plugins lie in tools/. Each needs a signature or your approval, and runs in a cell of its own.
enabled = true
# true: also where this machine gives no namespaces, in a weaker cell; `skynet doctor` says which it gives.
without_namespaces = false

# Folders that plugins can be granted by name. A new one counts after a restart.
[roots]
workspace = { path = "workspace", writable = true }
notes = { path = "notes" }

# How often one may ask, each minute; 0 is no limit.
[rates]
# Turns of one user, and tool calls without a turn (POST /tools/invoke) likewise.
turns_per_minute = 120
channel_turns_per_minute = 600
# Of one gateway method: by one device or token, and by all of one user's.
calls_per_minute = 1200
user_calls_per_minute = 3600
plugin_calls_per_minute = 6000
channel_events_per_minute = 12000

# The most that any plugin may do here, whatever it is granted. Without this table there is no such bound; with it,
# what it does not name nobody gets: limits above the defaults too. The keys are those of a manifest's [permissions].
# [ceiling]
# net = [{ url = "https://*" }]
# fs = [{ root = "workspace", access = "write" }, { root = "notes", access = "read" }]
# kv = { bytes = 10000000, keys = 10000 }
# memory = "write"
# schedule = true
# limits = { memory_bytes = 536870912, cpu_ms = 60000, wall_ms = 600000 }

[audit]
checkpoint_interval_s = 300
# Keep each signed checkpoint where no thief of this folder can write:
# anchor_file = "/mnt/other-disk/skynet-anchors.txt"
# anchor_command = ["mail", "-s", "audit checkpoint", "me@example.com"]
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_good_and_says_what_the_defaults_are() {
        let config = parse(TEMPLATE).unwrap();
        assert_eq!(config.gateway, Config::default().gateway);
        assert_eq!(config.agent, Config::default().agent);
        assert_eq!(config.plugins, Config::default().plugins);
        assert_eq!((config.rates, config.audit), (Config::default().rates, Config::default().audit));
        assert_eq!((config.wall, config.scripts), (Config::default().wall, Config::default().scripts));
    }

    #[test]
    fn the_ceiling_that_the_template_shows_is_a_good_one() {
        let begin = TEMPLATE.find("# [ceiling]").unwrap();
        let block: String =
            TEMPLATE[begin..].lines().take_while(|line| line.starts_with("# ")).map(|line| format!("{}\n", &line[2..])).collect();
        let ceiling = ceiling(&parse(&block).unwrap()).unwrap().unwrap();
        assert!(ceiling.schedule && ceiling.net.len() == 1 && ceiling.fs.len() == 2, "{ceiling:?}");
    }

    #[test]
    fn a_setting_that_there_is_not_is_told_from_one_that_is_not_set() {
        for key in ["nope.x", "gateway.prot", "nope"] {
            assert!(absent("", key).to_string().contains("no such setting"), "{key}");
        }
        for key in ["gateway.port", "agent.model", "roots.models", "settings.\"skynet/provider-openai\".base_url"] {
            assert!(absent("", key).to_string().contains("its default is in force"), "{key}");
        }
    }

    #[test]
    fn a_wall_that_is_required_and_switched_off_is_refused_by_both_keys() {
        for key in ["landlock", "seccomp"] {
            let fault = parse(&format!("[wall]\n{key} = \"off\"\nrequired = true\n")).unwrap_err();
            assert!(fault.contains("wall.required") && fault.contains(&format!("wall.{key}")), "{fault}");
            parse(&format!("[wall]\n{key} = \"off\"\n")).unwrap();
        }
    }

    #[test]
    fn an_unknown_key_is_named() {
        let fault = parse("[gateway]\nprot = 1\n").unwrap_err();
        assert!(fault.contains("prot") && fault.contains("port"), "{fault}");
    }

    #[test]
    fn changing_a_key_keeps_comments_and_other_keys() {
        let text = changed(TEMPLATE, "gateway.port", "4000").unwrap();
        assert!(text.contains("port = 4000\n") && text.contains("# provider/model"), "{text}");
        let text = changed(&text, "settings.\"skynet/provider-openai\".base_url", "http://127.0.0.1:1/v1").unwrap();
        assert!(text.contains("[settings.\"skynet/provider-openai\"]\nbase_url = \"http://127.0.0.1:1/v1\""), "{text}");
        assert_eq!(changed(&text, "gateway.port", "4000").unwrap(), text);
    }

    #[test]
    fn a_bad_value_or_key_changes_nothing() {
        for (key, value) in
            [("gateway.port", "nonsense"), ("gateway.prot", "1"), ("plugins.scan_interval_ms", "0"), ("gateway.port.x", "1"), ("", "1")]
        {
            assert!(changed(TEMPLATE, key, value).is_err(), "{key} = {value}");
        }
    }
}
