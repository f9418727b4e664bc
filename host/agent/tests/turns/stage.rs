//! The stage for whole turns: scripted models and tools, stores in memory, a clock
//! that is moved by hand, and one log of what happened in which order.

use crate::remembered::FakeFacts;
use async_trait::async_trait;
use serde_json::{Value, json};
use skynet_agent::{Agent, Offer, Ports, Settings, Submitted, TurnInput, TurnRequest, prompt};
use skynet_core::completion::{CompletionItem, CompletionRequest};
use skynet_core::config::AgentConfig;
use skynet_core::event::{TurnEnd, TurnEvent, TurnEventKind};
use skynet_core::ports::{Audit, AuditRow, CallContext, Clock, CompletionStream, ModelEntry, Models, Registry, Snapshot, ToolEntry, Tools};
use skynet_core::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, watch};

pub(crate) use crate::memory::FakeMemory;

/// 2026-03-02 13:05 UTC, a Monday.
pub(crate) const START_MS: u64 = 1_772_456_700_000;

/// What happened, in order. Every fake writes here.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<(Mutex<Vec<String>>, Notify)>);

impl Log {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.0.lock().unwrap().push(line.into());
        self.0.1.notify_waiters();
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.0.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|known| *known == line).count()
    }

    /// Returns when the line was written.
    pub(crate) async fn saw(&self, line: &str) {
        self.saw_times(line, 1).await;
    }

    pub(crate) async fn saw_times(&self, line: &str, times: usize) {
        loop {
            let changed = self.0.1.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.count(line) >= times {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn position(&self, line: &str) -> usize {
        self.lines().iter().position(|known| known == line).unwrap_or_else(|| panic!("no `{line}` in {:#?}", self.lines()))
    }
}

/// Writes a line when it is dropped before it was told that all is well.
struct Dropped(Log, String, bool);

impl Dropped {
    fn calm(&mut self) {
        self.2 = true;
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        if !self.2 {
            self.0.add(format!("dropped {}", self.1));
        }
    }
}

pub(crate) struct SimClock {
    now: watch::Sender<u64>,
    /// Ends (absolute) of the sleeps that were begun, with a signal for each new one.
    begun: Mutex<Vec<Duration>>,
    changed: Notify,
}

impl SimClock {
    fn new() -> Arc<Self> {
        Arc::new(Self { now: watch::Sender::new(START_MS), begun: Mutex::default(), changed: Notify::new() })
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now += by.as_millis() as u64);
    }

    /// Somebody sets the clock back.
    pub(crate) fn rewind(&self, by: Duration) {
        self.now.send_modify(|now| *now -= by.as_millis() as u64);
    }

    /// Returns when somebody sleeps for exactly this long.
    pub(crate) async fn sleeper(&self, time: Duration) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.begun.lock().unwrap().contains(&time) {
                return;
            }
            changed.await;
        }
    }

    /// How many slept exactly this long.
    pub(crate) fn sleeps(&self, time: Duration) -> usize {
        self.begun.lock().unwrap().iter().filter(|known| **known == time).count()
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now_ms(&self) -> u64 {
        *self.now.borrow()
    }

    async fn sleep(&self, time: Duration) {
        let end = self.now_ms() + time.as_millis() as u64;
        let mut now = self.now.subscribe();
        self.begun.lock().unwrap().push(time);
        self.changed.notify_waiters();
        let _ = now.wait_for(|now| *now >= end).await;
    }
}

