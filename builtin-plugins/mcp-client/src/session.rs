//! One conversation with the server: hello, questions, goodbye, over any way that carries messages.
//!
//! What the server asks meanwhile is answered with a refusal, a ping with a pong. Refused: versions
//! that are not known, lists without end, a server that asks and asks.

use crate::limits::{ERROR_CHARS, PAGES, REPLIES, TOOLS};
use serde_json::{Value, json};
use skynet_plugin_sdk::tool::ToolError;

/// The versions whose messages are understood; the last one is asked for.
pub const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// What to do with a message that is not the answer: gives the reply to it, if it wants one.
pub type Meanwhile<'a> = dyn FnMut(&Value) -> Result<Option<Value>, ToolError> + 'a;

/// What carries messages to a server and back.
pub trait Way {
    /// Sends what wants no answer.
    fn tell(&mut self, message: &Value) -> Result<(), ToolError>;

    /// Sends a question and gives the whole message that answers it; others go to `meanwhile` first.
    fn ask(&mut self, question: &Value, meanwhile: &mut Meanwhile<'_>) -> Result<Value, ToolError>;

    /// How many conversations this very server had before, where it remembers: then it knows us.
    fn before(&self) -> u64 {
        0
    }

    /// The version that both speak from here on.
    fn agreed(&mut self, _version: &str) {}

    /// Says goodbye; what becomes of it does not matter any more.
    fn close(&mut self);
}

/// Numbers of questions of one conversation; a late answer to an earlier one is nobody's.
const NUMBERS: u64 = 1000;

/// An open conversation.
pub struct Session<'a> {
    way: &'a mut dyn Way,
    /// What the server says it is.
    pub(crate) server: Value,
    next: u64,
    replies: usize,
}

/// Text of a stranger, short enough for an error.
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(ERROR_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// An error in these words.
pub fn failed(why: impl Into<String>) -> ToolError {
    ToolError::Failed(why.into())
}

impl<'a> Session<'a> {
    /// Says hello, to a server that does not know us.
    pub fn open(way: &'a mut dyn Way) -> Result<Self, ToolError> {
        let before = way.before();
        let mut session = Self { way, server: Value::Null, next: before.saturating_mul(NUMBERS), replies: 0 };
        if before > 0 {
            return Ok(session);
        }
        let client = json!({ "name": "skynet", "version": env!("CARGO_PKG_VERSION") });
        let newest = VERSIONS.last().copied().unwrap_or_default();
        let hello = session.ask("initialize", json!({ "protocolVersion": newest, "capabilities": {}, "clientInfo": client }))?;
        let version = hello.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
        if !VERSIONS.contains(&version) {
            return Err(failed(format!("the server speaks version `{}` of the protocol, which is not known here", cut(version))));
        }
        session.way.agreed(version);
        session.server = hello.get("serverInfo").cloned().unwrap_or_default();
        session.way.tell(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        Ok(session)
    }

    /// All tools that the server offers now, in its own words.
    pub fn list(&mut self) -> Result<Vec<Value>, ToolError> {
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
    pub fn ask(&mut self, method: &str, params: Value) -> Result<Value, ToolError> {
        self.next = self.next.saturating_add(1);
        let question = json!({ "jsonrpc": "2.0", "id": self.next, "method": method, "params": params });
        let replies = &mut self.replies;
        let answer = self.way.ask(&question, &mut |message| reply(message, replies))?;
        if let Some(error) = answer.get("error") {
            let message = error.get("message").and_then(Value::as_str).unwrap_or("no reason given");
            return Err(failed(format!("the server refused {method}: {}", cut(message))));
        }
        answer.get("result").cloned().ok_or_else(|| failed("the server's answer has neither result nor error"))
    }
}

/// The reply to a question of the server's own, which must not hang on us.
fn reply(message: &Value, replies: &mut usize) -> Result<Option<Value>, ToolError> {
    let (Some(id), Some(method)) = (message.get("id"), message.get("method").and_then(Value::as_str)) else { return Ok(None) };
    *replies = replies.saturating_add(1);
    if *replies > REPLIES {
        return Err(failed(format!("the server asked more than {REPLIES} questions of its own")));
    }
    Ok(Some(match method {
        "ping" => json!({ "jsonrpc": "2.0", "id": id, "result": {} }),
        _ => json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32601, "message": "this client answers no questions" } }),
    }))
}
