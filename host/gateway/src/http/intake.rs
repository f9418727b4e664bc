//! What a completion request asks, read from the OpenAI shape into a turn.
//!
//! Keys that this host has no use for are passed over, as every server of this
//! shape does; a key that it does use must have the right form.

use crate::http::answer::Fault;
use crate::message_in::{data_url, is_image};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use skynet_agent::TurnInput;
use skynet_core::{Blob, Message, Part, ResultPart, Role, ThinkingLevel, ToolCall, ToolChoice, ToolDefinition, ToolResult};
use std::collections::HashMap;

/// Names of the model that the owner chose.
pub(super) const DEFAULT_NAMES: [&str; 4] = ["skynet", "openclaw", "openclaw/default", "default"];

/// Most tools that one request may bring, as elsewhere.
const TOOLS: usize = 128;

/// The body.
#[derive(Debug, Deserialize)]
pub(super) struct Body {
    pub(super) model: Option<String>,
    messages: Vec<Incoming>,
    pub(super) stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    tools: Option<Vec<IncomingTool>>,
    tool_choice: Option<Value>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    temperature: Option<f64>,
    stop: Option<Stop>,
    pub(super) user: Option<String>,
    reasoning_effort: Option<String>,
    n: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct Incoming {
    role: String,
    #[serde(default)]
    content: Value,
    tool_calls: Option<Vec<IncomingCall>>,
    tool_call_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct IncomingCall {
    id: String,
    function: IncomingFunction,
}

#[derive(Debug, Deserialize)]
struct IncomingFunction {
    name: String,
    #[serde(default)]
    arguments: String,
}

#[derive(Debug, Deserialize)]
struct IncomingTool {
    #[serde(rename = "type")]
    kind: Option<String>,
    function: ToolFunction,
}

#[derive(Debug, Deserialize)]
struct ToolFunction {
    name: String,
    #[serde(default)]
    description: String,
    parameters: Option<Value>,
}

impl Body {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let body: Self =
            serde_json::from_slice(bytes).map_err(|error| Fault::invalid(format!("the body is not a completion request: {error}")))?;
        if body.n.is_some_and(|n| n != 1) {
            return Err(Fault::invalid("n: only 1 answer can be asked for"));
        }
        if body.temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
            return Err(Fault::invalid("temperature: must be between 0 and 2"));
        }
        Ok(body)
    }

    pub(super) fn wants_usage(&self) -> bool {
        self.stream_options.as_ref().and_then(|options| options.include_usage).unwrap_or(false)
    }

    pub(super) fn thinking(&self) -> Option<ThinkingLevel> {
        crate::session_row::level_named(self.reasoning_effort.as_deref()?)
    }

    /// The turn's input.
    pub(super) fn into_input(self) -> Result<TurnInput, Fault> {
        let client_tools = tools(self.tools.unwrap_or_default())?;
        let tool_choice = tool_choice(self.tool_choice.as_ref(), &client_tools)?;
        let (system, messages) = conversation(self.messages)?;
        let stop = match self.stop {
            None => Vec::new(),
            Some(Stop::One(one)) => vec![one],
            Some(Stop::Many(many)) => many,
        };
        Ok(TurnInput::Stateless {
            system,
            messages,
            client_tools,
            tool_choice,
            max_output: self.max_completion_tokens.or(self.max_tokens),
            temperature: self.temperature,
            stop,
        })
    }
}