/// One scripted answer of a model.
#[derive(Clone)]
pub(crate) enum Say {
    Deltas(Vec<Delta>),
    End(StopReason, Usage),
    Fail(ModelError),
    /// Waits until the gate of this name is opened.
    Gate(&'static str),
    Panic,
}

pub(crate) fn text(words: &str) -> Say {
    Say::Deltas(vec![Delta::Text(words.into())])
}

pub(crate) fn end(stop: StopReason) -> Say {
    Say::End(stop, Usage { input: 10, output: 5, ..Usage::default() })
}

pub(crate) fn call(id: &str, name: &str, arguments: &str) -> Say {
    Say::Deltas(vec![
        Delta::ToolCallStart { id: id.into(), name: name.into() },
        Delta::ToolCallArguments { id: id.into(), fragment: arguments.into() },
        Delta::ToolCallEnd { id: id.into() },
    ])
}

/// An answer of text alone.
pub(crate) fn answer(words: &str) -> Vec<Say> {
    vec![text(words), end(StopReason::EndTurn)]
}

/// An answer of calls alone.
pub(crate) fn calls(list: &[(&str, &str, &str)]) -> Vec<Say> {
    let mut says: Vec<Say> = list.iter().map(|(id, name, arguments)| call(id, name, arguments)).collect();
    says.push(end(StopReason::ToolUse));
    says
}

/// What a scripted tool does.
#[derive(Clone)]
pub(crate) enum Act {
    Give(&'static str),
    Fail(PluginError),
    /// Waits for the gate, then gives its name.
    Gate(&'static str),
    Echo,
    Huge,
    Image,
    Panic,
}

/// A registry whose one snapshot can be exchanged.
pub(crate) struct Stage {
    pub(crate) agent: Agent,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) memory: Arc<FakeMemory>,
    pub(crate) facts: Arc<FakeFacts>,
    pub(crate) audit: Arc<FakeAudit>,
    pub(crate) registry: Arc<FakeRegistry>,
    pub(crate) log: Log,
    turns: AtomicU64,
}

pub(crate) struct FakeRegistry(Mutex<Arc<FakeSnapshot>>);

impl Registry for FakeRegistry {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.0.lock().unwrap().clone()
    }
}

impl FakeRegistry {
    pub(crate) fn now(&self) -> Arc<FakeSnapshot> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn publish(&self, snapshot: FakeSnapshot) {
        *self.0.lock().unwrap() = Arc::new(snapshot);
    }
}

pub(crate) struct FakeSnapshot {
    revision: u64,
    models: Vec<ModelEntry>,
    tools: Vec<ToolEntry>,
    acts: BTreeMap<String, Act>,
    /// Scripted answers, taken by whoever asks next.
    script: Mutex<VecDeque<Vec<Say>>>,
    pub(crate) requests: Mutex<Vec<(String, CompletionRequest)>>,
    /// How deep the turn of each request was.
    depths: Mutex<Vec<u8>>,
    gates: Arc<Gates>,
    log: Log,
}

#[derive(Default)]
pub(crate) struct Gates(Mutex<BTreeMap<&'static str, watch::Sender<bool>>>);

impl Gates {
    fn receiver(&self, name: &'static str) -> watch::Receiver<bool> {
        self.0.lock().unwrap().entry(name).or_insert_with(|| watch::Sender::new(false)).subscribe()
    }

    fn open(&self, name: &'static str) {
        self.0.lock().unwrap().entry(name).or_insert_with(|| watch::Sender::new(false)).send_replace(true);
    }
}

pub(crate) fn plugin(name: &str) -> PluginRef {
    PluginRef { id: PluginId::new(&format!("acme/{name}")).unwrap(), version: semver::Version::new(1, 2, 3), generation: Generation(4) }
}

/// `provider/model+ability+ability=window`
pub(crate) fn model(text: &str) -> ModelEntry {
    let (text, window) = text.split_once('=').map_or((text, None), |(text, window)| (text, window.parse().ok()));
    let mut words = text.split('+');
    let (provider, id) = words.next().unwrap().split_once('/').unwrap();
    let abilities = words.map(str::to_owned).collect();
    let info = ModelInfo { id: id.into(), name: id.into(), context_window: window, max_output: None, abilities };
    ModelEntry { provider: provider.into(), plugin: plugin(&format!("provider-{provider}")), info }
}

fn tool(name: &str) -> ToolEntry {
    let parameters = json!({"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}, "additionalProperties": false});
    let annotations = Annotations { idempotent: name.starts_with("get"), ..Annotations::default() };
    let spec = ToolSpec { name: name.into(), description: format!("does {name}"), parameters, output: None, annotations };
    ToolEntry { exposed: name.into(), plugin: plugin("tool-kit"), spec }
}

impl FakeSnapshot {
    pub(crate) fn new(log: &Log, gates: &Arc<Gates>, models: &str, acts: Vec<(&str, Act)>) -> Self {
        Self {
            revision: 1,
            models: models.split_whitespace().map(model).collect(),
            tools: acts.iter().map(|(name, _)| tool(name)).collect(),
            acts: acts.into_iter().map(|(name, act)| (name.to_owned(), act)).collect(),
            script: Mutex::default(),
            requests: Mutex::default(),
            depths: Mutex::default(),
            gates: gates.clone(),
            log: log.clone(),
        }
    }

    pub(crate) fn with_schema(mut self, tool: &str, schema: Value) -> Self {
        self.tools.iter_mut().find(|entry| entry.exposed == tool).unwrap().spec.parameters = schema;
        self
    }

    pub(crate) fn requests(&self) -> Vec<(String, CompletionRequest)> {
        self.requests.lock().unwrap().clone()
    }
}

impl Models for FakeSnapshot {
    fn models(&self) -> &[ModelEntry] {
        &self.models
    }

    fn complete(&self, plugin: &PluginRef, request: CompletionRequest, context: CallContext) -> CompletionStream {
        let provider = plugin.id.name().trim_start_matches("provider-").to_owned();
        let name = format!("{provider}/{}", request.model);
        self.log.add(format!("asked {name}"));
        self.depths.lock().unwrap().push(context.depth);
        self.requests.lock().unwrap().push((name.clone(), request));
        let says: VecDeque<Say> = self.script.lock().unwrap().pop_front().unwrap_or_else(|| answer("(no script)")).into();
        let guard = Dropped(self.log.clone(), format!("completion {name}"), false);
        let gates = self.gates.clone();
        Box::pin(futures_util::stream::unfold((says, guard), move |(mut says, mut guard)| {
            let gates = gates.clone();
            async move {
                loop {
                    let item = match says.pop_front() {
                        Some(Say::Deltas(deltas)) => Ok(CompletionItem::Deltas(deltas)),
                        Some(Say::End(stop, usage)) => {
                            guard.calm();
                            Ok(CompletionItem::End(Completion { stop, usage }))
                        }
                        Some(Say::Fail(error)) => {
                            guard.calm();
                            return Some((Err(error), (says, guard)));
                        }
                        Some(Say::Gate(name)) => {
                            guard.0.add(format!("model waits at {name}"));
                            let _ = gates.receiver(name).wait_for(|open| *open).await;
                            continue;
                        }
                        Some(Say::Panic) => panic!("scripted panic of a model"),
                        None => {
                            guard.calm();
                            return None;
                        }
                    };
                    return Some((item, (says, guard)));
                }
            }
        }))
    }
}

#[async_trait]
impl Tools for FakeSnapshot {
    fn tools(&self) -> &[ToolEntry] {
        &self.tools
    }

    async fn call(&self, exposed: &str, arguments: &Value, _: CallContext) -> Result<ToolOutcome, PluginError> {
        self.log.add(format!("tool {exposed} {arguments}"));
        let mut guard = Dropped(self.log.clone(), format!("tool {exposed}"), false);
        let act = self.acts.get(exposed).cloned().expect("a tool of this snapshot");
        let content = match act {
            Act::Give(text) => vec![ResultPart::text(text)],
            Act::Echo => vec![ResultPart::Json { value: arguments.clone() }],
            Act::Huge => vec![ResultPart::text("é".repeat(limits::TOOL_RESULT_CHARS + 1))],
            Act::Image => vec![ResultPart::Image { image: Blob { mime: "image/png".into(), data: vec![1, 2, 3] } }],
            Act::Fail(error) => {
                guard.calm();
                return Err(error);
            }
            Act::Gate(name) => {
                let _ = self.gates.receiver(name).wait_for(|open| *open).await;
                vec![ResultPart::text(name)]
            }
            Act::Panic => panic!("scripted panic of a tool"),
        };
        guard.calm();
        self.log.add(format!("tool {exposed} gave"));
        Ok(ToolOutcome { content, structured: None })
    }
}

impl Snapshot for FakeSnapshot {
    fn revision(&self) -> u64 {
        self.revision
    }
}

pub(crate) struct FakeAudit {
    pub(crate) rows: Mutex<Vec<AuditRow>>,
    pub(crate) broken: AtomicBool,
}

#[async_trait]
impl Audit for FakeAudit {
    async fn record(&self, row: AuditRow) -> Result<(), StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the disk is full".into()));
        }
        self.rows.lock().unwrap().push(row);
        Ok(())
    }

    async fn tail(&self, _: usize) -> Result<Vec<(u64, u64, AuditRow)>, StoreError> {
        Ok(Vec::new())
    }
}

pub(crate) fn key(text: &str) -> SessionKey {
    SessionKey::canonical(text).unwrap()
}

pub(crate) fn request(turn: &str, session: &str, words: &str) -> TurnRequest {
    TurnRequest {
        turn: TurnId(turn.into()),
        session: key(session),
        user: UserId::owner(),
        channel: "test".into(),
        input: TurnInput::Session { message: Message::text(Role::User, words) },
        model: None,
        thinking: None,
        timeout: None,
        time_zone: None,
        depth: 0,
        tools: Offer::All,
    }
}

impl Stage {
    pub(crate) fn new(models: &str, acts: Vec<(&str, Act)>) -> Self {
        Self::with(models, acts, AgentConfig::default())
    }

    pub(crate) fn with(models: &str, acts: Vec<(&str, Act)>, mut agent: AgentConfig) -> Self {
        agent.time_zone = Some("Europe/Berlin".into());
        let log = Log::default();
        let clock = SimClock::new();
        let memory = FakeMemory::new(&log, clock.clone());
        let audit = Arc::new(FakeAudit { rows: Mutex::default(), broken: AtomicBool::new(false) });
        let facts = Arc::new(FakeFacts::default());
        let snapshot = FakeSnapshot::new(&log, &Arc::default(), models, acts);
        let registry = Arc::new(FakeRegistry(Mutex::new(Arc::new(snapshot))));
        let ports =
            Ports { registry: registry.clone(), memory: memory.clone(), facts: facts.clone(), audit: audit.clone(), clock: clock.clone() };
        let files = vec![("SOUL.md".to_owned(), "Be kind.".to_owned())];
        let settings = Settings { agent, prompt: Arc::new(prompt::Workspace::from_files(files)) };
        Self { agent: Agent::new(ports, settings), clock, memory, facts, audit, registry, log, turns: AtomicU64::new(1) }
    }

    /// What the model will say next, one list for each request.
    pub(crate) fn script(&self, answers: Vec<Vec<Say>>) -> &Self {
        self.registry.now().script.lock().unwrap().extend(answers);
        self
    }

    pub(crate) fn open(&self, gate: &'static str) {
        self.registry.now().gates.open(gate);
    }

    pub(crate) fn gates(&self) -> Arc<Gates> {
        self.registry.now().gates.clone()
    }

    pub(crate) fn asked(&self) -> Vec<(String, CompletionRequest)> {
        self.registry.now().requests()
    }

    pub(crate) fn depths(&self) -> Vec<u8> {
        self.registry.now().depths.lock().unwrap().clone()
    }

    pub(crate) fn asked_names(&self) -> String {
        self.asked().into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
    }

    pub(crate) async fn submit(&self, request: TurnRequest) -> Submitted {
        self.agent.submit(request).await.expect("the turn is taken")
    }

    /// One turn of the session `main`, to its end.
    pub(crate) async fn turn(&self, words: &str) -> Played {
        let turn = format!("auto-{}", self.turns.fetch_add(1, Ordering::SeqCst));
        self.play(request(&turn, "main", words)).await
    }

    pub(crate) async fn play(&self, request: TurnRequest) -> Played {
        finish(self.submit(request).await).await
    }

    pub(crate) fn history(&self, session: &str) -> Vec<Message> {
        self.memory.messages(&key(session))
    }
}

/// A turn that ended.
pub(crate) struct Played {
    pub(crate) events: Vec<Arc<TurnEvent>>,
}

/// Reads a turn to its end and checks what holds of every turn.
pub(crate) async fn finish(mut submitted: Submitted) -> Played {
    let mut events = Vec::new();
    while let Some(event) = submitted.events.recv().await {
        events.push(event);
    }
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event.seq, place as u64 + 1);
        assert_eq!(event.turn, submitted.turn);
        assert_eq!(matches!(event.kind, TurnEventKind::Ended(_)), place + 1 == events.len(), "{events:#?}");
    }
    assert!(!events.is_empty(), "a turn has at least its end");
    Played { events }
}

