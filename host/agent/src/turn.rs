//! One turn from its place in the queue to its last event.
//!
//! Owns the order of things: journal before acting, the person's message stored
//! before a model is asked, each answer and its results stored as they become
//! whole, and the last event only after all of that. A panic in here ends this
//! turn, never the host.

use crate::agent::Shared;
use crate::answer::Answer;
use crate::catalogue::Catalogue;
use crate::commands;
use crate::context::Context;
use crate::desk::Job;
use crate::dispatch::Dispatch;
use crate::guard::Guard;
use crate::ledger::{Ledger, within};
use crate::outbox;
use crate::prepare::prepare;
use crate::prompt::Workspace;
use crate::request::TurnInput;
use crate::route::Route;
use crate::stop::Stopped;
use skynet_core::event::{TurnEnd, TurnEventKind};
use skynet_core::limits::MAX_ITERATIONS;
use skynet_core::ports::{CallContext, JournalStep, NewMessage, Snapshot};
use skynet_core::{Message, Part, Role, StopReason, StoreError, ThinkingLevel, ToolChoice, ToolDefinition, Usage};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::Instrument as _;

const LIMIT_NOTE: &str = "[host] The limit of requests for this turn is reached. Do not call tools; answer now with what you have, \
    and say what is left to do.";
const REPEAT_NOTE: &str = "[host] You keep making the same call. Do not call tools; answer now with what you have.";

