//! The gateway's health, kept ready as text: asking for it often costs a copy.
//!
//! Made anew by the beat once a minute, soon after a turn ended, and for who asks when it is older
//! than `HEALTH_FRESH`. Refuses to tell an old one as the present: its times would lie.

use crate::auth::secret::within;
use crate::frame::ready;
use crate::limits::{HEALTH_FRESH, SESSIONS_LISTED, SESSIONS_RECENT};
use crate::server::Server;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use skynet_core::StoreError;
use skynet_core::session::Session;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Mutex;

/// The last health, and whether it is old.
pub(crate) struct Health {
    current: RwLock<Arc<RawValue>>,
    version: AtomicU64,
    stale: AtomicBool,
    /// When it was made; 0 for never.
    made_ms: AtomicU64,
    /// Who makes it for those that ask; the others wait for that one.
    making: Mutex<()>,
}

impl Default for Health {
    fn default() -> Self {
        let none = ready(&json!({}));
        Self {
            current: RwLock::new(none),
            version: AtomicU64::new(0),
            stale: AtomicBool::new(true),
            made_ms: AtomicU64::new(0),
            making: Mutex::new(()),
        }
    }
}

impl Health {
    pub(crate) fn current(&self) -> Arc<RawValue> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }

    /// Something that it tells has changed.
    pub(crate) fn stale(&self) {
        self.stale.store(true, Ordering::Relaxed);
    }

    /// Whether it was stale; it no longer counts as such.
    pub(crate) fn take_stale(&self) -> bool {
        self.stale.swap(false, Ordering::Relaxed)
    }
}

/// Makes it anew when it is not of this moment.
pub(crate) async fn fresh(server: &Server) -> Result<(), StoreError> {
    let health = &server.health;
    let _one = within(async { Ok(health.making.lock().await) }).await?;
    // A clock that was set back tells nothing of its age.
    let age = server.clock.now_ms().checked_sub(health.made_ms.load(Ordering::Relaxed));
    if !health.take_stale() && age.is_some_and(|age| u128::from(age) < HEALTH_FRESH.as_millis()) {
        return Ok(());
    }
    let made = refresh(server).await;
    if made.is_err() {
        health.stale();
    }
    made
}

/// Makes it anew.
pub(crate) async fn refresh(server: &Server) -> Result<(), StoreError> {
    let started = server.clock.now_ms();
    let sessions = within(server.memory.sessions(SESSIONS_LISTED)).await?;
    let now = server.clock.now_ms();
    let list = session_list(&sessions, now);
    let health = json!({
        "ok": true, "ts": now, "durationMs": now.saturating_sub(started),
        "channels": {}, "channelOrder": [], "channelLabels": {},
        "heartbeatSeconds": 0, "defaultAgentId": "main",
        "agents": [{
            "agentId": "main", "isDefault": true, "heartbeat": {"enabled": false, "every": "0m", "everyMs": null}, "sessions": list,
        }],
        "sessions": list,
        "models": server.agent.models().len(),
        "tools": server.agent.tools().len(),
    });
    let health = ready(&health);
    *server.health.current.write().unwrap_or_else(PoisonError::into_inner) = health;
    server.health.made_ms.store(now, Ordering::Relaxed);
    server.health.version.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

fn session_list(sessions: &[Session], now: u64) -> Value {
    let recent = sessions.iter().take(SESSIONS_RECENT);
    let recent: Vec<_> = recent
        .map(|session| json!({"key": session.key, "updatedAt": session.updated_ms, "age": now.saturating_sub(session.updated_ms)}))
        .collect();
    json!({"path": "", "count": sessions.len(), "recent": recent})
}
