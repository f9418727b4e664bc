//! Ports that end the process with kill -9 at a chosen step: before or after any one
//! call that the plugin host makes to what is around it.

use async_trait::async_trait;
use semver::Version;
use skynet_core::ports::{Audit, AuditRow, KvQuota, PluginStore, StoredGrant};
use skynet_core::{Generation, PluginId, StoreError, plugin::Receipt};
use skynet_plugins::compile::{CompileError, Compiler, InProcess};
use skynet_store::Store;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts steps and burns at one of them.
pub(crate) struct Fuse {
    steps: AtomicU64,
    burns_at: u64,
}

impl Fuse {
    pub(crate) fn new(burns_at: u64) -> Arc<Self> {
        Arc::new(Self { steps: AtomicU64::new(0), burns_at })
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
        self.fuse.around(self.store.record(row)).await
    }

    async fn enqueue(&self, row: AuditRow) -> Result<(), StoreError> {
        self.fuse.around(self.store.enqueue(row)).await
    }

    async fn settle(&self) -> Result<(), StoreError> {
        self.fuse.around(self.store.settle()).await
    }

    async fn tail(&self, limit: usize) -> Result<Vec<(u64, u64, AuditRow)>, StoreError> {
        self.fuse.around(self.store.tail(limit)).await
    }
}

macro_rules! fused {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $given:ty;)*) => {
        #[async_trait]
        impl PluginStore for Fused {
            $(async fn $name(&self, $($argument: $kind),*) -> Result<$given, StoreError> {
                self.fuse.around(self.store.$name($($argument),*)).await
            })*
        }
    };
}

fused! {
    serving() -> Vec<Receipt>;
    receipts(id: &PluginId) -> Vec<Receipt>;
    next_generation() -> Generation;
    publish(receipt: Receipt) -> ();
    withdraw(id: &PluginId) -> ();
    set_enabled(id: &PluginId, enabled: bool) -> ();
    disabled() -> Vec<PluginId>;
    grant(id: &PluginId) -> Option<StoredGrant>;
    grants() -> Vec<StoredGrant>;
    put_grant(grant: StoredGrant) -> ();
    revoke(id: &PluginId) -> bool;
    highest_version(id: &PluginId) -> Option<Version>;
    hold(id: &PluginId, release: &str, why: &str) -> ();
    held(id: &PluginId) -> Vec<(String, String)>;
    unhold(id: &PluginId) -> ();
    kv_get(id: &PluginId, key: &str) -> Option<Vec<u8>>;
    kv_set(id: &PluginId, key: &str, value: Vec<u8>, quota: KvQuota) -> ();
    kv_delete(id: &PluginId, key: &str) -> ();
    kv_keys(id: &PluginId, prefix: &str, after: Option<&str>, limit: u32) -> Vec<String>;
}
