//! What a script may ask of the host: one function from a name and JSON to JSON.
//!
//! It refuses nothing that the host would not refuse: an interface that was not
//! granted is not linked, and `bridge.js` does not offer it. An error is data with a
//! kind of `tool-error`, so that the script can catch it.

use crate::limits::BODY_BYTES;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use skynet_plugin_sdk::http::{self, Client, Request, Transport};
use skynet_plugin_sdk::kv::KvError;
use skynet_plugin_sdk::log::{self, Level};
use skynet_plugin_sdk::services::{agent, knowledge, memory, messages, schedule};
use skynet_plugin_sdk::{config, kv, secrets};

/// Why the host did not do it: a kind of `tool-error`, and a sentence.
#[derive(Debug)]
pub(crate) struct Refused(&'static str, String);

impl From<String> for Refused {
    fn from(reason: String) -> Self {
        Self("failed", reason)
    }
}

impl From<KvError> for Refused {
    fn from(error: KvError) -> Self {
        match error {
            KvError::InvalidKey(reason) => Self("invalid-arguments", reason),
            KvError::QuotaExceeded(reason) => Self("failed", reason),
            KvError::Unavailable(reason) => Self("unavailable", reason),
        }
    }
}

impl From<http::Error> for Refused {
    fn from(error: http::Error) -> Self {
        match error {
            http::Error::Denied(reason) => Self("denied", reason),
            http::Error::InvalidRequest(reason) => Self("invalid-arguments", reason),
            http::Error::Network(_) | http::Error::Timeout(_) => Self("unavailable", error.to_string()),
            http::Error::TooLarge(_) | http::Error::Protocol(_) => Self("failed", error.to_string()),
        }
    }
}

/// One question of the script; the answer is `{"ok": …}` or `{"err": {"kind", "message"}}`.
pub(crate) fn ask(name: &str, parts: &str) -> String {
    let answer = match answer(name, parts) {
        Ok(value) => json!({ "ok": value }),
        Err(Refused(kind, message)) => json!({ "err": { "kind": kind, "message": message } }),
    };
    answer.to_string()
}

fn read<T: DeserializeOwned>(parts: &str) -> Result<T, Refused> {
    serde_json::from_str(parts).map_err(|error| Refused("invalid-arguments", error.to_string()))
}

fn answer(name: &str, parts: &str) -> Result<Value, Refused> {
    match name {
        "log" => {
            let (level, text): (String, String) = read(parts)?;
            log::log(level_of(&level), text);
            Ok(Value::Null)
        }
        "config.get" => {
            let (key,): (String,) = read(parts)?;
            Ok(config::raw(&key).and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default())
        }
        "secrets.exists" => {
            let (name,): (String,) = read(parts)?;
            Ok(secrets::exists(&name).into())
        }
        "fetch" => {
            let (request,): (Fetch,) = read(parts)?;
            fetch(&mut Client, request)
        }
        _ => match name.split_once('.') {
            Some(("kv", verb)) => key_value(verb, parts),
            Some(("memory", verb)) => remembered(verb, parts),
            Some(("knowledge", verb)) => known(verb, parts),
            Some(("schedule", verb)) => scheduled(verb, parts),
            Some(("agent", "ask")) => {
                let (prompt,): (String,) = read(parts)?;
                match agent::ask(&prompt) {
                    Ok(text) => Ok(text.into()),
                    Err(agent::AgentError::BudgetSpent(reason)) => Err(Refused("denied", reason)),
                    Err(agent::AgentError::Failed(reason)) => Err(reason.into()),
                    Err(agent::AgentError::Cancelled) => Err(Refused("unavailable", "it was cancelled".to_owned())),
                }
            }
            Some(("messages", "send")) => {
                let (channel, recipient, text): (String, String, String) = read(parts)?;
                Ok(messages::send(&channel, &recipient, &text).map(|()| Value::Null)?)
            }
            _ => Err(Refused("failed", format!("this host offers no {name}"))),
        },
    }
}

fn level_of(level: &str) -> Level {
    match level {
        "trace" => Level::Trace,
        "debug" => Level::Debug,
        "warn" => Level::Warn,
        "error" => Level::Error,
        _ => Level::Info,
    }
}

fn key_value(verb: &str, parts: &str) -> Result<Value, Refused> {
    match verb {
        "get" => {
            let (key,): (String,) = read(parts)?;
            Ok(kv::get(&key)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).into())
        }
        "set" => {
            let (key, text): (String, String) = read(parts)?;
            Ok(kv::set(&key, text.as_bytes()).map(|()| Value::Null)?)
        }
        "delete" => {
            let (key,): (String,) = read(parts)?;
            Ok(kv::delete(&key).map(|()| Value::Null)?)
        }
        "keys" => {
            let (prefix, after, limit): (String, Option<String>, u32) = read(parts)?;
            Ok(kv::keys(&prefix, after.as_deref(), limit)?.into())
        }
        _ => Err(Refused("failed", format!("there is no kv.{verb}"))),
    }
}

