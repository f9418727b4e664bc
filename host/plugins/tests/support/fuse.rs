//! Ports that break at a chosen step: before or after any one call that the plugin host
//! makes to what is around it, the process ends with kill -9; or calls of one name fail, or one waits.

use super::stubs::Gate;
use async_trait::async_trait;
use semver::Version;
use skynet_core::ports::{Audit, AuditRow, KvQuota, PluginChange, PluginStore, StoredGrant};
use skynet_core::{Generation, PluginId, StoreError, plugin::Receipt};
use skynet_plugins::compile::{CompileError, Compiler, InProcess};
use skynet_store::Store;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Counts steps and burns at one of them; refuses calls that a test names.
pub(crate) struct Fuse {
    steps: AtomicU64,
    burns_at: u64,
    /// Calls by name, each with how many of them still go through.
    refused: Mutex<BTreeMap<&'static str, usize>>,
    /// The name of a call that waits once, and how many before it do not.
    waits: Mutex<Option<(&'static str, usize, Arc<Gate>)>>,
}

impl Default for Fuse {
    fn default() -> Self {
        Self { steps: AtomicU64::new(0), burns_at: u64::MAX, refused: Mutex::default(), waits: Mutex::default() }
    }
}

impl Fuse {
    pub(crate) fn new(burns_at: u64) -> Arc<Self> {
        Arc::new(Self { burns_at, ..Self::default() })
    }

    /// From now on calls of this name fail, but for the next few.
    pub(crate) fn refuse_after(&self, name: &'static str, few: usize) {
        self.refused.lock().unwrap().insert(name, few);
    }

    /// From now on no row can be written to the audit log.
    pub(crate) fn refuse_rows(&self) {
        ["record", "enqueue", "change"].into_iter().for_each(|name| self.refuse_after(name, 0));
    }

    /// They no longer fail.
    pub(crate) fn mend(&self) {
        self.refused.lock().unwrap().clear();
    }

    fn check(&self, name: &str) -> Result<(), StoreError> {
        match self.refused.lock().unwrap().get_mut(name) {
            None => Ok(()),
            Some(0) => Err(StoreError::Unavailable("the disk is full".into())),
            Some(few) => {
                *few -= 1;
                Ok(())
            }
        }
    }

    /// The one call of this name that comes after the next few waits at the gate.
    pub(crate) fn hold_after(&self, name: &'static str, few: usize, gate: &Arc<Gate>) {
        *self.waits.lock().unwrap() = Some((name, few, Arc::clone(gate)));
    }

    async fn wait(&self, name: &str) {
        let gate = {
            let mut waits = self.waits.lock().unwrap();
            match waits.as_mut().filter(|(waiting, ..)| *waiting == name) {
                None => return,
                Some((_, few @ 1.., _)) => {
                    *few -= 1;
                    return;
                }
                Some(_) => waits.take(),
            }
        };
        if let Some((_, _, gate)) = gate {
            gate.pass().await;
        }
    }

    fn step(&self) {
        if self.steps.fetch_add(1, Ordering::SeqCst) + 1 == self.burns_at {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
            // The signal may take a moment to arrive; nothing more is to be done until then.
            loop {
                std::thread::park();
            }
        }
    }

    async fn around<T>(&self, work: impl Future<Output = T>) -> T {
        self.step();
        let done = work.await;
        self.step();
        done
    }
}

/// The real store and compiler behind a fuse.
#[derive(Clone)]
pub(crate) struct Fused {
    pub(crate) store: Store,
    pub(crate) fuse: Arc<Fuse>,
}

#[async_trait]
impl Compiler for Fused {
    async fn compile(&self, component: Vec<u8>) -> Result<Vec<u8>, CompileError> {
        self.fuse.around(InProcess.compile(component)).await
    }
}

#[async_trait]
impl Audit for Fused {
    async fn record(&self, row: AuditRow) -> Result<(), StoreError> {
        self.fuse.check("record")?;
        self.fuse.around(self.store.record(row)).await
    }

    async fn enqueue(&self, row: AuditRow) -> Result<(), StoreError> {
        self.fuse.check("enqueue")?;
        self.fuse.around(self.store.enqueue(row)).await
    }

    async fn settle(&self) -> Result<(), StoreError> {
        self.fuse.around(self.store.settle()).await
    }

    async fn tail(&self, limit: usize) -> Result<Vec<(u64, u64, AuditRow)>, StoreError> {
        self.fuse.check("tail")?;
        self.fuse.around(self.store.tail(limit)).await
    }
}

macro_rules! fused {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $given:ty;)*) => {
        #[async_trait]
        impl PluginStore for Fused {
            $(async fn $name(&self, $($argument: $kind),*) -> Result<$given, StoreError> {
                self.fuse.check(stringify!($name))?;
                self.fuse.wait(stringify!($name)).await;
                self.fuse.around(self.store.$name($($argument),*)).await
            })*
        }
    };
}

fused! {
    serving() -> Vec<Receipt>;
    receipts(id: &PluginId) -> Vec<Receipt>;
    first_receipt(id: &PluginId) -> Option<Receipt>;
    next_generation() -> Generation;
    publish(receipt: Receipt) -> ();
    change(steps: Vec<PluginChange>, row: AuditRow) -> ();
    withdraw(id: &PluginId) -> ();
    disabled() -> Vec<PluginId>;
    grant(id: &PluginId) -> Option<StoredGrant>;
    grants() -> Vec<StoredGrant>;
    highest_version(id: &PluginId) -> Option<Version>;
    held(id: &PluginId) -> Vec<(String, String)>;
    kv_get(id: &PluginId, key: &str) -> Option<Vec<u8>>;
    kv_set(id: &PluginId, key: &str, value: Vec<u8>, quota: KvQuota) -> ();
    kv_delete(id: &PluginId, key: &str) -> ();
    kv_keys(id: &PluginId, prefix: &str, after: Option<&str>, limit: u32) -> Vec<String>;
}