/// Why a turn ends without an answer.
pub(crate) enum Halt {
    Store(StoreError),
    Failed { message: String, class: &'static str },
    Stopped(Stopped),
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What the client wishes of each request.
pub(crate) struct Wish {
    pub(crate) system: Vec<String>,
    pub(crate) tool_choice: ToolChoice,
    pub(crate) max_output: u32,
    pub(crate) temperature: Option<f64>,
    pub(crate) stop: Vec<String>,
    pub(crate) thinking: ThinkingLevel,
}

/// A turn at work.
pub(crate) struct Turn {
    pub(crate) shared: Arc<Shared>,
    pub(crate) job: Arc<Job>,
    pub(crate) snapshot: Arc<dyn Snapshot>,
    pub(crate) ledger: Ledger,
    pub(crate) context: Context,
    pub(crate) route: Route,
    pub(crate) workspace: Arc<Workspace>,
    pub(crate) wish: Wish,
    pub(crate) call_context: CallContext,
    /// The host's tools.
    pub(crate) catalogue: Catalogue,
    /// The client's tools; when there are any, only they are on offer.
    pub(crate) client_tools: Vec<ToolDefinition>,
    /// Rounds of tool calls so far.
    pub(crate) rounds: u32,
    pub(crate) usage: Usage,
    /// Who answered last.
    pub(crate) model: String,
    /// The last visible text.
    pub(crate) text: String,
}

/// Runs a turn to its last event, whatever happens in it.
pub(crate) async fn run(shared: Arc<Shared>, job: Arc<Job>) {
    let span = tracing::info_span!("turn", turn = %job.request.turn, session = %job.request.session, user = %job.request.user);
    let work = tokio::spawn(play(shared.clone(), job.clone()).instrument(span));
    let end = match work.await {
        Ok(end) => end,
        Err(fault) => {
            tracing::error!(turn = %job.request.turn, %fault, "a turn panicked; this is a fault of the host");
            close_after_panic(&shared, &job).await;
            TurnEnd::Failed {
                message: "The host failed inside while it worked on this. Please report it with the log.".into(),
                class: "unknown",
            }
        }
    };
    shared.desk.ended(&job);
    job.emitter.emit(TurnEventKind::Ended(end));
    shared.desk.left();
}

async fn close_after_panic(shared: &Shared, job: &Job) {
    let Some(lease) = job.lease.get().copied() else { return };
    let ended = JournalStep::Ended { how: "failed".into() };
    let write = shared.ports.memory.journal(&job.request.session, lease, &job.request.turn, ended);
    if let Err(error) = within(&*shared.ports.clock, write).await {
        tracing::error!(%error, "the end of a turn could not be journaled");
    }
}

async fn play(shared: Arc<Shared>, job: Arc<Job>) -> TurnEnd {
    job.emitter.emit(TurnEventKind::Started);
    if let Some(command) = &job.command {
        return commands::play(&shared, &job, command).await;
    }
    let ports = shared.ports.clone();
    let (session, turn) = (job.request.session.clone(), job.request.turn.clone());
    if matches!(job.request.input, TurnInput::Note { .. })
        && let Err(end) = outbox::still_there(&shared, &session).await
    {
        return end;
    }
    let ledger = match &job.request.input {
        TurnInput::Stateless { .. } => Ledger::stateless(ports, session, turn),
        TurnInput::Session { .. } | TurnInput::Note { .. } => match Ledger::open(ports, session, turn).await {
            Ok(ledger) => ledger,
            Err(error) => return TurnEnd::Failed { message: error.to_string(), class: "unknown" },
        },
    };
    if let Some(lease) = ledger.lease() {
        let _ = job.lease.set(lease);
    }
    if let TurnInput::Note { text } = &job.request.input {
        let end = outbox::store(&job, &ledger, text).await;
        close(&ledger, &end).await;
        return end;
    }
    match Box::pin(prepare(shared, job, ledger)).await {
        Ok(turn) => Box::pin(turn.timed()).await,
        Err((ledger, halt)) => {
            let end = end_of(halt, String::new(), Usage::default());
            close(&ledger, &end).await;
            end
        }
    }
}

/// The event for a turn that ends without an answer.
fn end_of(halt: Halt, text: String, usage: Usage) -> TurnEnd {
    match halt {
        Halt::Store(error) => TurnEnd::Failed { message: error.to_string(), class: "unknown" },
        Halt::Failed { message, class } => TurnEnd::Failed { message, class },
        Halt::Stopped(Stopped(reason)) => TurnEnd::Aborted { text, reason, usage },
    }
}

/// Journals the end. Everything of value is stored by now, so a failure here costs
/// a line in the next start's log and nothing else.
async fn close(ledger: &Ledger, end: &TurnEnd) {
    let how = match end {
        TurnEnd::Done { .. } => "done",
        TurnEnd::Aborted { .. } => "aborted",
        TurnEnd::Failed { .. } => "failed",
    };
    if let Err(error) = ledger.journal(JournalStep::Ended { how: how.into() }).await {
        tracing::error!(%error, "the end of a turn could not be journaled");
    }
}

impl Turn {
    /// Works until there is an end; stops itself when the time is up.
    async fn timed(mut self) -> TurnEnd {
        let limit = self.job.request.timeout.unwrap_or(Duration::from_secs(self.shared.config.turn_timeout_s));
        let (clock, job) = (self.shared.ports.clock.clone(), self.job.clone());
        let outcome = {
            let mut work = Box::pin(self.converse());
            tokio::select! {
                biased;
                outcome = &mut work => outcome,
                () = clock.sleep(limit) => {
                    if job.stop.reason().is_none() {
                        job.emitter.notice(format!("This took longer than {} s and was stopped.", limit.as_secs()));
                    }
                    job.stop.fire("timeout");
                    // Stopped work only writes down where it was.
                    work.await
                }
            }
        };
        let end = outcome.unwrap_or_else(|halt| end_of(halt, std::mem::take(&mut self.text), self.usage));
        close(&self.ledger, &end).await;
        end
    }

    async fn converse(&mut self) -> Result<TurnEnd, Halt> {
        let mut guard = Guard::default();
        for _ in 0..MAX_ITERATIONS {
            let answer = self.ask(None).await?;
            self.keep(&answer).await?;
            if answer.calls.is_empty() && answer.stop == StopReason::Pause {
                continue;
            }
            if answer.calls.is_empty() || !self.client_tools.is_empty() {
                return Ok(self.done(answer));
            }
            let repeated = guard.look(answer.calls.iter().map(|asked| &asked.call));
            self.run_calls(&answer, &repeated).await?;
            self.rounds += 1;
            if guard.has_enough() {
                self.job.emitter.notice("The model kept making the same call; it was told to answer without tools.");
                return self.last_word(REPEAT_NOTE).await;
            }
        }
        self.job.emitter.notice(format!("This turn reached its limit of {MAX_ITERATIONS} requests; the model was told to answer now."));
        self.last_word(LIMIT_NOTE).await
    }

    /// One more answer, in which calls do not count.
    async fn last_word(&mut self, note: &str) -> Result<TurnEnd, Halt> {
        let mut answer = self.ask(Some(note)).await?.without_calls();
        if matches!(answer.stop, StopReason::ToolUse | StopReason::Pause) {
            answer.stop = StopReason::EndTurn;
        }
        self.keep(&answer).await?;
        Ok(self.done(answer))
    }

    /// Makes an answer part of the conversation, durably first.
    async fn keep(&mut self, answer: &Answer) -> Result<(), Halt> {
        if answer.message.parts.is_empty() {
            return Ok(());
        }
        let row = NewMessage::answer(answer.message.clone(), self.model.clone(), Some(answer.stop.clone()), answer.usage);
        self.ledger.append(vec![row]).await?;
        self.context.push(answer.message.clone(), Some(self.model.clone()));
        Ok(())
    }

    async fn run_calls(&mut self, answer: &Answer, repeated: &[bool]) -> Result<(), Halt> {
        let may_call = self.wish.tool_choice != ToolChoice::None && self.route.current().is_some_and(|entry| entry.info.can("tools"));
        let dispatch = Dispatch {
            shared: &self.shared,
            job: &self.job,
            ledger: &self.ledger,
            snapshot: &self.snapshot,
            context: &self.call_context,
            catalogue: may_call.then_some(&self.catalogue),
            found: Mutex::default(),
        };
        let round = dispatch.round(&answer.calls, repeated).await;
        self.catalogue.want(&round.found);
        let parts = round.results.into_iter().map(|result| Part::ToolResult { result }).collect();
        let message = Message { role: Role::Tool, parts };
        let stored = self.ledger.append(vec![NewMessage::plain(message.clone())]).await;
        if let Some(error) = round.fatal {
            return Err(Halt::Store(error));
        }
        stored?;
        self.context.push(message, None);
        self.job.stop.reason().map_or(Ok(()), |stopped| Err(Halt::Stopped(stopped)))
    }

    fn done(&self, answer: Answer) -> TurnEnd {
        let client_calls: Vec<_> = answer.calls.into_iter().filter(|asked| asked.whole).map(|asked| asked.call).collect();
        let stop = if client_calls.is_empty() { answer.stop } else { StopReason::ToolUse };
        TurnEnd::Done { text: self.text.clone(), stop, usage: self.usage, model: self.model.clone(), client_calls }
    }
}
