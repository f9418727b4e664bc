//! One completion: a store for its whole life, deltas through the sink.
//!
//! The stream that is given back owns the task that runs the guest: dropping it
//! ends both, store and connections included.

use crate::bindings::{from_guest, to_guest};
use crate::fault;
use crate::generation::Generation;
use crate::imports::delta_sink::Sink;
use crate::limits;
use crate::runtime::{Ended, Runtime};
use crate::scrub::{Deltas, Scrub as _};
use crate::store::{CallLimits, Purpose};
use crate::turnstile::Counted;
use futures_util::stream;
use skynet_core::ports::{CallContext, CompletionStream};
use skynet_core::{Completion, CompletionItem, CompletionRequest, Delta, HostBug, ModelError, ModelInfo, PluginError};
use skynet_policy::scrub::{Known, Place, Seen};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wasmtime::component::Resource;

/// As rows and faults name it.
const DURING: &str = "provider.complete";

/// Ends the task when the stream is dropped.
struct Running(JoinHandle<Result<Completion, ModelError>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Reading {
    deltas: mpsc::Receiver<Vec<Delta>>,
    scrub: Deltas,
    seen: Arc<Seen>,
    running: Running,
    runtime: Arc<Runtime>,
    generation: Arc<Generation>,
}

/// Asks a model of this generation.
pub(crate) fn complete(
    runtime: Arc<Runtime>,
    generation: Arc<Generation>,
    request: CompletionRequest,
    context: CallContext,
) -> CompletionStream {
    let (sink, deltas) = Sink::channel();
    let seen = Arc::<Seen>::default();
    let scrub = Deltas::new(&runtime.known.noting(&seen, Place::ModelText));
    let task = tokio::spawn(run(Arc::clone(&runtime), Arc::clone(&generation), request, context, sink));
    let reading = Reading { deltas, scrub, seen, running: Running(task), runtime, generation };
    Box::pin(stream::unfold(Some(reading), |reading| async move {
        let mut reading = reading?;
        match timeout(limits::STREAM_IDLE, reading.deltas.recv()).await {
            Ok(Some(mut deltas)) => {
                // What else has come meanwhile goes along: a reader that is slower than
                // the guest is woken less often.
                while let Ok(more) = reading.deltas.try_recv() {
                    deltas.extend(more);
                    if deltas.len() >= limits::DELTA_QUEUE {
                        break;
                    }
                }
                let deltas = reading.scrub.push(deltas);
                reading.tell_scrubbed().await;
                Some((Ok(CompletionItem::Deltas(deltas)), Some(reading)))
            }
            Ok(None) => {
                let rest = reading.scrub.end();
                reading.tell_scrubbed().await;
                match rest.is_empty() {
                    true => Some((end(&mut reading).await, None)),
                    false => Some((Ok(CompletionItem::Deltas(rest)), Some(reading))),
                }
            }
            Err(_) => {
                let silent = fault::timed_out(reading.generation.plugin(), "provider.complete (silence)", limits::STREAM_IDLE);
                Some((Err(ModelError::Plugin(silent.into())), None))
            }
        }
    }))
}

impl Reading {
    /// At once, as whoever reads may go away before the end.
    async fn tell_scrubbed(&self) {
        self.runtime.tell_scrubbed(self.generation.plugin(), DURING, &self.seen).await;
    }
}

async fn end(reading: &mut Reading) -> Result<CompletionItem, ModelError> {
    // The sink is closed, so the guest has returned or its store is being dropped.
    match timeout(limits::CALL_WALL, &mut reading.running.0).await {
        Ok(Ok(result)) => result.map(CompletionItem::End),
        Ok(Err(_)) | Err(_) => {
            let reason = format!("the task of a completion by {} broke off", reading.generation.plugin());
            Err(PluginError::Bug(HostBug { place: "plugins/complete", reason }).into())
        }
    }
}

async fn run(
    runtime: Arc<Runtime>,
    generation: Arc<Generation>,
    request: CompletionRequest,
    context: CallContext,
    sink: Sink,
) -> Result<Completion, ModelError> {
    runtime.count(&generation, Counted::Calls, DURING).await?;
    let limits = CallLimits::stream(&generation.terms.permissions);
    let request = to_guest::request(request, to_guest::context(&context, limits.wall));
    let ended = runtime
        .run(
            &generation,
            Purpose { limits, during: DURING, context: Some(context) },
            Box::new(move |call| {
                Box::pin(async move {
                    let indices = call.loaded.provider.as_ref().ok_or_else(|| wasmtime::format_err!("it exports no provider interface"))?;
                    let guest = indices.load(&mut *call.store, &call.instance)?;
                    let sink = call.store.data_mut().table.push(sink)?;
                    let borrowed = Resource::new_borrow(sink.rep());
                    guest.call_complete(&mut *call.store, &request, borrowed).await
                })
            }),
        )
        .await;
    let seen = Arc::clone(&ended.seen);
    let said = answer(&runtime, &generation, ended);
    runtime.tell_scrubbed(generation.plugin(), DURING, &seen).await;
    said
}

fn answer(
    runtime: &Runtime,
    generation: &Generation,
    ended: Ended<
        Result<
            crate::bindings::v0::exports::skynet::plugin::provider::Completion,
            crate::bindings::v0::exports::skynet::plugin::provider::ProviderError,
        >,
    >,
) -> Result<Completion, ModelError> {
    let known = runtime.known_in_result(&ended.seen);
    match ended.result? {
        Ok(completion) => Ok(from_guest::completion(completion).scrubbed(&known)),
        Err(error) => Err(remedied(&known, generation, from_guest::provider_error(error), ended.notes)),
    }
}

/// Adds what only the host knows: that a rule refused, that the plugin's share of the
/// network is used up, or that a secret is not set.
fn remedied(known: &Known, generation: &Generation, error: ModelError, notes: crate::http::budget::Notes) -> ModelError {
    if let Some(denial) = notes.denial {
        return ModelError::Plugin(denial.into());
    }
    if let Some(overrun) = notes.overrun {
        let message = format!("{}: {overrun}", generation.plugin());
        return ModelError::Unavailable { message, retry_after_ms: u64::try_from(overrun.retry.as_millis()).ok() };
    }
    error.scrubbed(known)
}

/// Asks a provider for its models, with all its grants. `Err` says why in words.
pub(crate) async fn models(runtime: &Runtime, generation: &Generation) -> Result<Vec<ModelInfo>, ModelError> {
    let limits = CallLimits::call(&generation.terms.permissions);
    let ended = runtime
        .run(
            generation,
            Purpose::of_host(limits, "provider.models"),
            Box::new(move |call| {
                Box::pin(async move {
                    let indices = call.loaded.provider.as_ref().ok_or_else(|| wasmtime::format_err!("it exports no provider interface"))?;
                    let guest = indices.load(&mut *call.store, &call.instance)?;
                    guest.call_models(&mut *call.store).await
                })
            }),
        )
        .await;
    let (seen, known) = (Arc::clone(&ended.seen), runtime.known_in_result(&ended.seen));
    let said = ended.result.map_err(ModelError::from).and_then(|said| match said {
        Ok(models) => Ok(models.into_iter().take(crate::limits::MODELS).map(from_guest::model).collect::<Vec<_>>().scrubbed(&known)),
        Err(error) => Err(remedied(&known, generation, from_guest::provider_error(error), ended.notes)),
    });
    runtime.tell_scrubbed(generation.plugin(), "provider.models", &seen).await;
    said
}
