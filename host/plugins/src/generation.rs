//! One admitted release: what it may do, and its code once somebody needs it.
//!
//! Code is loaded at the first call, so that a thousand installed plugins cost
//! nothing until they are used.

use crate::bindings::v0::exports::skynet::plugin as guest;
use crate::folder_plugin::{self, FolderPlugin};
use crate::imports;
use crate::limits;
use crate::store::CallState;
use crate::turnstile::Turnstile;
use crate::validity::Validity;
use skynet_core::PluginRef;
use skynet_core::plugin::{PluginKind, Receipt};
use skynet_policy::permission::Permissions;
use skynet_policy::release::Release;
use skynet_policy::trust::Tier;
use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::OnceCell;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre};

/// Linked code and the places of its exports.
pub(crate) struct Loaded {
    pub(crate) pre: InstancePre<CallState>,
    /// Every plugin has it; what `skynet bench` runs beside them has not.
    pub(crate) lifecycle: Option<guest::lifecycle::GuestIndices>,
    pub(crate) tool: Option<guest::tool::GuestIndices>,
    pub(crate) provider: Option<guest::provider::GuestIndices>,
    pub(crate) channel: Option<guest::channel::GuestIndices>,
    pub(crate) hook: Option<guest::hook::GuestIndices>,
    /// Whether its last call computed for longer than a tick.
    pub(crate) computes: AtomicBool,
}

impl Loaded {
    /// Links a component with what these permissions allow. The error names the
    /// import or export that does not fit.
    pub(crate) fn link(engine: &Engine, component: &Component, kinds: &[PluginKind], permissions: &Permissions) -> Result<Self, String> {
        let say = |error: wasmtime::Error| format!("{error:#}");
        let pre = imports::link(engine, permissions).map_err(say)?.instantiate_pre(component).map_err(say)?;
        let lifecycle = Some(guest::lifecycle::GuestIndices::new(&pre).map_err(say)?);
        let has = |kind: PluginKind| kinds.contains(&kind);
        let tool = has(PluginKind::Tool).then(|| guest::tool::GuestIndices::new(&pre)).transpose().map_err(say)?;
        let provider = has(PluginKind::Provider).then(|| guest::provider::GuestIndices::new(&pre)).transpose().map_err(say)?;
        let channel = has(PluginKind::Channel).then(|| guest::channel::GuestIndices::new(&pre)).transpose().map_err(say)?;
        let hook = has(PluginKind::Hook).then(|| guest::hook::GuestIndices::new(&pre)).transpose().map_err(say)?;
        Ok(Self { pre, lifecycle, tool, provider, channel, hook, computes: AtomicBool::new(false) })
    }

    /// The same for a component that exports no interface of ours, with nothing granted.
    pub(crate) fn unnamed(engine: &Engine, component: &Component) -> Result<Self, String> {
        let say = |error: wasmtime::Error| format!("{error:#}");
        let pre = imports::link(engine, &Permissions::default()).map_err(say)?.instantiate_pre(component).map_err(say)?;
        Ok(Self { pre, lifecycle: None, tool: None, provider: None, channel: None, hook: None, computes: AtomicBool::new(false) })
    }
}

/// What the owner configured for a plugin, and what it may do: replaced as a whole
/// when either changes.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) permissions: Arc<Permissions>,
    /// What was granted and the instance's ceiling keeps back.
    pub(crate) withheld: Arc<Permissions>,
    pub(crate) settings: Arc<serde_json::Map<String, serde_json::Value>>,
    /// Of a script plugin.
    pub(crate) folder: Option<Arc<FolderPlugin>>,
    pub(crate) validity: Arc<Validity>,
}

impl Terms {
    /// Whether a plugin can tell these from others.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        let same = self.permissions == other.permissions && self.withheld == other.withheld && self.settings == other.settings;
        let same = same && self.folder == other.folder;
        same && self.validity.until_ms() == other.validity.until_ms()
    }

    /// Whether something that is allowed here is not allowed there, or not for so long.
    pub(crate) fn allow_more_than(&self, other: &Self) -> bool {
        let end = |terms: &Self| terms.validity.until_ms().unwrap_or(u64::MAX);
        end(self) > end(other) || !skynet_policy::exceeds(&self.permissions, &other.permissions).is_empty()
    }
}

/// One admitted release in service.
pub(crate) struct Generation {
    pub(crate) receipt: Receipt,
    pub(crate) terms: Terms,
    pub(crate) loaded: OnceCell<Arc<Loaded>>,
    /// Shared with the plugin's other generations.
    pub(crate) turnstile: OnceLock<Arc<Turnstile>>,
    faults: Mutex<VecDeque<u64>>,
}

impl std::fmt::Debug for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.receipt.plugin)
    }
}

impl Generation {
    pub(crate) fn new(receipt: Receipt, terms: Terms, loaded: Option<Arc<Loaded>>) -> Self {
        let loaded = loaded.map_or_else(OnceCell::new, |code| OnceCell::new_with(Some(code)));
        Self { receipt, terms, loaded, turnstile: OnceLock::new(), faults: Mutex::default() }
    }

    /// Whether this is the component that presents script plugins, by itself.
    pub(crate) fn is_bridge(&self) -> bool {
        // It has no tool until a script plugin lends it one; asking that first spares reading most releases.
        let could = self.terms.folder.is_none() && self.receipt.tools.is_empty() && self.receipt.trust != Tier::Registry.as_str();
        could && Release::parse(self.receipt.release_json.as_bytes()).is_ok_and(|release| folder_plugin::is_bridge(&release))
    }

    /// Whose code this is.
    pub(crate) fn plugin(&self) -> &PluginRef {
        &self.receipt.plugin
    }

    /// Counts a fault; `true` when there were so many in a minute that this
    /// generation should not serve on.
    pub(crate) fn count_fault(&self, now_ms: u64) -> bool {
        let window = u64::try_from(limits::BREAKER_WINDOW.as_millis()).unwrap_or(u64::MAX);
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.push_back(now_ms);
        while faults.front().is_some_and(|first| now_ms.saturating_sub(*first) >= window) {
            faults.pop_front();
        }
        faults.len() >= limits::BREAKER_FAULTS
    }
}
