//! `memory.*`: what the host remembers about its owner, fact by fact.
//!
//! Whatever changes a fact is written to the audit log first, by its name alone; what
//! cannot be written there is not done. What comes in here is a person's own word.
//! Refuses: values in the audit log.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::auth::secret::within;
use crate::limits::{FACTS_LISTED, FOUND_DEFAULT};
use crate::refusal::Refusal;
use crate::schema::{Field, Kind, TEXT, WORD, may, must};
use serde_json::{Value, json};
use skynet_core::UserId;
use skynet_core::facts::{Fact, NewFact};
use skynet_core::limits::FACTS_FOUND;
use skynet_policy::naming::plain_line;

const READ: Option<Scope> = Some(Scope::Read);
const WRITE: Option<Scope> = Some(Scope::Write);

/// How sure a client is that does not say so.
const CONFIDENCE: f64 = 0.8;

/// Why a fact was not learned that another stands in the way of.
const SURER: &str = "something surer is remembered there, and stays";

/// Characters of a name in the audit log: the longest that a fact can have.
const NAME_CHARS: usize = 192;

/// `content` is what older descriptions of the protocol call the value.
const LEARN: &[Field] =
    &[must("category", WORD), must("key", WORD), may("value", TEXT), may("content", TEXT), may("confidence", Kind::Number)];

pub(super) const METHODS: &[Method] = &[
    method("memory.search", READ, Some(&[must("query", WORD), may("limit", Kind::Int(1, FACTS_FOUND as u64))]), |call| {
        Box::pin(search(call))
    }),
    method("memory.list", READ, Some(&[may("limit", Kind::Int(1, FACTS_LISTED as u64))]), |call| Box::pin(list(call))),
    method("memory.learn", WRITE, Some(LEARN), |call| Box::pin(learn(call))),
    method("memory.forget", WRITE, Some(&[must("category", WORD), must("key", WORD)]), |call| Box::pin(forget(call))),
];

fn rows(user: &UserId, facts: Vec<Fact>) -> Value {
    let row = |fact: Fact| {
        json!({
            "user_id": user, "category": fact.category, "key": fact.key, "value": fact.value, "confidence": fact.confidence,
            "source": fact.source, "expires_at": fact.expires_ms, "created_at": fact.created_ms, "updated_at": fact.updated_ms,
        })
    };
    json!({"memories": facts.into_iter().map(row).collect::<Vec<_>>()})
}

async fn search(call: Call) -> Answer {
    let user = UserId::owner();
    let query = call.query("memory.search")?;
    let facts = within(call.server.facts.search_facts(&user, query, call.limit(FOUND_DEFAULT))).await?;
    Ok(rows(&user, facts).into())
}

async fn list(call: Call) -> Answer {
    let user = UserId::owner();
    let facts = within(call.server.facts.facts(&user, call.limit(FACTS_LISTED))).await?;
    Ok(rows(&user, facts).into())
}

async fn recorded<T>(
    call: &Call,
    action: &str,
    (category, key): (&str, &str),
    act: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    let subject = plain_line(&format!("{category}/{key}"), NAME_CHARS);
    call.recorded("memory", &subject, json!({"action": action, "by": "gateway"}), act).await
}

async fn learn(call: Call) -> Answer {
    let text = |key: &str| call.text(key).unwrap_or_default().to_owned();
    let value = match (call.text("value"), call.text("content")) {
        (Some(value), None) | (None, Some(value)) => value.to_owned(),
        (Some(value), Some(content)) if value == content => value.to_owned(),
        (Some(_), Some(_)) => return Err(Refusal::invalid("invalid memory.learn params: value and content are the same thing; give one")),
        (None, None) => return Err(Refusal::invalid("invalid memory.learn params: must have required property 'value'")),
    };
    let confidence = call.params.get("confidence").and_then(Value::as_f64).unwrap_or(CONFIDENCE).clamp(0.0, 1.0);
    let fact = NewFact { category: text("category"), key: text("key"), value, confidence, source: "user".into(), expires_ms: None };
    fact.check().map_err(|why| Refusal::invalid(format!("invalid memory.learn params: {why}")))?;
    let (category, key) = (fact.category.clone(), fact.key.clone());
    let act = async {
        match call.server.facts.learn(&UserId::owner(), fact).await? {
            true => Ok(()),
            false => Err(Refusal::invalid(SURER)),
        }
    };
    let learned = match recorded(&call, "learn", (&category, &key), act).await {
        Ok(()) => true,
        // No error of the client's: it is told, and the log says that nothing changed.
        Err(refusal) if refusal.message == SURER => false,
        Err(refusal) => return Err(refusal),
    };
    Ok(json!({"ok": true, "learned": learned}).into())
}

async fn forget(call: Call) -> Answer {
    let (category, key) = (call.text("category").unwrap_or_default(), call.text("key").unwrap_or_default());
    let act = async {
        match call.server.facts.forget(&UserId::owner(), category, key).await? {
            true => Ok(()),
            false => Err(Refusal::not_found(format!(
                "nothing is remembered as {}; memory.list shows what is",
                plain_line(&format!("{category}/{key}"), NAME_CHARS)
            ))),
        }
    };
    recorded(&call, "forget", (category, key), act).await?;
    Ok(json!({"ok": true}).into())
}
