//! Sessions and history in memory, with a log line for each durable step and a
//! switch that breaks it.

use crate::stage::{Log, SimClock};
use async_trait::async_trait;
use skynet_core::ports::{Clock, JournalStep, Lease, Memory, NewMessage, OpenTurn};
use skynet_core::session::{Session, SessionPatch, StoredMessage};
use skynet_core::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub(crate) struct FakeMemory {
    rows: Mutex<BTreeMap<SessionKey, (Session, Vec<StoredMessage>)>>,
    pub(crate) open_turns: Mutex<Vec<OpenTurn>>,
    pub(crate) broken: AtomicBool,
    /// Steps of this sort fail: `begun`, `intent`, `done` or `append`.
    pub(crate) broken_step: Mutex<Option<&'static str>>,
    hanging: Mutex<Option<&'static str>>,
    epoch: AtomicU64,
    log: Log,
    clock: Arc<SimClock>,
}

impl FakeMemory {
    pub(crate) fn new(log: &Log, clock: Arc<SimClock>) -> Arc<Self> {
        Arc::new(Self {
            rows: Mutex::default(),
            open_turns: Mutex::default(),
            broken: AtomicBool::new(false),
            broken_step: Mutex::default(),
            hanging: Mutex::default(),
            epoch: AtomicU64::new(0),
            log: log.clone(),
            clock,
        })
    }

    pub(crate) fn messages(&self, key: &SessionKey) -> Vec<Message> {
        self.stored(key).into_iter().map(|stored| stored.message).collect()
    }

    pub(crate) fn stored(&self, key: &SessionKey) -> Vec<StoredMessage> {
        self.rows.lock().unwrap().get(key).map(|(_, messages)| messages.clone()).unwrap_or_default()
    }

    fn fail(&self, step: &str) -> Result<(), StoreError> {
        if self.broken.load(Ordering::SeqCst) || *self.broken_step.lock().unwrap() == Some(step) {
            return Err(StoreError::Unavailable("the disk is full".into()));
        }
        Ok(())
    }

    /// Steps of this sort never come back.
    pub(crate) fn hang(&self, step: &'static str) {
        *self.hanging.lock().unwrap() = Some(step);
    }

    fn session_of(&self, key: &SessionKey) -> Session {
        let now = self.clock.now_ms();
        Session {
            key: key.clone(),
            id: format!("id-{}", self.epoch.load(Ordering::SeqCst)),
            label: None,
            model: None,
            thinking: None,
            created_ms: now,
            updated_ms: now,
            usage: Usage::default(),
            messages: 0,
            last_model: None,
        }
    }
}

#[async_trait]
impl Memory for FakeMemory {
    async fn sessions(&self, _: usize) -> Result<Vec<Session>, StoreError> {
        Ok(self.rows.lock().unwrap().values().map(|(session, _)| session.clone()).collect())
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<Session>, StoreError> {
        self.fail("session")?;
        Ok(self.rows.lock().unwrap().get(key).map(|(session, _)| session.clone()))
    }

    async fn open_session(&self, key: &SessionKey) -> Result<Session, StoreError> {
        self.fail("session")?;
        let made = self.session_of(key);
        Ok(self.rows.lock().unwrap().entry(key.clone()).or_insert((made, Vec::new())).0.clone())
    }

    async fn patch_session(&self, key: &SessionKey, patch: SessionPatch) -> Result<Session, StoreError> {
        let made = self.session_of(key);
        let mut rows = self.rows.lock().unwrap();
        let (session, _) = rows.entry(key.clone()).or_insert((made, Vec::new()));
        if let Some(model) = patch.model {
            session.model = model;
        }
        if let Some(thinking) = patch.thinking {
            session.thinking = thinking;
        }
        Ok(session.clone())
    }

    async fn reset_session(&self, key: &SessionKey) -> Result<Session, StoreError> {
        self.log.add("reset");
        let made = self.session_of(key);
        self.rows.lock().unwrap().insert(key.clone(), (made.clone(), Vec::new()));
        Ok(made)
    }

    async fn delete_session(&self, key: &SessionKey) -> Result<bool, StoreError> {
        let was_there = self.rows.lock().unwrap().remove(key).is_some();
        self.log.add("deleted a session");
        Ok(was_there)
    }

    async fn history(&self, key: &SessionKey, limit: usize) -> Result<Vec<StoredMessage>, StoreError> {
        let mut stored = self.stored(key);
        let skip = stored.len().saturating_sub(limit);
        Ok(stored.split_off(skip))
    }

    async fn take_lease(&self, _: &SessionKey) -> Result<Lease, StoreError> {
        self.fail("lease")?;
        Ok(Lease { epoch: self.epoch.fetch_add(1, Ordering::SeqCst) })
    }

    async fn append(&self, key: &SessionKey, _: Lease, turn: &TurnId, messages: Vec<NewMessage>) -> Result<Vec<StoredMessage>, StoreError> {
        self.fail("append")?;
        let hangs = *self.hanging.lock().unwrap() == Some("append");
        if hangs {
            self.log.add("hangs at append");
            std::future::pending::<()>().await;
        }
        let made = self.session_of(key);
        let mut rows = self.rows.lock().unwrap();
        let (_, stored) = rows.entry(key.clone()).or_insert((made, Vec::new()));
        let mut added = Vec::new();
        for new in messages {
            let index = stored.len() as u64 + 1;
            let role = format!("{:?}", new.message.role).to_lowercase();
            self.log.add(format!("stored {role} of {turn}"));
            added.push(StoredMessage {
                index,
                id: format!("m{index}"),
                message: new.message,
                at_ms: self.clock.now_ms(),
                answer: new.answer,
            });
            stored.extend(added.last().cloned());
        }
        Ok(added)
    }

    async fn journal(&self, _: &SessionKey, _: Lease, turn: &TurnId, step: JournalStep) -> Result<(), StoreError> {
        let (sort, line) = match &step {
            JournalStep::Begun => ("begun", "begun".to_owned()),
            JournalStep::ToolIntent { call, tool, idempotent } => ("intent", format!("intent {call} {tool} {idempotent}")),
            JournalStep::ToolDone { call, is_error } => ("done", format!("done {call} {is_error}")),
            JournalStep::Ended { how } => ("ended", format!("ended {how}")),
        };
        self.fail(sort)?;
        self.log.add(format!("journal {turn} {line}"));
        Ok(())
    }

    async fn open_turns(&self) -> Result<Vec<OpenTurn>, StoreError> {
        self.fail("open")?;
        Ok(std::mem::take(&mut *self.open_turns.lock().unwrap()))
    }
}