fn tools(tools: Vec<IncomingTool>) -> Result<Vec<ToolDefinition>, Fault> {
    if tools.len() > TOOLS {
        return Err(Fault::invalid(format!("tools: at most {TOOLS}")));
    }
    let tool = |tool: IncomingTool| {
        if tool.kind.as_deref().is_some_and(|kind| kind != "function") {
            return Err(Fault::invalid("tools: only tools of type function can be used"));
        }
        let name = tool.function.name;
        let legal = (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !legal {
            return Err(Fault::invalid(format!(
                "tools: `{}` is no name of a function: use a-z, A-Z, 0-9, _ and -, at most 64",
                crate::schema::shown(&name)
            )));
        }
        let parameters = tool.function.parameters.unwrap_or_else(|| json!({"type": "object", "properties": {}}));
        if !parameters.is_object() {
            return Err(Fault::invalid(format!("tools: parameters of `{name}` must be an object")));
        }
        Ok(ToolDefinition { name, description: tool.function.description, parameters })
    };
    tools.into_iter().map(tool).collect()
}

fn tool_choice(choice: Option<&Value>, tools: &[ToolDefinition]) -> Result<ToolChoice, Fault> {
    let Some(choice) = choice.filter(|choice| !choice.is_null()) else { return Ok(ToolChoice::Automatic) };
    match choice.as_str() {
        Some("auto") => return Ok(ToolChoice::Automatic),
        Some("none") => return Ok(ToolChoice::None),
        Some("required") => return Ok(ToolChoice::Required),
        _ => {}
    }
    match choice.pointer("/function/name").and_then(Value::as_str) {
        Some(name) if tools.iter().any(|tool| tool.name == name) => Ok(ToolChoice::Named(name.to_owned())),
        Some(_) => Err(Fault::invalid("tool_choice: names a function that is not among tools")),
        None => Err(Fault::invalid("tool_choice: use auto, none, required or a function's name")),
    }
}

/// System texts apart, results of one round of calls together.
fn conversation(incoming: Vec<Incoming>) -> Result<(Vec<String>, Vec<Message>), Fault> {
    let (mut system, mut messages) = (Vec::new(), Vec::<Message>::new());
    let mut called: HashMap<String, String> = HashMap::new();
    for (index, message) in incoming.into_iter().enumerate() {
        let at = format!("messages[{index}]");
        match message.role.as_str() {
            "system" | "developer" => system.push(text(&message.content, &at)?),
            "user" => messages.push(Message { role: Role::User, parts: parts(&message.content, &at)? }),
            "assistant" => {
                let mut parts = if message.content.is_null() { Vec::new() } else { parts(&message.content, &at)? };
                for call in message.tool_calls.unwrap_or_default() {
                    called.insert(call.id.clone(), call.function.name.clone());
                    let call = ToolCall { id: call.id, name: call.function.name, arguments: call.function.arguments };
                    parts.push(Part::ToolCall { call });
                }
                messages.push(Message { role: Role::Assistant, parts });
            }
            "tool" => {
                let id = message.tool_call_id.ok_or_else(|| Fault::invalid(format!("{at}: tool_call_id is missing")))?;
                let Some(name) = called.get(&id).cloned() else {
                    return Err(Fault::invalid(format!("{at}: no assistant message before it has a call `{}`", crate::schema::shown(&id))));
                };
                let content = vec![ResultPart::text(text(&message.content, &at)?)];
                let part = Part::ToolResult { result: ToolResult { id, name, content, is_error: false } };
                match messages.last_mut() {
                    Some(last) if last.role == Role::Tool => last.parts.push(part),
                    _ => messages.push(Message { role: Role::Tool, parts: vec![part] }),
                }
            }
            _ => return Err(Fault::invalid(format!("{at}: role must be system, developer, user, assistant or tool"))),
        }
    }
    if !messages.iter().any(|message| message.role == Role::User && !message.parts.is_empty()) {
        return Err(Fault::invalid("Missing user message in `messages`."));
    }
    Ok((system, messages))
}

fn text(content: &Value, at: &str) -> Result<String, Fault> {
    if content.is_null() {
        return Ok(String::new());
    }
    let texts = parts(content, at)?.into_iter().map(|part| match part {
        Part::Text { text } => Ok(text),
        _ => Err(Fault::invalid(format!("{at}: only text can stand here"))),
    });
    texts.collect()
}

fn parts(content: &Value, at: &str) -> Result<Vec<Part>, Fault> {
    match content {
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::String(text) => Ok(vec![Part::text(text)]),
        Value::Array(items) => items.iter().map(|item| part(item, at)).collect(),
        _ => Err(Fault::invalid(format!("{at}: content must be text or a list of parts"))),
    }
}

fn part(item: &Value, at: &str) -> Result<Part, Fault> {
    match item.get("type").and_then(Value::as_str) {
        Some("text" | "input_text" | "output_text") => {
            let text = item.get("text").and_then(Value::as_str);
            text.map(Part::text).ok_or_else(|| Fault::invalid(format!("{at}: a text part has no text")))
        }
        Some("refusal") => Ok(Part::text(item.get("refusal").and_then(Value::as_str).unwrap_or_default())),
        Some("image_url" | "input_image") => {
            let url = item.pointer("/image_url/url").or_else(|| item.get("image_url")).and_then(Value::as_str);
            let image = url.and_then(data_url).filter(|(mime, _)| is_image(&mime.to_ascii_lowercase()));
            let Some((mime, data)) = image else {
                return Err(Fault::invalid(format!("{at}: an image must be a data URL of type png, jpeg, gif or webp")));
            };
            let data = STANDARD.decode(data.trim()).map_err(|_| Fault::invalid(format!("{at}: an image is not base64")))?;
            Ok(Part::Image { image: Blob { mime: mime.to_ascii_lowercase(), data } })
        }
        Some(kind) => Err(Fault::invalid(format!("{at}: parts of type `{}` cannot be read here", crate::schema::shown(kind)))),
        None => Err(Fault::invalid(format!("{at}: a part has no type"))),
    }
}
