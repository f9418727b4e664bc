//! A session as one row of the lists that clients show.

use crate::server::Server;
use serde_json::{Map, Value, json};
use skynet_core::ThinkingLevel;
use skynet_core::ports::ModelEntry;
use skynet_core::session::Session;
use std::collections::HashMap;

/// What rows need of the present state, gathered once for a list.
pub(crate) struct Rows {
    models: Vec<ModelEntry>,
    default_model: Option<String>,
    active: HashMap<String, u64>,
}

const THINKING: [ThinkingLevel; 4] = [ThinkingLevel::Off, ThinkingLevel::Low, ThinkingLevel::Medium, ThinkingLevel::High];

/// A level's name.
pub(crate) fn level(level: ThinkingLevel) -> &'static str {
    match level {
        ThinkingLevel::Off => "off",
        ThinkingLevel::Low => "low",
        ThinkingLevel::Medium => "medium",
        ThinkingLevel::High => "high",
    }
}

/// The level of a name; other servers know more of them than we do.
pub(crate) fn level_named(name: &str) -> Option<ThinkingLevel> {
    match name.to_ascii_lowercase().as_str() {
        "off" | "none" => Some(ThinkingLevel::Off),
        "minimal" | "low" | "on" => Some(ThinkingLevel::Low),
        "medium" | "adaptive" => Some(ThinkingLevel::Medium),
        "high" | "xhigh" | "max" => Some(ThinkingLevel::High),
        _ => None,
    }
}

fn levels() -> Value {
    THINKING.iter().map(|one| json!({"id": level(*one), "label": level(*one)})).collect()
}

fn level_names() -> Value {
    THINKING.iter().map(|one| Value::from(level(*one))).collect()
}

impl Rows {
    pub(crate) fn new(server: &Server) -> Self {
        Self {
            models: server.agent.models(),
            default_model: server.agent.default_model(),
            active: server.agent.active().into_iter().map(|active| (active.session.as_str().to_owned(), active.started_ms)).collect(),
        }
    }

    fn context(&self, model: Option<&str>) -> Option<u64> {
        self.models.iter().find(|entry| Some(entry.full_name().as_str()) == model)?.info.context_window
    }

    /// Tokens that fit the default model.
    pub(crate) fn default_context(&self) -> Option<u64> {
        self.context(self.default_model.as_deref())
    }

    /// What holds for sessions that chose nothing.
    pub(crate) fn defaults(&self) -> Value {
        let (provider, model) = split(self.default_model.as_deref());
        json!({
            "modelProvider": provider, "model": model, "contextTokens": self.default_context(),
            "thinkingLevels": levels(), "thinkingOptions": level_names(), "thinkingDefault": "off",
        })
    }

    /// The row of a session.
    pub(crate) fn row(&self, session: &Session) -> Value {
        let model = session.model.as_deref().or(session.last_model.as_deref()).or(self.default_model.as_deref());
        let (provider, name) = split(model);
        let started = self.active.get(session.key.as_str());
        let total = session.usage.input.saturating_add(session.usage.output);
        let mut row = Map::new();
        let mut put = |key: &str, value: Value| {
            if !value.is_null() {
                row.insert(key.to_owned(), value);
            }
        };
        put("key", session.key.as_str().into());
        put("kind", "direct".into());
        put("chatType", "direct".into());
        put("sessionId", session.id.as_str().into());
        put("updatedAt", session.updated_ms.into());
        put("createdAt", session.created_ms.into());
        put("label", session.label.clone().into());
        put("displayName", session.label.clone().unwrap_or_else(|| session.key.as_str().to_owned()).into());
        put("thinkingLevel", session.thinking.map(level).into());
        put("thinkingLevels", levels());
        put("thinkingOptions", level_names());
        put("thinkingDefault", "off".into());
        put("inputTokens", session.usage.input.into());
        put("outputTokens", session.usage.output.into());
        put("totalTokens", total.into());
        put("totalTokensFresh", true.into());
        put("contextTokens", self.context(model).into());
        put("messageCount", session.messages.into());
        put("modelProvider", provider.into());
        put("model", name.into());
        put("modelOverride", session.model.clone().into());
        put("status", if started.is_some() { "running" } else { "done" }.into());
        put("startedAt", started.copied().into());
        put("hasActiveRun", started.is_some().into());
        Value::Object(row)
    }
}

fn split(model: Option<&str>) -> (Option<&str>, Option<&str>) {
    match model.and_then(|model| model.split_once('/')) {
        Some((provider, name)) => (Some(provider), Some(name)),
        None => (None, model),
    }
}
