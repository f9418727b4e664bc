//! Models and tools that do as they are told, and stores in memory.

use async_trait::async_trait;
use serde_json::{Value, json};
use skynet_core::access::{AccessStore, DeviceRow, TokenHash, TokenRow};
use skynet_core::admin::{AdminError, PluginAdmin};
use skynet_core::plugin::{PluginState, PluginStatus};
use skynet_core::ports::*;
use skynet_core::session::{Session, SessionPatch, StoredMessage};
use skynet_core::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::watch;

/// One piece of a scripted answer.
#[derive(Clone)]
pub(crate) enum Say {
    Text(&'static str),
    Thinking(&'static str),
    Call(&'static str, &'static str, &'static str),
    End(StopReason),
    Fail(ModelError),
    /// Waits until the gate is opened.
    Gate(&'static str),
}

/// Gates that tests open.
#[derive(Default)]
pub(crate) struct Gates(Mutex<BTreeMap<&'static str, watch::Sender<bool>>>);

impl Gates {
    pub(crate) fn open(&self, name: &'static str) {
        self.0.lock().unwrap().entry(name).or_insert_with(|| watch::Sender::new(false)).send_replace(true);
    }

    pub(crate) async fn pass(&self, name: &'static str) {
        let mut gate = self.0.lock().unwrap().entry(name).or_insert_with(|| watch::Sender::new(false)).subscribe();
        let _ = gate.wait_for(|open| *open).await;
    }
}

/// A registry with one snapshot: model `fake/one`, model `fake/two`, tool `look`.
pub(crate) struct FakeRegistry(pub(crate) Arc<FakeSnapshot>);

impl Registry for FakeRegistry {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.0.clone()
    }
}

pub(crate) struct FakeSnapshot {
    models: Vec<ModelEntry>,
    tools: Vec<ToolEntry>,
    /// What it offers after a swap.
    swapped: OnceLock<Vec<ToolEntry>>,
    /// Answers, taken by whoever asks next; then `Hello there.`
    pub(crate) script: Mutex<VecDeque<Vec<Say>>>,
    pub(crate) requests: Mutex<Vec<CompletionRequest>>,
    pub(crate) gates: Arc<Gates>,
    /// Completions that were dropped before their end.
    pub(crate) dropped: watch::Sender<u64>,
}

fn plugin(name: &str) -> PluginRef {
    PluginRef { id: PluginId::new(name).unwrap(), version: semver::Version::new(1, 0, 0), generation: Generation(1) }
}

impl FakeSnapshot {
    pub(crate) fn new() -> Arc<Self> {
        let model = |id: &str| ModelEntry {
            provider: "fake".into(),
            plugin: plugin("acme/provider-fake"),
            info: ModelInfo {
                id: id.into(),
                name: format!("Fake {id}"),
                context_window: Some(100_000),
                max_output: None,
                abilities: vec!["tools".into(), "images".into()],
            },
        };
        let spec = ToolSpec {
            name: "look".into(),
            description: "Looks at something".into(),
            parameters: json!({"type": "object", "properties": {"at": {"type": "string"}}}),
            output: None,
            annotations: Annotations { read_only: true, idempotent: true, ..Annotations::default() },
        };
        Arc::new(Self {
            models: vec![model("one"), model("two")],
            swapped: OnceLock::new(),
            tools: vec![ToolEntry { exposed: "look".into(), plugin: plugin("acme/tool-look"), spec }],
            script: Mutex::default(),
            requests: Mutex::default(),
            gates: Arc::default(),
            dropped: watch::Sender::new(0),
        })
    }
}

impl FakeSnapshot {
    /// Another plugin serves from now on: tools `measure`, `fail` and `wait` in place of `look`.
    pub(crate) fn swap(&self) {
        let tool = |name: &str, output: Option<Value>| {
            let annotations = Annotations { destructive: true, ..Annotations::default() };
            let spec = ToolSpec { name: name.into(), description: format!("Does {name}"), parameters: json!({}), output, annotations };
            ToolEntry { exposed: name.into(), plugin: plugin("acme/tool-other"), spec }
        };
        let metres = json!({"type": "object", "properties": {"metres": {"type": "integer"}}, "required": ["metres"]});
        let tools = vec![tool("measure", Some(metres)), tool("fail", None), tool("wait", None)];
        self.swapped.set(tools).unwrap_or_else(|_| panic!("it swaps once"));
    }
}

struct Unfinished {
    dropped: watch::Sender<u64>,
    done: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.done {
            self.dropped.send_modify(|count| *count += 1);
        }
    }
}

impl Models for FakeSnapshot {
    fn models(&self) -> &[ModelEntry] {
        &self.models
    }

    fn complete(&self, _: &PluginRef, request: CompletionRequest, _: CallContext) -> CompletionStream {
        self.requests.lock().unwrap().push(request);
        let hello = || vec![Say::Text("Hello "), Say::Text("there."), Say::End(StopReason::EndTurn)];
        let says: VecDeque<Say> = self.script.lock().unwrap().pop_front().unwrap_or_else(hello).into();
        let state = (says, Unfinished { dropped: self.dropped.clone(), done: false }, self.gates.clone());
        Box::pin(futures_util::stream::unfold(state, |(mut says, mut guard, gates)| async move {
            loop {
                let item = match says.pop_front()? {
                    Say::Text(text) => Ok(CompletionItem::Deltas(vec![Delta::Text(text.into())])),
                    Say::Thinking(text) => Ok(CompletionItem::Deltas(vec![Delta::Thinking(text.into())])),
                    Say::Call(id, name, arguments) => Ok(CompletionItem::Deltas(vec![
                        Delta::ToolCallStart { id: id.into(), name: name.into() },
                        Delta::ToolCallArguments { id: id.into(), fragment: arguments.into() },
                        Delta::ToolCallEnd { id: id.into() },
                    ])),
                    Say::End(stop) => {
                        guard.done = true;
                        Ok(CompletionItem::End(Completion { stop, usage: Usage { input: 10, output: 5, ..Usage::default() } }))
                    }
                    Say::Fail(error) => {
                        guard.done = true;
                        Err(error)
                    }
                    Say::Gate(name) => {
                        gates.pass(name).await;
                        continue;
                    }
                };
                return Some((item, (says, guard, gates)));
            }
        }))
    }
}

#[async_trait]
impl Tools for FakeSnapshot {
    fn tools(&self) -> &[ToolEntry] {
        self.swapped.get().unwrap_or(&self.tools)
    }

    async fn call(&self, name: &str, arguments: &Value, context: CallContext) -> Result<ToolOutcome, PluginError> {
        if arguments["at"] == "aloud" {
            context.progress.say("I see");
        }
        if arguments["at"] == "locked" {
            return Err(PluginError::Denied(Denial {
                who: "acme/tool-kit".into(),
                what: "exec /usr/bin/node".into(),
                why: "the program is not in /etc/skynet/allowed".into(),
                remedy: "skynet plugin grant acme/tool-kit".into(),
            }));
        }
        match name {
            "measure" => {
                let structured = Some(json!({"metres": 3}));
                return Ok(ToolOutcome { content: vec![ResultPart::text("3 metres")], structured });
            }
            "fail" => return Err(PluginError::Tool(ToolError::Failed("it is broken".into()))),
            "wait" => {
                let _guard = Unfinished { dropped: self.dropped.clone(), done: false };
                self.gates.open("waiting");
                self.gates.pass("never").await;
            }
            _ => {}
        }
        Ok(ToolOutcome { content: vec![ResultPart::text(format!("seen {arguments}"))], structured: None })
    }
}

impl Snapshot for FakeSnapshot {
    fn revision(&self) -> u64 {
        1 + u64::from(self.swapped.get().is_some())
    }
}

/// A clock whose time stands until a test moves it; sleeps are real.
pub(crate) struct FakeClock(pub(crate) AtomicU64);

#[async_trait]
impl Clock for FakeClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

#[derive(Default)]
pub(crate) struct FakeAudit(pub(crate) Mutex<Vec<AuditRow>>, pub(crate) AtomicBool);

#[async_trait]
impl Audit for FakeAudit {
    async fn record(&self, row: AuditRow) -> Result<(), StoreError> {
        if self.1.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("disk full".into()));
        }
        self.0.lock().unwrap().push(row);
        Ok(())
    }

    async fn tail(&self, limit: usize) -> Result<Vec<(u64, u64, AuditRow)>, StoreError> {
        Ok(self.0.lock().unwrap().iter().rev().take(limit).map(|row| (0, 0, row.clone())).collect())
    }
}

#[derive(Default)]
pub(crate) struct FakeAccess {
    pub(crate) tokens: Mutex<Vec<(TokenHash, TokenRow)>>,
    pub(crate) devices: Mutex<BTreeMap<String, DeviceRow>>,
    /// Takes no device.
    pub(crate) full: AtomicBool,
    /// Opens `storing` and waits for `stored` before it takes a device.
    pub(crate) slow: AtomicBool,
    pub(crate) gates: Gates,
}

#[async_trait]
impl AccessStore for FakeAccess {
    async fn create_token(&self, name: &str, scopes: Vec<String>, hash: TokenHash) -> Result<bool, StoreError> {
        let mut tokens = self.tokens.lock().unwrap();
        // Each made later than those before.
        let created_ms = tokens.iter().map(|(_, row)| row.created_ms + 1).max().unwrap_or(0);
        tokens.push((hash, TokenRow { name: name.into(), scopes, created_ms }));
        Ok(true)
    }

