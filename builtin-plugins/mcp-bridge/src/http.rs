//! The way to a server over Streamable HTTP.
//!
//! An answer is one JSON body or a stream of events in which it comes. Refused: redirects, answers
//! above the bounds, streams that end without the answer.

use crate::limits::{CONNECT, FIRST_BYTE, IDLE};
use mcp_client::limits::{CALL_BYTES, MESSAGES};
use mcp_client::{Meanwhile, Way, cut, failed};
use serde_json::Value;
use skynet_plugin_sdk::http::{Request, Response, Transport};
use skynet_plugin_sdk::sse::Decoder;
use skynet_plugin_sdk::tool::ToolError;

/// An open conversation's way.
pub(crate) struct Http<'a> {
    transport: &'a mut dyn Transport,
    url: &'a str,
    id: Option<String>,
    version: Option<String>,
    bytes: usize,
}

impl Way for Http<'_> {
    fn tell(&mut self, message: &Value) -> Result<(), ToolError> {
        self.post(message).map(drop)
    }

    fn ask(&mut self, question: &Value, meanwhile: &mut Meanwhile<'_>) -> Result<Value, ToolError> {
        let id = question.get("id").unwrap_or(&Value::Null);
        let response = self.post(question)?;
        if self.version.is_none() {
            self.id = response.header("mcp-session-id").map(str::to_owned);
        }
        if response.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
            self.streamed(response, id, meanwhile)
        } else {
            self.whole(response, id)
        }
    }

    fn agreed(&mut self, version: &str) {
        self.version = Some(version.to_owned());
    }

    fn close(&mut self) {
        if self.id.is_some() {
            let request = self.headers(Request::new("DELETE", self.url));
            let _ = self.transport.send(request);
        }
    }
}

impl<'a> Http<'a> {
    pub(crate) fn new(transport: &'a mut dyn Transport, url: &'a str) -> Self {
        Self { transport, url, id: None, version: None, bytes: 0 }
    }

    fn headers(&self, mut request: Request) -> Request {
        if let Some(id) = &self.id {
            request = request.header("mcp-session-id", id.as_str());
        }
        if let Some(version) = &self.version {
            request = request.header("mcp-protocol-version", version.as_str());
        }
        request.header("accept", "application/json, text/event-stream")
    }

    fn post(&mut self, message: &Value) -> Result<Response, ToolError> {
        let request = Request::post(self.url).connect_timeout(CONNECT).first_byte_timeout(FIRST_BYTE).idle_timeout(IDLE);
        let mut response = self.transport.send(self.headers(request).json(message)?)?;
        let status = response.status;
        match status {
            200..=299 => Ok(response),
            300..=399 => Err(failed(format!(
                "the server redirects to {}: it is not followed; add the server under that address, if it is right",
                cut(response.header("location").unwrap_or("nowhere"))
            ))),
            401 | 403 => Err(ToolError::Denied(format!(
                "the server refused the credentials (status {status}): {}",
                cut(response.error_text().trim())
            ))),
            429 | 500..=599 => Err(ToolError::Unavailable(format!("the server answered with status {status}"))),
            _ => Err(failed(format!("the server answered with status {status}: {}", cut(response.error_text().trim())))),
        }
    }

    fn count(&mut self, bytes: usize) -> Result<(), ToolError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > CALL_BYTES {
            return Err(failed(format!("the server sent more than {CALL_BYTES} bytes")));
        }
        Ok(())
    }

    fn whole(&mut self, mut response: Response, id: &Value) -> Result<Value, ToolError> {
        let bytes = response.bytes(CALL_BYTES)?;
        self.count(bytes.len())?;
        let answer: Value = serde_json::from_slice(&bytes).map_err(|_| failed("the server's answer is no JSON"))?;
        if answer.get("id") == Some(id) { Ok(answer) } else { Err(failed("the server answered another question")) }
    }

    fn streamed(&mut self, mut response: Response, id: &Value, meanwhile: &mut Meanwhile<'_>) -> Result<Value, ToolError> {
        let mut decoder = Decoder::with_line_limit(CALL_BYTES);
        let mut seen = 0;
        while let Some(chunk) = response.next_chunk()? {
            self.count(chunk.len())?;
            for event in decoder.push(&chunk).map_err(|error| failed(error.to_string()))? {
                seen += 1;
                if seen > MESSAGES {
                    return Err(failed(format!("the server sent more than {MESSAGES} messages before its answer")));
                }
                if event.data.trim().is_empty() {
                    continue;
                }
                let message: Value = serde_json::from_str(&event.data).map_err(|_| failed("the server sent an event that is no JSON"))?;
                if message.get("method").is_none() && message.get("id") == Some(id) {
                    return Ok(message);
                }
                if let Some(reply) = meanwhile(&message)? {
                    self.tell(&reply)?;
                }
            }
        }
        Err(failed("the server ended its stream before the answer"))
    }
}
