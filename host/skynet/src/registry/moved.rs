//! Plugins from OCI whose tag names something newer than what is installed.
//!
//! A tag is the server's word, so it only says that there is something to look at: what it
//! names is pulled, verified and shown like any other. One that was installed by its digest
//! alone has no tag, and nothing is looked for.

use super::oci;
use super::pulled::Pull;
use crate::args::registry::keeper::OciAccount;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::keys;
use crate::registry::bar::Bar;
use anyhow::{Context, Result};
use skynet_core::PluginId;
use skynet_registry_client::Home as Registries;
use skynet_registry_client::home::HomeLock;
use skynet_registry_client::lock::Locked;
use skynet_registry_client::oci::Reference;
use skynet_registry_client::plan::Plan;
use skynet_review::Policy;
use skynet_store::Store;

/// What was found.
#[derive(Default)]
pub(crate) struct Moved {
    pub(crate) pulls: Vec<Pull>,
    /// Tags that name something older, and the like: said, and nothing is done.
    pub(crate) warnings: Vec<String>,
    pub(crate) faults: Vec<anyhow::Error>,
    /// Tags that were asked and answered.
    pub(crate) answered: usize,
}

/// Whether any of these plugins has a tag to ask for.
pub(crate) fn has_any(held: &Registries) -> Result<bool> {
    Ok(held.read_lock().map_err(super::failed)?.plugins.iter().any(|plugin| plugin.oci.is_some()))
}

/// Asks the tags of these plugins, or of all that are not pinned.
pub(crate) async fn look(
    home: &Home,
    (held, lock): (&Registries, &HomeLock),
    store: &Store,
    (named, account): (&[PluginId], &OciAccount),
    policy: &Policy,
) -> Result<Moved> {
    let installed = held.read_lock().map_err(super::failed)?;
    let mut moved = Moved::default();
    for locked in Plan::due(&installed, named).into_iter().filter(|locked| locked.oci.is_some()) {
        match ask(home, (held, lock), store, (locked, account), policy).await {
            Ok(Asked::Newer(pull)) => moved.pulls.push(*pull),
            Ok(Asked::Odd(why)) => moved.warnings.push(format!("{}: {why}", locked.id)),
            Ok(Asked::Same) => {}
            Err(error) => {
                moved.faults.push(error);
                continue;
            }
        }
        moved.answered += 1;
    }
    Ok(moved)
}

enum Asked {
    Same,
    Newer(Box<Pull>),
    Odd(String),
}

async fn ask(
    home: &Home,
    (held, lock): (&Registries, &HomeLock),
    store: &Store,
    (locked, account): (&Locked, &OciAccount),
    policy: &Policy,
) -> Result<Asked> {
    let reference = Reference::parse(locked.oci.as_deref().unwrap_or_default()).map_err(super::failed)?;
    let Some(tag) = reference.tag() else { return Ok(Asked::Same) };
    let repository = oci::repository(&reference.floating().to_string(), account)?;
    let found = repository.resolve().await.map_err(super::failed)?;
    if reference.digest() == Some(found.manifest.as_str()) {
        return Ok(Asked::Same);
    }
    let trust = keys::load_trust(home)?;
    let pulled = held.pull(lock, &repository, &found, &trust, &Bar::default()).await.map_err(super::failed)?;
    let release = &pulled.release;
    if release.id != locked.id {
        let why =
            format!("{} named {} and names {} now; nothing was changed. Tell its publisher", reference.floating(), locked.id, release.id);
        return Err(fail(Kind::Refused, why));
    }
    if pulled.digest == locked.release {
        return Ok(Asked::Same);
    }
    if release.version == locked.version {
        let why =
            format!("{} has another release of version {} now; a release never changes. Nothing was changed", locked.id, release.version);
        return Err(fail(Kind::Refused, format!("{why}; ask its publisher")));
    }
    if release.version < locked.version {
        let how = format!("go back with: skynet plugin install {}", reference.floating());
        return Ok(Asked::Odd(format!("the tag {tag} names {}, which is older than {}; {how}", release.version, locked.version)));
    }
    let pull = Pull::of(home, held, store, (found.reference.to_string(), pulled), policy).await;
    Ok(Asked::Newer(Box::new(pull.with_context(|| locked.id.to_string())?)))
}
