//! Publishers' records: who may sign for a namespace in this registry.
//!
//! A first record, or one that continues the chain of the one that is there. Refuses a
//! record that drops or rewrites a statement, unless the keeper says that the old keys
//! are lost: clients that knew them will ask their owners.

use super::change::Change;
use super::keys::Keys;
use super::repository::Author;
use crate::error::RegistryError;
use jiff::Timestamp;
use skynet_core::PluginId;
use skynet_policy::registry::advisories::{Advisories, Advisory, AdvisoryKind};
use skynet_policy::registry::publisher::{Publisher, PublisherRecord};
use skynet_policy::registry::similar::similar;
use skynet_policy::registry::target::Target;
use skynet_policy::signature::KeyId;

impl Author {
    /// Lists a record. `anew`: take it although it does not continue the old one, or
    /// although its namespace looks like another.
    pub async fn put_publisher(&mut self, record: &PublisherRecord, anew: bool, keys: &Keys, now: Timestamp) -> Result<(), RegistryError> {
        let publisher = self.check_record(record, anew)?;
        if self.publisher(&record.namespace)?.is_some_and(|old| old == *record) {
            return Ok(());
        }
        let mut change = Change::default();
        change.document(&Target::Publisher(record.namespace.clone()), record.to_bytes());
        if let Some(advisories) = self.after_withdrawal(&publisher, now)? {
            change.document(&Target::Advisories, advisories.to_bytes());
        }
        self.commit(change, keys, now).await
    }

    /// Whether a record could be listed, and what it says; changes nothing.
    pub fn check_record(&self, record: &PublisherRecord, anew: bool) -> Result<Publisher, RegistryError> {
        let what = format!("the record of namespace {}", record.namespace);
        let record = PublisherRecord::parse(&record.to_bytes())?;
        let publisher = record.verify()?;
        match self.publisher(&record.namespace)? {
            Some(old) if !record.statements.starts_with(&old.statements) && !anew => Err(RegistryError::refused(
                what,
                "it does not continue the record that is listed",
                "Let the publisher sign the change with the old key. If that key is lost, say so with --anew; every client will ask its owner",
            )),
            None if !anew => self.check_namespace(&what, &record.namespace).map(|()| publisher),
            _ => Ok(publisher),
        }
    }

    /// Machines without a network look at advisories alone, so a withdrawn key becomes one.
    fn after_withdrawal(&self, publisher: &Publisher, now: Timestamp) -> Result<Option<Advisories>, RegistryError> {
        let mut all = self.advisories()?;
        let known = |keyid: &KeyId| all.advisories.iter().any(|said| said.key.as_ref() == Some(keyid));
        let new: Vec<Advisory> = publisher.withdrawn().iter().filter(|keyid| !known(keyid)).map(|keyid| withdrawal(keyid, now)).collect();
        if new.is_empty() {
            return Ok(None);
        }
        all.advisories.extend(new);
        all.serial = all.serial.saturating_add(1);
        Ok(Some(Advisories::parse(&all.to_bytes())?))
    }

    fn check_namespace(&self, what: &str, namespace: &str) -> Result<(), RegistryError> {
        // Compared by a name that no two have in common, so that only the namespaces count.
        let of = |namespace: &str| PluginId::new(&format!("{namespace}/namespace")).ok();
        let known: Vec<PluginId> =
            self.listed().filter_map(|target| if let Target::Publisher(name) = target { of(&name) } else { None }).collect();
        let new = of(namespace).ok_or_else(|| RegistryError::refused(what, "it is no namespace", "Use a-z, 0-9 and single hyphens"))?;
        match similar(&new, &known) {
            None => Ok(()),
            Some((old, why)) => Err(RegistryError::refused(
                what,
                format!("it is like {}: {why}", old.namespace()),
                "Choose another name, or allow it with --anew if both are honest",
            )),
        }
    }
}

fn withdrawal(keyid: &KeyId, now: Timestamp) -> Advisory {
    Advisory {
        id: format!("key-{keyid}"),
        kind: AdvisoryKind::Revoked,
        plugin: None,
        release: None,
        key: Some(keyid.clone()),
        reason: "its publisher withdrew the key that signed it".into(),
        created: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    }
}
