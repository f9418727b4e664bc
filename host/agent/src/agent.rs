//! The public face: taking turns, stopping them, and what serves now.
//!
//! Owns admission (size, duplicate, queue bound, known model) and the life of the
//! whole at start and shutdown. The turn itself is `turn`.

use crate::commands::Command;
use crate::desk::{Desk, Job, Place};
use crate::emit::Emitter;
use crate::ledger::within;
use crate::limits::{EVENT_BACKLOG, STOP_GRACE, SUB_TURNS};
use crate::prompt::Workspace;
use crate::request::{SubmitError, Submitted, TurnInput, TurnRequest};
use crate::route;
use crate::schema::Validators;
use crate::stop::Stop;
use crate::tally::{Tallies, Tally};
use crate::tool_index::Indexed;
use crate::turn;
use skynet_core::config::AgentConfig;
use skynet_core::event::{TurnEnd, TurnEvent, TurnEventKind};
use skynet_core::facts::Facts;
use skynet_core::limits::MESSAGE_BYTES;
use skynet_core::ports::{Audit, Clock, Memory, ModelEntry, Registry, ToolEntry};
use skynet_core::{SessionKey, StoreError, TurnId, Usage};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Semaphore, broadcast};

/// What the loop needs of the outside.
#[derive(Clone)]
pub struct Ports {
    /// Models and tools.
    pub registry: Arc<dyn Registry>,
    /// Sessions and history.
    pub memory: Arc<dyn Memory>,
    /// What is remembered of people.
    pub facts: Arc<dyn Facts>,
    /// The audit log.
    pub audit: Arc<dyn Audit>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// How turns run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The owner's configuration.
    pub agent: AgentConfig,
    /// The owner's workspace files.
    pub prompt: Arc<Workspace>,
}

/// A turn that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveTurn {
    /// Its session.
    pub session: SessionKey,
    /// Its id.
    pub turn: TurnId,
    /// Milliseconds since the Unix epoch.
    pub started_ms: u64,
}

/// No such model serves now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("model `{0}` does not serve now; `skynet status` lists those that do")]
pub struct UnknownModel(pub String);

/// The turn loop. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Agent {
    pub(crate) shared: Arc<Shared>,
}

/// What all turns share.
pub(crate) struct Shared {
    pub(crate) ports: Ports,
    pub(crate) config: AgentConfig,
    pub(crate) desk: Desk,
    pub(crate) validators: Validators,
    pub(crate) indexed: Indexed,
    /// Places for turns inside calls.
    pub(crate) sub_turns: Arc<Semaphore>,
    pub(crate) tallies: Tallies,
    default_model: RwLock<String>,
    workspace: RwLock<Arc<Workspace>>,
    events: broadcast::Sender<Arc<TurnEvent>>,
}

