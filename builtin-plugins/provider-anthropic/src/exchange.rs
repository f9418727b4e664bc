//! One request to the server and its answer, over any transport.
//!
//! It owns the order of things: send, adapt to a named refusal, read, hand on
//! once per network read, finish. Nothing is retried here; that is the
//! router's decision.

use crate::error::{self, Failure};
use crate::limits::{ADAPTATIONS, CONNECT, FIRST_BYTE, IDLE, MODEL_PAGES, MODELS_BODY_BYTES};
use crate::models;
use crate::request::{self, Prepared};
use crate::settings::Settings;
use crate::stream::Reader;
use skynet_plugin_sdk::http::{self, Request, Response, Transport};
use skynet_plugin_sdk::provider::{Completion, CompletionRequest, Delta, Emit, ModelInfo, ProviderError};
use skynet_plugin_sdk::sse;

/// The version of the API whose events this plugin reads.
const API_VERSION: &str = "2023-06-01";

/// Answers one request.
pub fn complete(
    settings: &Settings,
    request: &CompletionRequest,
    transport: &mut dyn Transport,
    sink: &dyn Emit,
) -> Result<Completion, ProviderError> {
    let mut prepared = request::prepare(request, settings)?;
    for _ in 0..ADAPTATIONS {
        match send(settings, &prepared, transport) {
            Ok(response) => return read(response, prepared.notices, sink),
            Err(refused) => prepared = request::adapt(&prepared, &refused, request.thinking).ok_or(refused)?,
        }
    }
    let response = send(settings, &prepared, transport)?;
    read(response, prepared.notices, sink)
}

/// The models on offer: the owner's list, or the server's.
pub fn models(settings: &Settings, transport: &mut dyn Transport) -> Result<Vec<ModelInfo>, ProviderError> {
    if let Some(models) = &settings.models {
        return Ok(models.clone());
    }
    let mut all = Vec::new();
    let mut after = None;
    for _ in 0..MODEL_PAGES {
        let cursor = after.map_or_else(String::new, |id| format!("&after_id={id}"));
        let request = Request::get(format!("{}/v1/models?limit=1000{cursor}", settings.base_url)).header("accept", "application/json");
        let request = headed(request, settings).connect_timeout(CONNECT).first_byte_timeout(IDLE).idle_timeout(IDLE);
        let mut response = checked(transport.send(request)?)?;
        let page = models::page(&response.bytes(MODELS_BODY_BYTES)?).ok_or_else(|| {
            let why = "the Anthropic server answered without a list of models; name them in the setting `models`, or check `base_url`";
            ProviderError::Protocol(why.to_owned())
        })?;
        all.extend(page.models);
        after = page.after;
        if after.is_none() {
            break;
        }
    }
    Ok(all)
}

fn send(settings: &Settings, prepared: &Prepared, transport: &mut dyn Transport) -> Result<Response, ProviderError> {
    let request = Request::post(format!("{}/v1/messages", settings.base_url)).header("accept", "text/event-stream");
    let request = headed(request, settings).json(&prepared.body)?;
    checked(transport.send(request.connect_timeout(CONNECT).first_byte_timeout(FIRST_BYTE).idle_timeout(IDLE))?)
}

fn headed(request: Request, settings: &Settings) -> Request {
    let request = request.header("anthropic-version", API_VERSION);
    if settings.betas.is_empty() { request } else { request.header("anthropic-beta", settings.betas.join(",")) }
}

fn checked(mut response: Response) -> Result<Response, ProviderError> {
    if response.is_success() {
        return Ok(response);
    }
    let body = response.error_text();
    Err(error::from_body(Failure { status: Some(response.status), headers: &response.headers }, &body))
}

fn read(mut response: Response, notices: Vec<String>, sink: &dyn Emit) -> Result<Completion, ProviderError> {
    hand_on(sink, notices.into_iter().map(Delta::Notice).collect())?;
    let request_id = response.header("request-id").map(str::to_owned);
    let kind = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
    if kind.starts_with("text/html") || kind.starts_with("application/json") {
        let why = format!("the server answered {kind} instead of a stream; check that `base_url` names an Anthropic server");
        return Err(ProviderError::Protocol(why));
    }
    let mut reader = Reader::new(request_id.as_deref());
    stream(&mut response, &mut reader, sink)?;
    reader.finish()
}

fn stream(response: &mut Response, reader: &mut Reader, sink: &dyn Emit) -> Result<(), ProviderError> {
    let mut decoder = sse::Decoder::new();
    while !reader.ended()
        && let Some(chunk) = response.next_chunk().map_err(broken)?
    {
        let mut deltas = Vec::new();
        let events = decoder.push(&chunk).map_err(|error| ProviderError::Protocol(error.to_string()))?;
        // What came before an error is still the model's word.
        let result = events.iter().try_for_each(|event| reader.event(&event.data, &mut deltas));
        hand_on(sink, deltas)?;
        result?;
    }
    Ok(())
}

fn hand_on(sink: &dyn Emit, deltas: Vec<Delta>) -> Result<(), ProviderError> {
    if deltas.is_empty() { Ok(()) } else { Ok(sink.emit(deltas)?) }
}

/// A connection that breaks within an answer is a broken answer.
fn broken(error: http::Error) -> ProviderError {
    match error {
        http::Error::Network(why) => ProviderError::Protocol(format!("the Anthropic server broke off: {why}")),
        other => other.into(),
    }
}
