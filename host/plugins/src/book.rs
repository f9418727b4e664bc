//! What the host knows about each file and each plugin, between scans.

use crate::admit::Signed;
use crate::ceiling;
use crate::folder_plugin::{FolderPlugin, publisher_of};
use crate::generation::Generation;
use crate::inbox::Inbox;
use crate::trees::PREFIX;
use crate::validity::Validity;
use skynet_core::PluginId;
use skynet_core::plugin::{PluginKind, PluginState, PluginStatus, Receipt};
use skynet_policy::naming;
use skynet_policy::permission::Permissions;
use skynet_policy::release::Release;
use skynet_policy::trust::Tier;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

/// What became of a file.
#[derive(Debug, Clone)]
pub(crate) enum FileState {
    /// It holds this plugin.
    Plugin(PluginId),
    /// It was refused.
    Refused(String),
}

/// A release that waits for the owner.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) version: semver::Version,
    pub(crate) publisher: String,
    pub(crate) request: Permissions,
    pub(crate) asks: Vec<String>,
    /// From its exports; empty where nobody looked.
    pub(crate) kinds: Vec<PluginKind>,
    /// SHA-256 of its `release.json`.
    pub(crate) release: String,
}

/// What a grant is for, read at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) request: Permissions,
    pub(crate) publisher: String,
    /// From its exports; empty where nobody looked.
    pub(crate) kinds: Vec<PluginKind>,
    /// SHA-256 of its `release.json`; empty when it is not known.
    pub(crate) release: String,
}

/// One plugin.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    /// The file that it came from last.
    pub(crate) file: String,
    /// What serves.
    pub(crate) serving: Option<Arc<Generation>>,
    /// Grants of generations that served before, which turns and calls may still hold.
    pub(crate) former: Vec<Weak<Validity>>,
    /// What it asks for and who signed it, of the release that serves.
    pub(crate) request: Permissions,
    pub(crate) publisher: String,
    /// SHA-256 of that release's `release.json`.
    pub(crate) release: String,
    /// What would serve if the owner agreed.
    pub(crate) waiting: Option<Waiting>,
    /// A release that its owner said no to, as long as its file is there: a grant is for it.
    pub(crate) denied: Option<Waiting>,
    /// Why nothing serves, if that is not for want of a grant.
    pub(crate) stopped: Option<PluginState>,
    /// What the last serving release was, for lists while nothing serves.
    pub(crate) kinds: Vec<PluginKind>,
    pub(crate) summary: String,
    pub(crate) trust: String,
    /// What was said of the release that serves, if its owner should know.
    pub(crate) warning: Option<String>,
    /// It served up to the end of its grant's time.
    pub(crate) lapsed: bool,
    /// Why a provider that serves has no model, or no new list of them.
    pub(crate) note: Option<String>,
    /// Of a script plugin: of the release that waits, else of the one that serves.
    pub(crate) folder: Option<Arc<FolderPlugin>>,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) inbox: Inbox,
    pub(crate) files: BTreeMap<String, FileState>,
    pub(crate) plugins: BTreeMap<PluginId, Entry>,
    pub(crate) switched_off: BTreeSet<PluginId>,
    pub(crate) revision: u64,
}

impl Book {
    /// What serves now.
    pub(crate) fn serving(&self) -> BTreeMap<PluginId, Arc<Generation>> {
        let serving = self.plugins.iter().filter_map(|(id, entry)| Some((id.clone(), Arc::clone(entry.serving.as_ref()?))));
        serving.collect()
    }

    /// What presents script plugins: the one that came with the host before others, none that a registry sent.
    pub(crate) fn bridge(&self) -> Option<Arc<Generation>> {
        let serving = self.plugins.values().filter_map(|entry| entry.serving.as_ref());
        let bridges = serving.filter(|generation| generation.is_bridge());
        bridges.min_by_key(|generation| generation.receipt.trust != Tier::Builtin.as_str()).cloned()
    }

    /// Whether the code that a receipt names may run now: that of a script plugin is the bridge that serves, and no other.
    pub(crate) fn has_code(&self, receipt: &Receipt) -> bool {
        let serves = || self.bridge().is_some_and(|bridge| bridge.receipt.component == receipt.component);
        !receipt.source.starts_with(PREFIX) || serves()
    }

    /// Has all folders of script plugins read again.
    pub(crate) fn forget_folders(&mut self) {
        let folders: Vec<String> = self.files.keys().filter(|file| file.starts_with(PREFIX)).cloned().collect();
        folders.iter().for_each(|folder| self.inbox.forget(folder));
    }

    /// Files that hold this plugin.
    pub(crate) fn files_of(&self, id: &PluginId) -> Vec<String> {
        let holds = |state: &FileState| matches!(state, FileState::Plugin(held) if held == id);
        self.files.iter().filter(|(_, state)| holds(state)).map(|(file, _)| file.clone()).collect()
    }