impl Shared {
    pub(crate) fn workspace(&self) -> Arc<Workspace> {
        self.workspace.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The default as it is set: a full name or `auto`.
    pub(crate) fn default_model(&self) -> String {
        self.default_model.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The model that the default means now.
    pub(crate) fn resolved_default(&self) -> Option<String> {
        let snapshot = self.ports.registry.snapshot();
        route::chain(snapshot.models(), &self.default_model(), &self.config.fallbacks).first().map(ModelEntry::full_name)
    }

    pub(crate) fn abort(&self, session: &SessionKey, turn: Option<&TurnId>, reason: &str) -> Vec<TurnId> {
        self.pull(Some(session), turn, reason)
    }

    fn pull(&self, session: Option<&SessionKey>, turn: Option<&TurnId>, reason: &str) -> Vec<TurnId> {
        let (running, waiting) = self.desk.pull(session, turn);
        for job in &running {
            job.stop.fire(reason);
        }
        for job in &waiting {
            let end = TurnEnd::Aborted { text: String::new(), reason: reason.to_owned(), usage: Usage::default() };
            job.emitter.emit(TurnEventKind::Ended(end));
            self.desk.left();
        }
        running.iter().chain(&waiting).map(|job| job.request.turn.clone()).collect()
    }
}

impl Agent {
    /// A loop over these ports. Call `recover` before the first turn.
    pub fn new(ports: Ports, settings: Settings) -> Self {
        let shared = Shared {
            ports,
            default_model: RwLock::new(settings.agent.model.clone()),
            config: settings.agent,
            desk: Desk::new(),
            validators: Validators::default(),
            indexed: Indexed::default(),
            tallies: Tallies::default(),
            sub_turns: Arc::new(Semaphore::new(SUB_TURNS)),
            workspace: RwLock::new(settings.prompt),
            events: broadcast::Sender::new(EVENT_BACKLOG),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Takes a turn. It runs when the turns of its session before it have ended.
    pub async fn submit(&self, request: TurnRequest) -> Result<Submitted, SubmitError> {
        self.admit(request).await.map(|(submitted, _)| submitted)
    }

    /// As `submit`; also says whether the turn has to wait.
    pub(crate) async fn admit(&self, request: TurnRequest) -> Result<(Submitted, Place), SubmitError> {
        let shared = &self.shared;
        if request.input.bytes() > MESSAGE_BYTES {
            return Err(SubmitError::TooLarge);
        }
        if let Some(name) = &request.model
            && !route::serves(shared.ports.registry.snapshot().models(), name)
        {
            return Err(SubmitError::UnknownModel(name.clone()));
        }
        let command = Command::of(&request.input);
        shared.desk.would_take(&request, command.as_ref())?;
        if command.is_none() && matches!(request.input, TurnInput::Session { .. }) {
            // Fails early when nothing can be stored, and makes the session known
            // before its turn is.
            within(&*shared.ports.clock, shared.ports.memory.open_session(&request.session)).await?;
        }
        let clock = shared.ports.clock.clone();
        let now = clock.now_ms();
        let (emitter, events) = Emitter::new(request.turn.clone(), request.session.clone(), clock, shared.events.clone());
        let turn = request.turn.clone();
        let emitter = Arc::new(emitter);
        let job = Arc::new(Job { request, command, emitter, stop: Stop::new(), lease: OnceLock::new() });
        let place = shared.desk.take(job.clone(), now)?;
        match place {
            Place::Waits => {}
            Place::Apart => drop(tokio::spawn(turn::run(shared.clone(), job))),
            Place::NewLane => drop(tokio::spawn(walk(shared.clone(), job))),
        }
        Ok((Submitted { turn, events }, place))
    }

    /// Stops running and waiting turns of a session, or one of them. Gives those
    /// that it stopped; each ends with its own event soon after.
    pub fn abort(&self, session: &SessionKey, turn: Option<&TurnId>, reason: &str) -> Vec<TurnId> {
        self.shared.abort(session, turn, reason)
    }

    /// Events of all turns from now on. Who lags behind too far loses some.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<TurnEvent>> {
        self.shared.events.subscribe()
    }

    /// What runs now, oldest first.
    pub fn active(&self) -> Vec<ActiveTurn> {
        let running = self.shared.desk.running().into_iter();
        running.map(|(session, turn, started_ms)| ActiveTurn { session, turn, started_ms }).collect()
    }

    /// Models that serve now.
    pub fn models(&self) -> Vec<ModelEntry> {
        self.shared.ports.registry.snapshot().models().to_vec()
    }

    /// How a provider has answered since the start.
    pub fn tally(&self, provider: &str) -> Tally {
        self.shared.tallies.of(provider)
    }

    /// The registry's revision: grows with each change of what serves.
    pub fn revision(&self) -> u64 {
        self.shared.ports.registry.snapshot().revision()
    }

    /// Tools that serve now.
    pub fn tools(&self) -> Vec<ToolEntry> {
        self.shared.ports.registry.snapshot().tools().to_vec()
    }

    /// Full name of the model that a turn without a wish would ask now.
    pub fn default_model(&self) -> Option<String> {
        self.shared.resolved_default()
    }

    /// Changes the default until the next start: a full name, or `auto`. Gives
    /// what was set before.
    pub fn set_default_model(&self, full_name: &str) -> Result<String, UnknownModel> {
        if !route::serves(self.shared.ports.registry.snapshot().models(), full_name) {
            return Err(UnknownModel(full_name.to_owned()));
        }
        let mut present = self.shared.default_model.write().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::replace(&mut *present, full_name.to_owned()))
    }

    /// Takes no more turns, lets those at hand end until the deadline, then stops
    /// them. Returns when all have ended or had time to.
    pub async fn drain(&self, deadline: Duration) {
        let shared = &self.shared;
        shared.desk.close();
        for (wait, last) in [(deadline, false), (STOP_GRACE, true)] {
            tokio::select! {
                biased;
                () = shared.desk.quiet() => return,
                () = shared.ports.clock.sleep(wait) => {}
            }
            if last {
                tracing::error!(left = shared.desk.running().len(), "turns did not end after they were stopped");
            } else {
                shared.pull(None, None, "shutdown");
            }
        }
    }

    /// Whether it takes no more turns.
    pub fn is_draining(&self) -> bool {
        self.shared.desk.is_closed()
    }

    /// Closes the turns that an earlier life of this host left open. Gives how many.
    pub async fn recover(&self) -> Result<usize, StoreError> {
        crate::recover::recover(&self.shared.ports).await
    }

    /// Changes the prompt for turns that start from now on.
    pub fn set_workspace(&self, workspace: Arc<Workspace>) {
        *self.shared.workspace.write().unwrap_or_else(PoisonError::into_inner) = workspace;
    }
}

/// Runs the turns of one lane, one after another, until it is empty.
async fn walk(shared: Arc<Shared>, first: Arc<Job>) {
    let session = first.request.session.clone();
    let mut next = Some(first);
    while let Some(job) = next {
        turn::run(shared.clone(), job).await;
        next = shared.desk.next(&session, shared.ports.clock.now_ms());
    }
}