impl Played {
    pub(crate) fn end(&self) -> &TurnEnd {
        match &self.events.last().unwrap().kind {
            TurnEventKind::Ended(end) => end,
            other => panic!("{other:?}"),
        }
    }

    /// The text of a turn that ended well.
    pub(crate) fn text(&self) -> &str {
        match self.end() {
            TurnEnd::Done { text, .. } => text,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn failure(&self) -> (&str, &str) {
        match self.end() {
            TurnEnd::Failed { message, class } => (message, class),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn aborted(&self) -> (&str, &str) {
        match self.end() {
            TurnEnd::Aborted { text, reason, .. } => (text, reason),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn notices(&self) -> Vec<&str> {
        let notice = |event: &'_ Arc<TurnEvent>| matches!(event.kind, TurnEventKind::Notice { .. });
        self.events
            .iter()
            .filter(|event| notice(event))
            .map(|event| match &event.kind {
                TurnEventKind::Notice { text } => text.as_str(),
                _ => "",
            })
            .collect()
    }

    pub(crate) fn usage(&self) -> Usage {
        match self.end() {
            TurnEnd::Done { usage, .. } | TurnEnd::Aborted { usage, .. } => *usage,
            other => panic!("{other:?}"),
        }
    }
}

/// The results of the last tool message that a model was sent.
pub(crate) fn results(request: &CompletionRequest) -> Vec<ToolResult> {
    let last = request.messages.iter().rev().find(|message| message.role == Role::Tool).expect("a tool message");
    let results = last.parts.iter().filter_map(|part| match part {
        Part::ToolResult { result } => Some(result.clone()),
        _ => None,
    });
    results.collect()
}