    async fn list_tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        Ok(self.tokens.lock().unwrap().iter().map(|(_, row)| row.clone()).collect())
    }

    async fn revoke_token(&self, name: &str) -> Result<bool, StoreError> {
        self.tokens.lock().unwrap().retain(|(_, row)| row.name != name);
        Ok(true)
    }

    async fn find_token(&self, hash: &TokenHash) -> Result<Option<TokenRow>, StoreError> {
        Ok(self.tokens.lock().unwrap().iter().find(|(known, _)| known == hash).map(|(_, row)| row.clone()))
    }

    async fn upsert_device(&self, device: DeviceRow) -> Result<(), StoreError> {
        if self.full.load(Ordering::Relaxed) {
            return Err(StoreError::Full("disk full".into()));
        }
        if self.slow.load(Ordering::Relaxed) {
            self.gates.open("storing");
            self.gates.pass("stored").await;
        }
        self.devices.lock().unwrap().insert(device.id.clone(), device);
        Ok(())
    }

    async fn device(&self, id: &str) -> Result<Option<DeviceRow>, StoreError> {
        Ok(self.devices.lock().unwrap().get(id).cloned())
    }

    async fn devices(&self) -> Result<Vec<DeviceRow>, StoreError> {
        Ok(self.devices.lock().unwrap().values().cloned().collect())
    }

