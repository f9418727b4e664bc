//! The shells of a host, by who they belong to.
//!
//! A shell is found by its owner and its name, so who is not the owner cannot name it. Owns the bounds on
//! their number. Starting one holds up only who asks for that same one.

use super::shell::{Shell, ShellError, ShellSpec};
use crate::limits::{SHELLS, SHELLS_OF_ONE};
use crate::sandbox::Launcher;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OnceCell;

/// Whose shell, and which of theirs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Such as a plugin, or the gateway.
    pub owner: String,
    /// Such as a user and a session.
    pub name: String,
}

type Slot = Arc<OnceCell<Arc<Shell>>>;

/// All of them. Dropping this ends each.
#[derive(Default)]
pub struct Shells {
    slots: Mutex<BTreeMap<Key, Slot>>,
    makes_room: bool,
}

/// Ends the shell that nobody used for longest, if one of them rests: of this owner's, if it has as many as it may,
/// else of everybody's, if there are as many as there may be.
fn make_room(slots: &mut BTreeMap<Key, Slot>, owner: &str) {
    let own = slots.keys().filter(|key| key.owner == owner).count();
    if own < SHELLS_OF_ONE && slots.len() < SHELLS {
        return;
    }
    let may_go = |key: &Key| own < SHELLS_OF_ONE || key.owner == owner;
    let idle = slots.iter().filter(|(key, _)| may_go(key)).filter_map(|(key, slot)| Some((slot.get()?.idle()?, key.clone())));
    if let Some((_, key)) = idle.max_by_key(|(idle, _)| *idle) {
        slots.remove(&key);
    }
}

impl Shells {
    /// A place where the shell that rested for longest gives way to a new one: for owners who cannot see their
    /// shells.
    pub fn that_make_room() -> Self {
        Self { makes_room: true, ..Self::default() }
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<Key, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that lives, if any.
    pub fn find(&self, key: &Key) -> Option<Arc<Shell>> {
        self.slots().get(key).and_then(|slot| slot.get().cloned())
    }

    /// The one that lives, or a new one. The second value says whether it is new.
    pub async fn obtain(&self, launcher: &Launcher, key: &Key, spec: impl FnOnce() -> ShellSpec) -> Result<(Arc<Shell>, bool), ShellError> {
        let slot = self.slot(key)?;
        let mut is_new = false;
        let started = slot.get_or_try_init(|| {
            is_new = true;
            let spec = spec();
            async move { Shell::start(launcher, spec).await.map(Arc::new) }
        });
        match started.await.cloned() {
            Ok(shell) => Ok((shell, is_new)),
            Err(error) => {
                self.slots().retain(|other, held| other != key || !Arc::ptr_eq(held, &slot));
                Err(error)
            }
        }
    }

    fn slot(&self, key: &Key) -> Result<Slot, ShellError> {
        let mut slots = self.slots();
        // Those that ended, and those whose start was dropped: who still starts one has its slot too.
        slots.retain(|_, slot| slot.get().map_or(Arc::strong_count(slot) > 1, |shell| !shell.is_over()));
        if let Some(slot) = slots.get(key) {
            return Ok(Arc::clone(slot));
        }
        if self.makes_room {
            make_room(&mut slots, &key.owner);
        }
        let of_one = slots.keys().filter(|other| other.owner == key.owner).count();
        if slots.len() >= SHELLS || of_one >= SHELLS_OF_ONE {
            return Err(ShellError::Unfit(format!(
                "{} shells are open already, {of_one} of them of this owner; at most {SHELLS} and {SHELLS_OF_ONE}. Kill one that is no longer needed",
                slots.len()
            )));
        }
        let slot = Slot::default();
        slots.insert(key.clone(), Arc::clone(&slot));
        Ok(slot)
    }

    /// Those of one owner that were started, by name. Those that ended are among them until the next one starts.
    pub fn of(&self, owner: &str) -> Vec<(String, Arc<Shell>)> {
        let slots = self.slots();
        let own = slots.iter().filter(|(key, _)| key.owner == owner);
        own.filter_map(|(key, slot)| Some((key.name.clone(), slot.get()?.clone()))).collect()
    }

    /// Takes one out and kills it; says whether it was there.
    pub async fn kill(&self, key: &Key) -> bool {
        let slot = self.slots().remove(key);
        match slot.and_then(|slot| slot.get().cloned()) {
            Some(shell) => {
                shell.kill().await;
                true
            }
            None => false,
        }
    }
}
