//! What an approved release is granted, made of what was granted before.
//!
//! What the owner kept back from the installed release stays kept back, and an end stays
//! an end: a grant that was revoked or has expired comes back by `plugin grant` alone.
//! Another publisher inherits nothing. A request that is the same as before changes no
//! grant at all.

use skynet_core::PluginId;
use skynet_core::ports::StoredGrant;
use skynet_policy::grant::beyond;
use skynet_policy::permission::Permissions;

/// What was approved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Approved<'a> {
    /// Which plugin.
    pub(crate) id: &'a PluginId,
    /// The key that the host will see it signed by.
    pub(crate) publisher: &'a str,
    /// All that the release asks for.
    pub(crate) request: &'a Permissions,
    /// What the installed release asks for, if one is.
    pub(crate) before: Option<&'a Permissions>,
    /// The grant in force.
    pub(crate) stored: Option<&'a StoredGrant>,
    /// The installed plugin's last grant, where none is in force.
    pub(crate) ended: Option<&'a StoredGrant>,
    /// Whether its publisher is the one that the grant was for, by an unbroken chain of keys.
    pub(crate) same_publisher: bool,
}

impl Approved<'_> {
    /// What the owner kept back from the installed release.
    pub(crate) fn withheld(&self) -> Permissions {
        match (self.granted(), self.before) {
            (Some(granted), Some(before)) if self.same_publisher => beyond(before, &granted),
            _ => Permissions::default(),
        }
    }

    fn granted(&self) -> Option<Permissions> {
        serde_json::from_value(self.stored.or(self.ended)?.permissions.clone()).ok()
    }

    /// The grant to store; `None` when the one in force is right, or none is needed.
    pub(crate) fn grant(&self, by: &str, at_ms: u64) -> Option<StoredGrant> {
        let request = self.request.digest();
        let same = |stored: &&StoredGrant| stored.publisher == self.publisher && stored.request == request;
        if self.request.is_empty() || self.ended.is_some() || self.stored.as_ref().is_some_and(same) {
            return None;
        }
        let withheld = self.withheld();
        let mut permissions = if withheld.is_empty() { self.request.clone() } else { beyond(self.request, &withheld) };
        if self.same_publisher
            && let Some(granted) = self.granted()
        {
            // That a server may be on the private network was the owner's to add, and stays.
            for rule in &mut permissions.net {
                let known = |old: &&skynet_policy::permission::NetRule| {
                    old.target == rule.target && old.scheme == rule.scheme && old.port == rule.port
                };
                rule.private = granted.net.iter().find(known).is_some_and(|old| old.private);
            }
        }
        Some(StoredGrant {
            plugin: self.id.clone(),
            publisher: self.publisher.to_owned(),
            request,
            permissions: serde_json::to_value(permissions.normalized()).ok()?,
            by: by.to_owned(),
            at_ms,
            expires_ms: self.stored.filter(|_| self.same_publisher).and_then(|stored| stored.expires_ms),
            // More than that is asked for once its file was looked into.
            kinds: self.stored.filter(|_| self.same_publisher).map(|stored| stored.kinds.clone()).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skynet_policy::permission::NetRule;

    fn net(rules: &[&str]) -> Permissions {
        Permissions { net: rules.iter().map(|rule| NetRule::parse(rule).unwrap()).collect(), ..Permissions::default() }
    }

    fn stored(publisher: &str, request: &Permissions, granted: &Permissions) -> StoredGrant {
        StoredGrant {
            plugin: PluginId::new("acme/x").unwrap(),
            publisher: publisher.into(),
            request: request.digest(),
            permissions: serde_json::to_value(granted).unwrap(),
            by: "me".into(),
            at_ms: 1,
            expires_ms: Some(9),
            kinds: Vec::new(),
        }
    }

    fn grant(
        request: &Permissions,
        before: Option<&Permissions>,
        stored: Option<&StoredGrant>,
        same_publisher: bool,
    ) -> Option<StoredGrant> {
        let id = PluginId::new("acme/x").unwrap();
        Approved { id: &id, publisher: "k1", request, before, stored, ended: None, same_publisher }.grant("me", 2)
    }

    fn allows(grant: &StoredGrant) -> Permissions {
        serde_json::from_value(grant.permissions.clone()).unwrap()
    }

    #[test]
    fn a_new_plugin_is_granted_what_was_shown_and_one_that_asks_for_nothing_nothing() {
        let asks = net(&["https://a.example"]);
        let new = grant(&asks, None, None, false).unwrap();
        assert_eq!((allows(&new), new.request.as_str(), new.publisher.as_str()), (asks.clone(), asks.digest().as_str(), "k1"));
        assert_eq!(grant(&Permissions::default(), None, None, false), None);
    }

    #[test]
    fn what_the_owner_kept_back_stays_back_and_an_end_stays_an_end() {
        let before = net(&["https://a.example", "https://b.example"]);
        let mut narrow = net(&["https://a.example"]);
        narrow.net[0].private = true;
        let old = stored("k1", &before, &narrow);
        assert_eq!(grant(&before, Some(&before), Some(&old), true), None, "the same request changes nothing");
        let more = net(&["https://a.example", "https://b.example", "https://c.example"]);
        let new = grant(&more, Some(&before), Some(&old), true).unwrap();
        let mut kept = net(&["https://a.example", "https://c.example"]);
        kept.net[0].private = true;
        assert_eq!((allows(&new), new.expires_ms), (kept, Some(9)));
    }

    #[test]
    fn a_grant_that_ended_is_not_revived_and_what_was_kept_back_is_still_known() {
        let before = net(&["https://a.example", "https://b.example"]);
        let more = net(&["https://a.example", "https://b.example", "https://c.example"]);
        let old = stored("k1", &before, &net(&["https://a.example"]));
        let id = PluginId::new("acme/x").unwrap();
        for request in [&before, &more] {
            let update = Approved {
                id: &id,
                publisher: "k1",
                request,
                before: Some(&before),
                stored: None,
                ended: Some(&old),
                same_publisher: true,
            };
            assert_eq!((update.grant("me", 2), update.withheld()), (None, net(&["https://b.example"])));
        }
    }

    #[test]
    fn another_publisher_inherits_nothing() {
        let asks = net(&["https://a.example"]);
        let mut private = asks.clone();
        private.net[0].private = true;
        let new = grant(&asks, Some(&asks), Some(&stored("other", &asks, &private)), false).unwrap();
        assert_eq!((allows(&new), new.expires_ms, new.publisher.as_str()), (asks, None, "k1"));
    }
}