    async fn remove_device(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.devices.lock().unwrap().remove(id).is_some())
    }
}

/// Knows one plugin, `acme/hello`, and remembers what was done to it. `acme/full` has a
/// store that takes no change.
#[derive(Default)]
pub(crate) struct FakeAdmin(pub(crate) Mutex<Vec<String>>);

impl FakeAdmin {
    fn act(&self, id: &PluginId, what: String) -> Result<(), AdminError> {
        if id.as_str() == "acme/full" {
            return Err(StoreError::Unavailable("the disk is full".into()).into());
        }
        if id.as_str() != "acme/hello" {
            return Err(AdminError::NotFound(id.clone()));
        }
        self.0.lock().unwrap().push(what);
        Ok(())
    }
}

#[async_trait]
impl PluginAdmin for FakeAdmin {
    async fn list(&self) -> Vec<PluginStatus> {
        vec![PluginStatus {
            name: "acme/hello".into(),
            serving: Some(plugin("acme/hello")),
            state: PluginState::Serving,
            kinds: vec![],
            summary: "Says hello".into(),
            tools: vec!["hello".into()],
            trust: "local".into(),
            note: None,
            waiting: None,
        }]
    }

    async fn info(&self, id: &PluginId) -> Result<Value, AdminError> {
        self.act(id, "info".into())?;
        Ok(json!({"id": id}))
    }

    async fn set_enabled(&self, id: &PluginId, enabled: bool, by: &str) -> Result<(), AdminError> {
        self.act(id, format!("enabled {enabled} by {by}"))
    }

    async fn grants(&self) -> Result<Vec<Value>, AdminError> {
        Ok(vec![json!({"plugin": "acme/hello"})])
    }

    async fn grant_release(
        &self,
        id: &PluginId,
        permissions: Option<Value>,
        until_ms: Option<u64>,
        release: Option<&str>,
        by: &str,
    ) -> Result<(), AdminError> {
        let until = until_ms.map_or_else(String::new, |until| format!(" until {until}"));
        let release = release.map_or_else(String::new, |release| format!(" for {release}"));
        self.act(id, format!("grant {permissions:?}{until}{release} by {by}"))
    }

    async fn deny(&self, id: &PluginId, by: &str) -> Result<(), AdminError> {
        self.act(id, format!("deny by {by}"))
    }

    async fn why_denied(&self, id: &PluginId, limit: usize) -> Result<Value, AdminError> {
        self.act(id, format!("why {limit}"))?;
        Ok(json!({"id": id}))
    }

    async fn revoke(&self, id: &PluginId, by: &str) -> Result<(), AdminError> {
        self.act(id, format!("revoke by {by}"))
    }

