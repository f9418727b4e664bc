//! One request to the server and its answer, over any transport.
//!
//! It owns the order of things: send, adapt to what the model does not do,
//! read, hand on once per network read, finish. Nothing is retried here; that
//! is the router's decision.

use crate::limits::{ADAPTATIONS, CONNECT, FIRST_BYTE, IDLE, MODELS_BODY_BYTES, SHOW_BODY_BYTES, SHOWN_MODELS};
use crate::request::{self, Prepared};
use crate::settings::Settings;
use crate::stream::Reader;
use crate::{conversation, error, models};
use serde_json::json;
use skynet_plugin_sdk::http::{self, Request, Response, Transport};
use skynet_plugin_sdk::ndjson;
use skynet_plugin_sdk::provider::{Completion, CompletionRequest, Delta, Emit, ModelInfo, ProviderError};

/// Answers one request.
pub fn complete(
    settings: &Settings,
    request: &CompletionRequest,
    transport: &mut dyn Transport,
    sink: &dyn Emit,
) -> Result<Completion, ProviderError> {
    let mut prepared = request::prepare(request, settings)?;
    let mut reader = Reader::new(conversation::calls(&request.messages));
    let mut tries = 0;
    let mut response = loop {
        match send(settings, &prepared, transport) {
            Ok(response) => break response,
            Err(refused) if tries < ADAPTATIONS => prepared = request::adapt(&prepared, &refused).ok_or(refused)?,
            Err(refused) => return Err(refused),
        }
        tries += 1;
    };
    hand_on(sink, prepared.notices.into_iter().map(Delta::Notice).collect())?;
    read(&mut response, &mut reader, sink)?;
    reader.finish()
}

/// The models on the server.
pub fn models(settings: &Settings, transport: &mut dyn Transport) -> Result<Vec<ModelInfo>, ProviderError> {
    let mut response = checked(transport.send(timed(Request::get(format!("{}/api/tags", settings.base_url)), IDLE))?)?;
    let names = models::names(&response.bytes(MODELS_BODY_BYTES)?).ok_or_else(|| {
        let why = "the server answered without a list of models; check that `base_url` names an Ollama server";
        ProviderError::Protocol(why.to_owned())
    })?;
    let mut all = Vec::new();
    for (position, name) in names.iter().enumerate() {
        all.extend(if position < SHOWN_MODELS {
            show(settings, name, transport)?
        } else {
            Some(models::undescribed(name, settings.num_ctx))
        });
    }
    Ok(all)
}

/// Older servers do not describe their models; that is no failure.
fn show(settings: &Settings, name: &str, transport: &mut dyn Transport) -> Result<Option<ModelInfo>, ProviderError> {
    let request = Request::post(format!("{}/api/show", settings.base_url)).json(&json!({"model": name}))?;
    let mut response = transport.send(timed(request, IDLE))?;
    if !response.is_success() {
        return Ok(Some(models::undescribed(name, settings.num_ctx)));
    }
    Ok(models::described(name, settings.num_ctx, &response.bytes(SHOW_BODY_BYTES)?))
}

fn send(settings: &Settings, prepared: &Prepared, transport: &mut dyn Transport) -> Result<Response, ProviderError> {
    let request = Request::post(format!("{}/api/chat", settings.base_url)).header("accept", "application/x-ndjson");
    checked(transport.send(timed(request.json(&prepared.body)?, FIRST_BYTE))?)
}

fn timed(request: Request, first_byte: std::time::Duration) -> Request {
    request.connect_timeout(CONNECT).first_byte_timeout(first_byte).idle_timeout(IDLE)
}

fn checked(mut response: Response) -> Result<Response, ProviderError> {
    if response.is_success() {
        return Ok(response);
    }
    let body = response.error_text();
    Err(error::from_body(response.status, &response.headers, &body))
}

fn read(response: &mut Response, reader: &mut Reader, sink: &dyn Emit) -> Result<(), ProviderError> {
    let too_long = |error: ndjson::TooLong| ProviderError::Protocol(error.to_string());
    let mut decoder = ndjson::Decoder::new();
    while !reader.ended()
        && let Some(chunk) = response.next_chunk().map_err(broken)?
    {
        take(&decoder.push(&chunk).map_err(too_long)?, reader, sink)?;
    }
    if !reader.ended()
        && let Some(last) = decoder.finish().map_err(too_long)?
    {
        take(&[last], reader, sink)?;
    }
    Ok(())
}

fn take(lines: &[String], reader: &mut Reader, sink: &dyn Emit) -> Result<(), ProviderError> {
    let mut deltas = Vec::new();
    // What came before an error is still the model's word.
    let result = lines.iter().try_for_each(|line| reader.line(line, &mut deltas));
    hand_on(sink, deltas)?;
    result
}

fn hand_on(sink: &dyn Emit, deltas: Vec<Delta>) -> Result<(), ProviderError> {
    if deltas.is_empty() { Ok(()) } else { Ok(sink.emit(deltas)?) }
}

/// A connection that breaks within an answer is a broken answer.
fn broken(error: http::Error) -> ProviderError {
    match error {
        http::Error::Network(why) => ProviderError::Protocol(format!("the Ollama server broke off: {why}")),
        other => other.into(),
    }
}
