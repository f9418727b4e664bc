//! One conversation with the server: hello, questions, goodbye, over Streamable HTTP.
//!
//! An answer is one JSON body or a stream of events in which it comes. What the server asks
//! meanwhile is answered with a refusal, a ping with a pong. Refused: redirects, versions
//! that are not known, answers above the bounds, streams that end without the answer.

use crate::limits::{CALL_BYTES, CONNECT, ERROR_CHARS, FIRST_BYTE, IDLE, MESSAGES, PAGES, REPLIES, TOOLS};
use serde_json::{Value, json};
use skynet_plugin_sdk::http::{Request, Response, Transport};
use skynet_plugin_sdk::sse::Decoder;
use skynet_plugin_sdk::tool::ToolError;

/// The versions whose messages are understood; the last one is asked for.
const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// An open conversation.
pub(crate) struct Session<'a> {
    transport: &'a mut dyn Transport,
    url: &'a str,
    id: Option<String>,
    version: Option<String>,
    /// What the server says it is.
    pub(crate) server: Value,
    next: u64,
    bytes: usize,
    replies: usize,
}

/// Text of a stranger, short enough for an error.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(ERROR_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn failed(why: impl Into<String>) -> ToolError {
    ToolError::Failed(why.into())
}

impl<'a> Session<'a> {
    pub(crate) fn open(transport: &'a mut dyn Transport, url: &'a str) -> Result<Self, ToolError> {
        let mut session = Self { transport, url, id: None, version: None, server: Value::Null, next: 0, bytes: 0, replies: 0 };
        let client = json!({ "name": "skynet", "version": env!("CARGO_PKG_VERSION") });
        let newest = VERSIONS.last().copied().unwrap_or_default();
        let hello = session.ask("initialize", json!({ "protocolVersion": newest, "capabilities": {}, "clientInfo": client }))?;
        let version = hello.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
        if !VERSIONS.contains(&version) {
            return Err(failed(format!("the server speaks version `{}` of the protocol, which is not known here", cut(version))));
        }
        session.version = Some(version.to_owned());
        session.server = hello.get("serverInfo").cloned().unwrap_or_default();
        session.tell(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        Ok(session)
    }

    /// All tools that the server offers now, in its own words.
    pub(crate) fn list(&mut self) -> Result<Vec<Value>, ToolError> {
        let mut tools = Vec::new();
        let mut cursor = None;
        for _ in 0..PAGES {
            let params = cursor.map_or_else(|| json!({}), |cursor: Value| json!({ "cursor": cursor }));
            let mut page = self.ask("tools/list", params)?;
            let Some(Value::Array(listed)) = page.get_mut("tools").map(Value::take) else {
                return Err(failed("the server gave no list of tools"));
            };
            tools.extend(listed);
            if tools.len() > TOOLS {
                return Err(failed(format!("the server offers more than {TOOLS} tools")));
            }
            match page.get("nextCursor") {
                None | Some(Value::Null) => return Ok(tools),
                Some(next) => cursor = Some(next.clone()),
            }
        }
        Err(failed(format!("the server's list of tools has more than {PAGES} pages")))
    }

    /// Asks, and waits for the result of this very question.
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Result<Value, ToolError> {
        self.next += 1;
        let id = self.next;
        let response = self.post(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        if method == "initialize" {
            self.id = response.header("mcp-session-id").map(str::to_owned);
        }
        let answer = if response.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
            self.streamed(response, id)?
        } else {
            self.whole(response, id)?
        };
        if let Some(error) = answer.get("error") {
            let message = error.get("message").and_then(Value::as_str).unwrap_or("no reason given");
            return Err(failed(format!("the server refused {method}: {}", cut(message))));
        }
        answer.get("result").cloned().ok_or_else(|| failed("the server's answer has neither result nor error"))
    }

    /// Says goodbye; what becomes of it does not matter any more.
    pub(crate) fn close(&mut self) {
        if self.id.is_some() {
            let request = self.headers(Request::new("DELETE", self.url));
            let _ = self.transport.send(request);
        }
    }

    fn tell(&mut self, message: &Value) -> Result<(), ToolError> {
        self.post(message).map(drop)
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

    fn whole(&mut self, mut response: Response, id: u64) -> Result<Value, ToolError> {
        let bytes = response.bytes(CALL_BYTES)?;
        self.count(bytes.len())?;
        let answer: Value = serde_json::from_slice(&bytes).map_err(|_| failed("the server's answer is no JSON"))?;
        if answer.get("id") == Some(&id.into()) { Ok(answer) } else { Err(failed("the server answered another question")) }
    }

    fn streamed(&mut self, mut response: Response, id: u64) -> Result<Value, ToolError> {
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
                if message.get("method").is_none() && message.get("id") == Some(&id.into()) {
                    return Ok(message);
                }
                self.reply(&message)?;
            }
        }
        Err(failed("the server ended its stream before the answer"))
    }

    /// A question of the server's own, which must not hang on us.
    fn reply(&mut self, message: &Value) -> Result<(), ToolError> {
        let (Some(id), Some(method)) = (message.get("id"), message.get("method").and_then(Value::as_str)) else { return Ok(()) };
        self.replies += 1;
        if self.replies > REPLIES {
            return Err(failed(format!("the server asked more than {REPLIES} questions of its own")));
        }
        let reply = match method {
            "ping" => json!({ "jsonrpc": "2.0", "id": id, "result": {} }),
            _ => json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32601, "message": "this client answers no questions" } }),
        };
        self.tell(&reply)
    }
}
