//! A plugin's secrets in a host of its own: the author's for a recording, and words that stand for
//! them when it is played back.
//!
//! What is given goes to the servers that the manifest names, for as long as the recording runs,
//! and is kept nowhere. Refuses a value that is too short to be found in what servers answer: it
//! could not be kept out of the recording.

use crate::exit::{Kind, fail};
use crate::output::Out;
use crate::prompt::hidden;
use anyhow::{Context as _, Result};
use async_trait::async_trait;
use skynet_core::PluginId;
use skynet_core::secret::{OpenSecret, SecretFault, SecretValue, Secrets};
use skynet_policy::limits::{SCRUB_BYTES, SECRET_BYTES};
use skynet_policy::permission::Permissions;
use skynet_policy::scrub::Known;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use zeroize::Zeroizing;

/// Values by the names that the manifest has for them.
pub(super) struct StageSecrets(BTreeMap<String, SecretValue>);

impl StageSecrets {
    /// Each secret is there, and is what stands in its place in a recording.
    pub(super) fn placeholders(asks: &Permissions) -> Self {
        Self(names(asks).into_iter().map(|name| (name.to_owned(), SecretValue::new(format!("[secret {name}]")))).collect())
    }

    /// Those that `--secret NAME=FILE` names; the others are asked for, where `ask` and a person is there.
    pub(super) fn given(asks: &Permissions, named: &[String], ask: bool, out: &Out) -> Result<Self> {
        let names = names(asks);
        let mut values = BTreeMap::new();
        for given in named {
            let (name, file) = given.split_once('=').with_context(|| format!("--secret takes NAME=FILE, not `{given}`"))?;
            if !names.contains(name) {
                return Err(fail(Kind::Refused, format!("plugin.toml asks for no secret `{name}`")));
            }
            values.insert(name.to_owned(), checked(name, read(Path::new(file))?)?);
        }
        if ask && !out.json && std::io::stdin().is_terminal() {
            for name in names.into_iter().filter(|name| !values.contains_key(*name)).collect::<Vec<_>>() {
                let typed = hidden(&format!("secret {name}, for this recording alone (Enter: there is none): "))?;
                if !typed.is_empty() {
                    values.insert(name.to_owned(), checked(name, typed)?);
                }
            }
        }
        Ok(Self(values))
    }

    /// The names that nobody gave a value for.
    pub(super) fn missing<'a>(&self, asks: &'a Permissions) -> Vec<&'a str> {
        names(asks).into_iter().filter(|name| !self.0.contains_key(*name)).collect()
    }

    /// What is to be taken out of all that is said and written.
    pub(super) fn known(&self) -> Known {
        let known = Known::default();
        known.learn(self.0.iter().map(|(name, value)| (name.as_str(), value.expose())));
        known
    }
}

#[async_trait]
impl Secrets for StageSecrets {
    async fn open(&self, _: &PluginId, name: &str) -> Result<OpenSecret, SecretFault> {
        let value = self.0.get(name).cloned().ok_or(SecretFault::NotSet)?;
        // To the servers that the manifest names, which was agreed to.
        Ok(OpenSecret { value, version: 1, servers: Vec::new() })
    }
}

fn names(asks: &Permissions) -> BTreeSet<&str> {
    asks.secrets.iter().map(|rule| rule.name.as_str()).chain(asks.reveal.iter().map(String::as_str)).collect()
}

fn read(path: &Path) -> Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(SECRET_BYTES + 2));
    let file = std::fs::File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    // A line's end more than is taken, so that too much is seen and not cut off.
    file.take(SECRET_BYTES as u64 + 3).read_to_string(&mut text).with_context(|| format!("{} is no text", path.display()))?;
    let kept = text.strip_suffix('\n').map_or(text.len(), |rest| rest.strip_suffix('\r').unwrap_or(rest).len());
    text.truncate(kept);
    Ok(text)
}

fn checked(name: &str, mut value: Zeroizing<String>) -> Result<SecretValue> {
    if value.len() < SCRUB_BYTES || value.len() > SECRET_BYTES {
        let why = "a shorter one could not be told from other text in a recording, and a longer one is none";
        return Err(fail(Kind::Refused, format!("the secret `{name}` must have {SCRUB_BYTES} to {SECRET_BYTES} bytes: {why}")));
    }
    Ok(SecretValue::new(std::mem::take(&mut *value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Color;
    use serde_json::json;

    fn asks() -> Permissions {
        let rule = json!({ "name": "key", "header": "authorization", "format": "Bearer {}", "url": "https://a.net" });
        serde_json::from_value(json!({ "net": [{ "url": "https://a.net" }], "secrets": [rule], "reveal": ["seed"] })).unwrap()
    }

    fn given(value: &str, named: &str) -> Result<StageSecrets> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("value");
        std::fs::write(&file, value).unwrap();
        StageSecrets::given(&asks(), &[named.replace("FILE", file.to_str().unwrap())], false, &Out::new(true, Color::Never))
    }

    #[tokio::test]
    async fn a_secret_is_given_by_a_file_and_what_nobody_gave_is_not_set() {
        let secrets = given("a long value\r\n", "key=FILE").unwrap();
        let id = PluginId::new("local/x").unwrap();
        assert_eq!(secrets.open(&id, "key").await.unwrap().value.expose(), "a long value");
        assert!(matches!(secrets.open(&id, "seed").await, Err(SecretFault::NotSet)));
        assert_eq!(secrets.missing(&asks()), ["seed"]);
        assert_eq!(secrets.known().now().text("= a long value ="), "= [secret key] =");
    }

    #[test]
    fn a_value_that_could_not_be_found_again_and_a_name_that_is_none_are_refused() {
        for (value, named, why) in [
            ("tiny-1!", "key=FILE", "must have 8 to"),
            ("a long value", "kee=FILE", "no secret `kee`"),
            ("a long value", "key", "NAME=FILE"),
            ("a long value", "key=/none/such", "cannot be read"),
        ] {
            let refused = given(value, named).err().map(|error| format!("{error:#}")).unwrap_or_default();
            assert!(refused.contains(why) && !refused.contains(value), "{refused}");
        }
    }

    #[tokio::test]
    async fn played_back_each_secret_is_there_and_is_what_a_recording_has_in_its_place() {
        let secrets = StageSecrets::placeholders(&asks());
        let id = PluginId::new("local/x").unwrap();
        for name in ["key", "seed"] {
            let stands = secrets.open(&id, name).await.unwrap().value;
            assert_eq!(secrets.known().now().text(stands.expose()), format!("[secret {name}]"));
        }
        assert!(secrets.open(&id, "other").await.is_err() && secrets.missing(&asks()).is_empty());
    }
}
