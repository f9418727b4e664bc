//! A private folder with a database, a clock moved by hand, and short ways to say things.

use async_trait::async_trait;
use skynet_core::ports::{AuditRow, Clock, Lease, Memory as _, NewMessage, PluginChange, PluginStore as _};
use skynet_core::{Message, PluginId, Role, SessionKey, StoreError, TurnId};
use skynet_store::Store;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(crate) struct HandClock(AtomicU64);

impl HandClock {
    pub(crate) fn set(&self, ms: u64) {
        self.0.store(ms, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for HandClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    async fn sleep(&self, _: Duration) {}
}

pub(crate) struct Scratch {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Arc<HandClock>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        // tempfile leaves the mode to the umask.
        let private = Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().permissions(private).tempdir().unwrap();
        Self { folder, clock: Arc::new(HandClock(AtomicU64::new(1000))) }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("skynet.db")
    }

    pub(crate) fn try_open(&self) -> Result<Store, StoreError> {
        Store::open(&self.path(), self.clock.clone())
    }

    pub(crate) fn open(&self) -> Store {
        self.try_open().unwrap()
    }

    /// The file as a stranger's program sees it, without our settings.
    pub(crate) fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }
}

pub(crate) fn key(name: &str) -> SessionKey {
    SessionKey::canonical(name).unwrap()
}

pub(crate) fn turn(name: &str) -> TurnId {
    TurnId(name.into())
}

pub(crate) fn plugin(name: &str) -> PluginId {
    PluginId::new(name).unwrap()
}

pub(crate) fn says(text: &str) -> Vec<NewMessage> {
    vec![NewMessage::plain(Message::text(Role::User, text))]
}

pub(crate) async fn append(store: &Store, session: &str, lease: Lease, text: &str) -> Result<(), StoreError> {
    store.append(&key(session), lease, &turn("t"), says(text)).await.map(drop)
}

/// Takes one step in what is known of plugins, with a row that says so.
pub(crate) async fn change(store: &Store, step: PluginChange) -> Result<(), StoreError> {
    let (kind, actor, subject, verdict) = ("change".into(), "test".into(), "a plugin".into(), "ok".into());
    store.change(vec![step], AuditRow { kind, actor, subject, verdict, detail: serde_json::Value::Null }).await
}

/// The texts of the present history, joined with `|`.
pub(crate) async fn texts(store: &Store, session: &str) -> String {
    let history = store.history(&key(session), usize::MAX).await.unwrap();
    let numbers: Vec<u64> = history.iter().map(|stored| stored.index).collect();
    assert_eq!(numbers, (1..=history.len() as u64).collect::<Vec<_>>(), "numbers without gaps");
    history.iter().map(|stored| stored.message.to_text()).collect::<Vec<_>>().join("|")
}