    async fn rollback(&self, id: &PluginId, by: &str) -> Result<PluginRef, AdminError> {
        self.act(id, format!("rollback by {by}"))?;
        Ok(plugin("acme/hello"))
    }

    async fn rescan(&self) -> Result<(), AdminError> {
        self.0.lock().unwrap().push("rescan".into());
        Ok(())
    }
}

#[derive(Default)]
struct Room {
    session: Option<Session>,
    history: Vec<StoredMessage>,
    epoch: u64,
}

#[derive(Default)]
pub(crate) struct FakeMemory {
    rooms: Mutex<BTreeMap<String, Room>>,
    count: AtomicU64,
}

impl FakeMemory {
    fn tick(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed) + 1_772_456_700_000
    }

    fn with<T>(&self, key: &SessionKey, act: impl FnOnce(&mut Room, u64) -> T) -> T {
        let now = self.tick();
        let mut rooms = self.rooms.lock().unwrap();
        act(rooms.entry(key.as_str().to_owned()).or_default(), now)
    }
}

fn fresh(key: &SessionKey, now: u64) -> Session {
    Session {
        key: key.clone(),
        id: format!("id-{now}"),
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

#[async_trait]
impl Memory for FakeMemory {
    async fn sessions(&self, limit: usize) -> Result<Vec<Session>, StoreError> {
        let mut all: Vec<_> = self.rooms.lock().unwrap().values().filter_map(|room| room.session.clone()).collect();
        all.sort_by_key(|session| std::cmp::Reverse(session.updated_ms));
        all.truncate(limit);
        Ok(all)
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<Session>, StoreError> {
        Ok(self.with(key, |room, _| room.session.clone()))
    }

    async fn open_session(&self, key: &SessionKey) -> Result<Session, StoreError> {
        // A real store answers later.
        tokio::task::yield_now().await;
        Ok(self.with(key, |room, now| room.session.get_or_insert_with(|| fresh(key, now)).clone()))
    }

    async fn patch_session(&self, key: &SessionKey, patch: SessionPatch) -> Result<Session, StoreError> {
        Ok(self.with(key, |room, now| {
            let session = room.session.get_or_insert_with(|| fresh(key, now));
            session.updated_ms = now;
            session.label = patch.label.unwrap_or(session.label.take());
            session.model = patch.model.unwrap_or(session.model.take());
            session.thinking = patch.thinking.unwrap_or(session.thinking);
            session.clone()
        }))
    }

    async fn reset_session(&self, key: &SessionKey) -> Result<Session, StoreError> {
        Ok(self.with(key, |room, now| {
            room.history.clear();
            let label = room.session.take().and_then(|session| session.label);
            room.session.insert(Session { label, ..fresh(key, now) }).clone()
        }))
    }

    async fn delete_session(&self, key: &SessionKey) -> Result<bool, StoreError> {
        Ok(self.rooms.lock().unwrap().remove(key.as_str()).is_some_and(|room| room.session.is_some()))
    }

    async fn history(&self, key: &SessionKey, limit: usize) -> Result<Vec<StoredMessage>, StoreError> {
        Ok(self.with(key, |room, _| room.history.iter().skip(room.history.len().saturating_sub(limit)).cloned().collect()))
    }

    async fn take_lease(&self, key: &SessionKey) -> Result<Lease, StoreError> {
        // A real store answers later.
        tokio::task::yield_now().await;
        Ok(self.with(key, |room, _| {
            room.epoch += 1;
            Lease { epoch: room.epoch }
        }))
    }

    async fn append(&self, key: &SessionKey, lease: Lease, _: &TurnId, new: Vec<NewMessage>) -> Result<Vec<StoredMessage>, StoreError> {
        self.with(key, |room, now| {
            if room.epoch != lease.epoch {
                return Err(StoreError::LeaseLost);
            }
            let first = room.history.len() as u64 + 1;
            let stored: Vec<_> = (first..)
                .zip(new)
                .map(|(index, new)| StoredMessage { index, id: format!("m{index}"), message: new.message, at_ms: now, answer: new.answer })
                .collect();
            room.history.extend(stored.clone());
            if let Some(session) = &mut room.session {
                session.messages = room.history.len() as u64;
                session.updated_ms = now;
            }
            Ok(stored)
        })
    }

    async fn journal(&self, _: &SessionKey, _: Lease, _: &TurnId, _: JournalStep) -> Result<(), StoreError> {
        Ok(())
    }

    async fn open_turns(&self) -> Result<Vec<OpenTurn>, StoreError> {
        Ok(Vec::new())
    }
}
