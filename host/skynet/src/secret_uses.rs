//! Which plugin would send or see which secret, by the grants now in force.
//!
//! Read from the database, so that it can be told while no host runs. Decides nothing:
//! whether a request goes out is the door's word, at that time.

use skynet_core::PluginId;
use skynet_core::config::Config;
use skynet_core::ports::{PluginStore, StoredGrant};
use skynet_policy::egress::Destination;
use skynet_policy::grant::resolve_settings;
use skynet_policy::permission::{NetTarget, Permissions, SecretRule};
use skynet_policy::secret;
use skynet_store::Store;

/// One use of one secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Use {
    pub(crate) secret: String,
    pub(crate) plugin: PluginId,
    /// Where it is put; absent when the plugin may see it.
    pub(crate) header: Option<String>,
    /// The server that it goes to; absent when a setting that names it is not set.
    pub(crate) server: Option<String>,
    /// That setting.
    pub(crate) setting: Option<String>,
}

impl Use {
    /// Whether the plugin itself may see it.
    pub(crate) fn reveals(&self) -> bool {
        self.header.is_none()
    }

    /// Whether it would be sent anywhere, or seen.
    pub(crate) fn counts(&self) -> bool {
        self.reveals() || self.server.is_some()
    }

    /// In words.
    pub(crate) fn words(&self) -> String {
        match (&self.header, &self.server, &self.setting) {
            (None, ..) => format!("{} may see it", self.plugin),
            (Some(header), Some(server), _) => format!("{} has it put into `{header}` of its requests to {server}", self.plugin),
            (Some(_), None, setting) => {
                format!("{} would use it, but its setting `{}` names no server", self.plugin, setting.as_deref().unwrap_or_default())
            }
        }
    }

    /// Whether a secret with these servers goes there.
    pub(crate) fn is_allowed(&self, servers: &[String]) -> bool {
        if self.reveals() {
            return servers.is_empty();
        }
        let destination = self.server.as_deref().and_then(|server| {
            let (scheme, rest) = server.split_once("://")?;
            let end = rest.rfind(']').map_or(0, |end| end + 1);
            let (host, port) = match rest.get(end..)?.rsplit_once(':') {
                Some((before, port)) => (rest.get(..end + before.len())?, port.parse().ok()),
                None => (rest, None),
            };
            Destination::from_parts(scheme, host, port).ok()
        });
        destination.is_none_or(|destination| secret::may_go(servers, &destination))
    }
}

/// All uses, by secret and plugin.
pub(crate) async fn all(store: &Store, config: &Config) -> anyhow::Result<Vec<Use>> {
    let grants = store.grants().await?;
    let mut uses: Vec<Use> = grants.iter().flat_map(|grant| of(grant, config)).collect();
    uses.sort_by(|one, other| (&one.secret, &one.plugin, &one.server).cmp(&(&other.secret, &other.plugin, &other.server)));
    Ok(uses)
}

fn of(grant: &StoredGrant, config: &Config) -> Vec<Use> {
    // A grant that is not understood allows nothing.
    let permissions: Permissions = serde_json::from_value(grant.permissions.clone()).unwrap_or_default();
    let settings = config.settings.get(&grant.plugin).cloned().unwrap_or_default();
    let of_rule = |rule: &SecretRule| {
        let alone = Permissions { secrets: vec![rule.clone()], ..Permissions::default() };
        let resolved = resolve_settings(&alone, &settings).secrets.pop();
        let setting = if let NetTarget::Setting(key) = &rule.target { Some(key.clone()) } else { None };
        Use {
            secret: rule.name.clone(),
            plugin: grant.plugin.clone(),
            header: Some(rule.header.clone()),
            server: resolved.map(|rule| rule.server()),
            setting,
        }
    };
    let seen = |name: &String| Use { secret: name.clone(), plugin: grant.plugin.clone(), header: None, server: None, setting: None };
    permissions.secrets.iter().map(of_rule).chain(permissions.reveal.iter().map(seen)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(servers: &[&str], url: &str, base_url: &str, words: &str, allowed: bool) {
        let id = PluginId::new("acme/x").unwrap();
        let permissions = json!({ "secrets": [{ "name": "k", "header": "x-key", "format": "{}", "url": url }] });
        let grant = StoredGrant {
            plugin: id.clone(),
            publisher: String::new(),
            request: String::new(),
            permissions,
            by: String::new(),
            at_ms: 0,
            expires_ms: None,
            kinds: Vec::new(),
        };
        let mut config = Config::default();
        config.settings.insert(id, json!({ "base_url": base_url }).as_object().unwrap().clone());
        let uses = of(&grant, &config);
        let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
        assert_eq!((uses[0].words().as_str(), uses[0].is_allowed(&servers)), (words, allowed));
    }

    #[test]
    fn a_use_says_where_a_secret_goes_and_whether_it_may() {
        let there = "acme/x has it put into `x-key` of its requests to https://a.example:8443";
        check(&[], "https://a.example:8443", "", there, true);
        check(&["https://a.example:8443"], "setting:base_url", "https://a.example:8443/v1", there, true);
        check(&["https://a.example"], "https://a.example:8443", "", there, false);
        check(
            &["http://[::1]:90"],
            "setting:base_url",
            "http://[::1]:90",
            "acme/x has it put into `x-key` of its requests to http://[::1]:90",
            true,
        );
        check(&[], "setting:base_url", "", "acme/x would use it, but its setting `base_url` names no server", true);
    }
}
