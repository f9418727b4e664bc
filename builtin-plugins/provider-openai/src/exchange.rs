//! One request to the server and its answer, over any transport.
//!
//! It owns the order of things: send, adapt to a named refusal, read, hand on
//! once per network read, finish. Nothing is retried here; that is the
//! router's decision.

use crate::error::{self, Failure};
use crate::limits::{ADAPTATIONS, CONNECT, FIRST_BYTE, IDLE, MODELS_BODY_BYTES, WHOLE_ANSWER_BYTES};
use crate::models;
use crate::request::{self, Prepared};
use crate::settings::Settings;
use crate::stream::Reader;
use skynet_plugin_sdk::http::{self, Request, Response, Transport};
use skynet_plugin_sdk::provider::{Completion, CompletionRequest, Delta, Emit, ModelInfo, ProviderError};
use skynet_plugin_sdk::sse;

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
            Err(refused) => prepared = request::adapt(&prepared, &refused).ok_or(refused)?,
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
    let request = Request::get(format!("{}/models", settings.base_url)).header("accept", "application/json");
    let request = request.connect_timeout(CONNECT).first_byte_timeout(IDLE).idle_timeout(IDLE);
    let mut response = checked(transport.send(request)?)?;
    models::list(&response.bytes(MODELS_BODY_BYTES)?).ok_or_else(|| {
        let why = "the model server answered without a list of models; name them in the setting `models`, or check `base_url`";
        ProviderError::Protocol(why.to_owned())
    })
}

fn send(settings: &Settings, prepared: &Prepared, transport: &mut dyn Transport) -> Result<Response, ProviderError> {
    let request = Request::post(format!("{}/chat/completions", settings.base_url)).header("accept", "text/event-stream");
    let request = request.json(&prepared.body)?.connect_timeout(CONNECT).first_byte_timeout(FIRST_BYTE).idle_timeout(IDLE);
    checked(transport.send(request)?)
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
    let mut reader = Reader::default();
    let kind = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
    if kind.starts_with("application/json") {
        // It did not stream although it was asked to.
        let body = response.text(WHOLE_ANSWER_BYTES)?;
        push(&mut reader, &body, sink)?;
    } else if kind.starts_with("text/html") {
        let why = "the server answered with a web page instead of a stream; check that `base_url` ends with its API's version, such as /v1";
        return Err(ProviderError::Protocol(why.to_owned()));
    } else {
        stream(&mut response, &mut reader, sink)?;
    }
    let mut last = Vec::new();
    let outcome = reader.finish(&mut last);
    hand_on(sink, last)?;
    outcome
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

fn push(reader: &mut Reader, body: &str, sink: &dyn Emit) -> Result<(), ProviderError> {
    let mut deltas = Vec::new();
    let result = reader.event(body, &mut deltas);
    hand_on(sink, deltas)?;
    result
}

fn hand_on(sink: &dyn Emit, deltas: Vec<Delta>) -> Result<(), ProviderError> {
    if deltas.is_empty() { Ok(()) } else { Ok(sink.emit(deltas)?) }
}

/// A connection that breaks within an answer is a broken answer.
fn broken(error: http::Error) -> ProviderError {
    match error {
        http::Error::Network(why) => ProviderError::Protocol(format!("the model server broke off: {why}")),
        other => other.into(),
    }
}
