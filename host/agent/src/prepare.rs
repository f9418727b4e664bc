//! Everything of a turn before its first request: the snapshot, the conversation,
//! the models to ask and the tools to offer.
//!
//! Stores the person's message; nothing is asked before that is durable.

use crate::agent::Shared;
use crate::catalogue::Catalogue;
use crate::context::Context;
use crate::desk::Job;
use crate::ledger::{Ledger, within};
use crate::prompt::{now_line, session_block};
use crate::remembered;
use crate::request::{Offer, TurnInput};
use crate::route::{self, Route};
use crate::turn::{Halt, Turn, Wish};
use skynet_core::event::TurnEventKind;
use skynet_core::limits::HISTORY_MESSAGES;
use skynet_core::ports::{CallContext, JournalStep, NewMessage, Progress, Snapshot};
use skynet_core::session::Session;
use skynet_core::{Message, ToolChoice, ToolDefinition, Usage};
use std::sync::Arc;

/// What the two kinds of input come to.
struct Start {
    context: Context,
    wish: Wish,
    client_tools: Vec<ToolDefinition>,
    /// The model that the session or the client chose.
    model: Option<String>,
}

/// Gets a turn ready, or gives the ledger back so that the end can be written.
pub(crate) async fn prepare(shared: Arc<Shared>, job: Arc<Job>, ledger: Ledger) -> Result<Turn, (Ledger, Halt)> {
    let snapshot = shared.ports.registry.snapshot();
    let start = start(&shared, &job, &ledger).await;
    let Start { context, wish, client_tools, model } = match start {
        Ok(start) => start,
        Err(halt) => return Err((ledger, halt)),
    };
    let route = route_of(&shared, &job, &snapshot, model);
    let catalogue = match job.request.tools {
        Offer::All => Catalogue::new(Arc::clone(&snapshot), &shared.indexed, &context, &shared.config.tools_first),
        Offer::None => Catalogue::none(),
    };
    let call_context = CallContext {
        turn: job.request.turn.clone(),
        session: job.request.session.clone(),
        user: job.request.user.clone(),
        time_zone: zone(&shared, &job),
        depth: job.request.depth,
        progress: Progress::default(),
    };
    // A plugin could have the model repeat the owner's files, which it may not read itself.
    let workspace = if job.request.depth == 0 { shared.workspace() } else { Arc::default() };
    let (usage, model, text) = (Usage::default(), String::new(), String::new());
    Ok(Turn {
        shared,
        job,
        snapshot,
        ledger,
        context,
        route,
        workspace,
        wish,
        call_context,
        catalogue,
        client_tools,
        rounds: 0,
        usage,
        model,
        text,
    })
}

async fn start(shared: &Shared, job: &Job, ledger: &Ledger) -> Result<Start, Halt> {
    let request = &job.request;
    match request.input.clone() {
        TurnInput::Session { message } => of_session(shared, job, ledger, message).await,
        // `turn` stores it; no model is asked.
        TurnInput::Note { .. } => Err(Halt::Failed { message: "a message to a person was sent to a model".into(), class: "unknown" }),
        TurnInput::Stateless { system, messages, mut client_tools, tool_choice, max_output, temperature, stop } => {
            client_tools.sort_by(|left, right| left.name.cmp(&right.name));
            let max_output = max_output.unwrap_or(shared.config.max_output);
            let thinking = request.thinking.unwrap_or_default();
            let wish = Wish { system, tool_choice, max_output, temperature, stop, thinking };
            let context = Context::of_client(messages, now(shared, job));
            Ok(Start { context, wish, client_tools, model: request.model.clone() })
        }
    }
}

fn zone(shared: &Shared, job: &Job) -> Option<String> {
    job.request.time_zone.clone().or_else(|| shared.config.time_zone.clone())
}

fn now(shared: &Shared, job: &Job) -> String {
    now_line(shared.ports.clock.now_ms(), zone(shared, job).as_deref())
}

async fn of_session(shared: &Shared, job: &Job, ledger: &Ledger, message: Message) -> Result<Start, Halt> {
    let request = &job.request;
    let (clock, memory) = (&*shared.ports.clock, &*shared.ports.memory);
    ledger.journal(JournalStep::Begun).await?;
    let session: Session = within(clock, memory.open_session(&request.session)).await?;
    let history = within(clock, memory.history(&request.session, HISTORY_MESSAGES)).await?;
    for stored in ledger.append(vec![NewMessage::plain(message.clone())]).await? {
        job.emitter.emit(TurnEventKind::UserStored { message: stored.message, index: stored.index });
    }
    let wish = Wish {
        system: vec![session_block(request.session.as_str(), &request.channel, &request.user.0), remembered::block(shared, job).await?],
        tool_choice: ToolChoice::Automatic,
        max_output: shared.config.max_output,
        temperature: None,
        stop: Vec::new(),
        thinking: request.thinking.or(session.thinking).unwrap_or_default(),
    };
    // What this request names beats what the session was set to.
    let model = request.model.clone().or(session.model);
    Ok(Start { context: Context::of_session(history, message, now(shared, job)), wish, client_tools: Vec::new(), model })
}

/// The models to ask. Says so when the chosen one does not serve.
fn route_of(shared: &Shared, job: &Job, snapshot: &Arc<dyn Snapshot>, chosen: Option<String>) -> Route {
    let name = chosen.filter(|name| name != route::AUTO).unwrap_or_else(|| shared.default_model());
    let models = route::chain(snapshot.models(), &name, &shared.config.fallbacks);
    if !route::serves(snapshot.models(), &name) {
        let instead = models.first().map_or_else(|| "no other is named".to_owned(), |entry| format!("asking {}", entry.full_name()));
        job.emitter.notice(format!("The model {name} does not serve now; {instead}. `/model` lists those that do."));
    }
    Route::new(models)
}