#[derive(Deserialize)]
struct Fact {
    category: String,
    key: String,
    value: String,
    #[serde(default = "half")]
    confidence: f64,
}

fn half() -> f64 {
    0.5
}

fn remembered(verb: &str, parts: &str) -> Result<Value, Refused> {
    match verb {
        "search" => {
            let (query, limit): (String, u32) = read(parts)?;
            let found = memory::search(&query, limit)?;
            let found = found
                .iter()
                .map(|fact| json!({ "category": fact.category, "key": fact.key, "value": fact.value, "confidence": fact.confidence }));
            Ok(found.collect())
        }
        "learn" => {
            let (Fact { category, key, value, confidence },): (Fact,) = read(parts)?;
            Ok(memory::learn(&memory::Entry { category, key, value, confidence }).map(|()| Value::Null)?)
        }
        "forget" => {
            let (category, key): (String, String) = read(parts)?;
            Ok(memory::forget(&category, &key)?.into())
        }
        _ => Err(Refused("failed", format!("there is no memory.{verb}"))),
    }
}

#[derive(Deserialize)]
struct Text {
    topic: String,
    content: String,
    #[serde(default)]
    tags: Vec<String>,
}

fn known(verb: &str, parts: &str) -> Result<Value, Refused> {
    match verb {
        "search" => {
            let (query, limit): (String, u32) = read(parts)?;
            let found = knowledge::search(&query, limit)?;
            Ok(found.iter().map(|text| json!({ "topic": text.topic, "content": text.content, "tags": text.tags })).collect())
        }
        "write" => {
            let (Text { topic, content, tags },): (Text,) = read(parts)?;
            Ok(knowledge::write(&knowledge::Article { topic, content, tags }).map(|()| Value::Null)?)
        }
        "delete" => {
            let (topic,): (String,) = read(parts)?;
            Ok(knowledge::delete(&topic)?.into())
        }
        _ => Err(Refused("failed", format!("there is no knowledge.{verb}"))),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum When {
    At(u64),
    EveryMs(u64),
    Cron(String),
}

fn scheduled(verb: &str, parts: &str) -> Result<Value, Refused> {
    match verb {
        "add" => {
            let (name, when, prompt): (String, When, String) = read(parts)?;
            let when = match when {
                When::At(ms) => schedule::When::At(ms),
                When::EveryMs(ms) => schedule::When::EveryMs(ms),
                When::Cron(line) => schedule::When::Cron(line),
            };
            Ok(schedule::add(&name, &when, &prompt)?.into())
        }
        "jobs" => Ok(schedule::jobs()?.iter().map(job).collect()),
        "remove" => {
            let (id,): (String,) = read(parts)?;
            Ok(schedule::remove(&id)?.into())
        }
        _ => Err(Refused("failed", format!("there is no schedule.{verb}"))),
    }
}

fn job(job: &schedule::Job) -> Value {
    let when = match &job.when {
        schedule::When::At(ms) => json!({ "at": ms }),
        schedule::When::EveryMs(ms) => json!({ "everyMs": ms }),
        schedule::When::Cron(line) => json!({ "cron": line }),
    };
    json!({ "id": job.id, "name": job.name, "when": when, "prompt": job.prompt })
}

#[derive(Debug, Deserialize)]
pub(crate) struct Fetch {
    url: String,
    method: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// One request, no redirects followed: each hop is the script's decision.
pub(crate) fn fetch(transport: &mut dyn Transport, fetch: Fetch) -> Result<Value, Refused> {
    let mut request = Request::new(fetch.method, fetch.url).body(fetch.body);
    request.headers = fetch.headers;
    let mut response = transport.send(request)?;
    let body = response.text(BODY_BYTES)?;
    Ok(json!({ "status": response.status, "headers": response.headers, "body": body }))
}