    /// Lines of `plugin list`: plugins by id, then refused files by name.
    pub(crate) fn statuses(&self) -> Vec<PluginStatus> {
        let plugins = self.plugins.iter().map(|(id, entry)| entry.status(id));
        let refused = self.files.iter().filter_map(|(file, state)| match state {
            FileState::Refused(reason) => Some(PluginStatus {
                name: naming::plain_line(file, 120),
                serving: None,
                state: PluginState::Refused { reason: reason.clone() },
                kinds: Vec::new(),
                summary: String::new(),
                tools: Vec::new(),
                trust: String::new(),
                note: None,
                waiting: None,
            }),
            FileState::Plugin(_) => None,
        });
        plugins.chain(refused).collect()
    }
}

impl Entry {
    /// What a grant would be for: a release that waits, else one that was denied, else
    /// the one that serves.
    pub(crate) fn to_grant(&self) -> Subject {
        let own = || Subject {
            request: self.request.clone(),
            publisher: self.publisher.clone(),
            kinds: self.kinds.clone(),
            release: self.release.clone(),
        };
        let release = self.waiting.as_ref().or(self.denied.as_ref());
        release.map_or_else(own, |release| Subject {
            request: release.request.clone(),
            publisher: release.publisher.clone(),
            kinds: release.kinds.clone(),
            release: release.release.clone(),
        })
    }

    /// Puts another generation, or none, in service; gives the one before.
    pub(crate) fn replace(&mut self, serving: Option<Arc<Generation>>) -> Option<Arc<Generation>> {
        let before = std::mem::replace(&mut self.serving, serving);
        self.former.retain(|validity| validity.strong_count() > 0);
        self.former.extend(before.iter().map(|before| Arc::downgrade(&before.terms.validity)));
        before
    }

    /// Ends what any generation of this plugin was granted, in calls that run and in turns
    /// that hold an old one.
    pub(crate) fn end_grants(&mut self) {
        self.serving.iter().for_each(|serving| serving.terms.validity.end());
        self.former.drain(..).filter_map(|validity| validity.upgrade()).for_each(|validity| validity.end());
    }

    fn state(&self) -> PluginState {
        match (&self.stopped, &self.waiting, &self.serving) {
            (Some(stopped), _, _) => stopped.clone(),
            (None, Some(waiting), _) => PluginState::Pending { asks: waiting.asks.clone() },
            (None, None, Some(_)) => PluginState::Serving,
            (None, None, None) => PluginState::Disabled { reason: "its file is gone from the plugins folder".into() },
        }
    }

    /// Its line.
    pub(crate) fn status(&self, id: &PluginId) -> PluginStatus {
        let tools = self.serving.iter().flat_map(|generation| &generation.receipt.tools);
        PluginStatus {
            name: id.to_string(),
            serving: self.serving.as_ref().map(|generation| generation.plugin().clone()),
            state: self.state(),
            kinds: self.kinds.clone(),
            summary: self.summary.clone(),
            tools: tools.map(|tool| naming::exposed_name(id, &tool.name)).collect(),
            trust: self.trust.clone(),
            note: self.notes(id),
            waiting: self.waiting.as_ref().filter(|_| self.serving.is_some()).map(|waiting| waiting.version.to_string()),
        }
    }

    fn notes(&self, id: &PluginId) -> Option<String> {
        let Some(serving) = &self.serving else {
            return self.lapsed.then(|| format!("the time of its grant is over; see: skynet plugin why-denied {id}"));
        };
        let notes: Vec<String> =
            ceiling::cut(&serving.terms.withheld).into_iter().chain(self.warning.clone()).chain(self.note.clone()).collect();
        (!notes.is_empty()).then(|| notes.join("; "))
    }
}

impl Entry {
    /// This generation serves from now on.
    pub(crate) fn take(&mut self, generation: Generation, file: &str) {
        let release = Release::parse(generation.receipt.release_json.as_bytes());
        let publisher = release.as_ref().map(|release| publisher_of(&generation.receipt, release));
        self.publisher = publisher.unwrap_or_default();
        self.request = release.map(|release| release.permissions).unwrap_or_default();
        self.release = generation.receipt.release.clone();
        self.folder = generation.terms.folder.clone();
        self.kinds = generation.receipt.kinds.clone();
        self.summary = generation.receipt.summary.clone();
        self.trust = generation.receipt.trust.clone();
        self.file = file.to_owned();
        self.waiting = None;
        self.denied = None;
        self.stopped = None;
        self.note = None;
        self.warning = None;
        self.lapsed = false;
        self.replace(Some(Arc::new(generation)));
    }

    pub(crate) fn describe(&mut self, signed: &Signed, kinds: &[PluginKind]) {
        self.summary = naming::plain_line(&signed.release.summary, 300);
        self.trust = signed.trust();
        if !kinds.is_empty() {
            self.kinds = kinds.to_vec();
        }
        if self.serving.is_none() {
            // What an owner would be granting to.
            self.request = signed.release.permissions.clone();
            self.publisher = signed.publisher();
            self.release = signed.release_digest.clone();
        }
    }
}
