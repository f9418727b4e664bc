//! The frames of the wire: what a client may send, and how answers and events look.
//!
//! Owns their exact keys. A client drops a frame with a key too many or a `null`
//! where a key should be absent, so nothing optional is ever written as `null`.
//! An event is serialized once for all clients; only its number is added per socket.

use crate::refusal::Refusal;
use crate::schema::FAULTS_SHOWN;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A request of a client.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) params: Option<Value>,
}

/// What a text frame turned out to be.
#[derive(Debug)]
pub(crate) enum Inbound {
    Request(Request),
    /// JSON, but no request; the id to answer to, and what is wrong.
    Malformed {
        id: String,
        why: String,
    },
    /// Not JSON.
    Noise,
}

impl Inbound {
    pub(crate) fn parse(text: &str) -> Self {
        let Ok(value) = serde_json::from_str::<Value>(text) else { return Self::Noise };
        let Value::Object(mut map) = value else {
            return Self::Malformed { id: "invalid".into(), why: "must be object".into() };
        };
        let faults = frame_faults(&map);
        let mut text = |key: &str| match map.remove(key) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let (id, method) = (text("id"), text("method"));
        if faults.is_empty() {
            return Self::Request(Request { id, method, params: map.remove("params") });
        }
        let id = if id.is_empty() { "invalid".into() } else { id };
        Self::Malformed { id, why: faults.join("; ") }
    }
}

fn frame_faults(map: &Map<String, Value>) -> Vec<String> {
    let mut faults = Vec::new();
    for key in ["type", "id", "method"] {
        match map.get(key) {
            None => faults.push(format!("must have required property '{key}'")),
            Some(Value::String(text)) if text.is_empty() => faults.push(format!("at /{key}: must NOT have fewer than 1 characters")),
            Some(Value::String(text)) if key == "type" && text != "req" => faults.push("at /type: must be equal to constant".into()),
            Some(Value::String(_)) => {}
            Some(_) => faults.push(format!("at /{key}: must be string")),
        }
    }
    let unknown = map.keys().filter(|key| !matches!(key.as_str(), "type" | "id" | "method" | "params"));
    for key in unknown.take(FAULTS_SHOWN) {
        faults.push(format!("at root: unexpected property '{}'", crate::schema::shown(key)));
    }
    faults
}

/// What a method answers: made now, or kept ready as text.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    Value(Value),
    Raw(Arc<RawValue>),
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Raw(raw) => raw.serialize(serializer),
        }
    }
}

#[derive(Serialize)]
struct ResponseFrame<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Refusal>,
}

/// The text of a response frame.
pub(crate) fn response(id: &str, result: &Result<Payload, Refusal>) -> String {
    let frame = ResponseFrame { kind: "res", id, ok: result.is_ok(), payload: result.as_ref().ok(), error: result.as_ref().err() };
    json(&frame)
}

/// Versions of the two parts of the snapshot, so that a client can tell old from new.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct StateVersion {
    pub(crate) presence: u64,
    pub(crate) health: u64,
}

/// An event without its number and without its last brace: shared by all sockets.
#[derive(Debug, Clone)]
pub(crate) struct EventHead(Arc<str>);

#[derive(Serialize)]
struct EventFrame<'a, P> {
    #[serde(rename = "type")]
    kind: &'static str,
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a P>,
    #[serde(rename = "stateVersion", skip_serializing_if = "Option::is_none")]
    version: Option<StateVersion>,
}

impl EventHead {
    pub(crate) fn new(event: &str, payload: &impl Serialize) -> Self {
        Self::versioned(event, payload, None)
    }

    pub(crate) fn versioned(event: &str, payload: &impl Serialize, version: Option<StateVersion>) -> Self {
        let mut text = json(&EventFrame { kind: "event", event, payload: Some(payload), version });
        text.pop();
        Self(text.into())
    }

    /// Bytes of the finished frame, about.
    pub(crate) fn len(&self) -> usize {
        self.0.len() + 16
    }

    /// The whole frame, with its number on this socket if it has one.
    pub(crate) fn finish(&self, seq: Option<u64>) -> String {
        let mut text = String::with_capacity(self.len() + 16);
        text.push_str(&self.0);
        if let Some(seq) = seq {
            text.push_str(",\"seq\":");
            text.push_str(&seq.to_string());
        }
        text.push('}');
        text
    }
}

/// JSON of plain data. It cannot fail: our maps have text keys and our numbers are finite or `null`.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| {
        tracing::error!(%error, "a frame could not be serialized");
        "{}".into()
    })
}

/// The same, kept as a ready piece of JSON.
pub(crate) fn ready(value: &impl Serialize) -> Arc<RawValue> {
    RawValue::from_string(json(value)).map_or_else(|_| Arc::from(RawValue::NULL.to_owned()), Arc::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Refusal;
    use serde_json::json;

    fn why(text: &str) -> String {
        match Inbound::parse(text) {
            Inbound::Malformed { id, why } => format!("{id}: {why}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_request_has_three_keys_and_perhaps_params() {
        let Inbound::Request(request) = Inbound::parse(r#"{"type":"req","id":"1","method":"health","params":{"probe":true}}"#) else {
            panic!("not a request")
        };
        assert_eq!((request.id.as_str(), request.method.as_str(), request.params), ("1", "health", Some(json!({"probe": true}))));
    }

    #[test]
    fn of_many_unknown_keys_a_few_are_named() {
        let keys: String = (0..20).map(|number| format!(",\"k{number}\":0")).collect();
        let why = why(&format!(r#"{{"type":"req","id":"1","method":"x"{keys}}}"#));
        assert_eq!(why.matches("unexpected property").count(), FAULTS_SHOWN, "{why}");
    }

    #[test]
    fn a_number_goes_through_as_it_came() {
        let text = r#"{"type":"req","id":"1","method":"x","params":[1.7976931348623077e+308,0.1,-9.223372680354775e18]}"#;
        let Inbound::Request(request) = Inbound::parse(text) else { panic!("not a request") };
        let params = request.params.unwrap_or_default();
        assert_eq!(serde_json::from_str::<Value>(&json(&params)).unwrap(), params);
    }

    #[test]
    fn what_is_no_request_is_told_why() {
        assert_eq!(why("[]"), "invalid: must be object");
        assert_eq!(why(r#"{"type":"req","id":"7"}"#), "7: must have required property 'method'");
        assert_eq!(why(r#"{"type":"event","id":"7","method":"x"}"#), "7: at /type: must be equal to constant");
        assert_eq!(why(r#"{"type":"req","id":1,"method":""}"#), {
            "invalid: at /id: must be string; at /method: must NOT have fewer than 1 characters"
        });
        assert_eq!(why(r#"{"type":"req","id":"1","method":"x","extra":1}"#), "1: at root: unexpected property 'extra'");
        assert!(matches!(Inbound::parse("{"), Inbound::Noise));
        assert!(matches!(Inbound::parse(&"[".repeat(100_000)), Inbound::Noise));
    }

    #[test]
    fn answers_leave_out_what_they_do_not_have() {
        assert_eq!(response("1", &Ok(json!({}).into())), r#"{"type":"res","id":"1","ok":true,"payload":{}}"#);
        assert_eq!(response("1", &Ok(Value::Null.into())), r#"{"type":"res","id":"1","ok":true,"payload":null}"#);
        assert_eq!(
            response("1", &Err(Refusal::invalid("no"))),
            r#"{"type":"res","id":"1","ok":false,"error":{"code":"INVALID_REQUEST","message":"no"}}"#
        );
    }

    #[test]
    fn an_event_gets_its_number_per_socket() {
        let head = EventHead::new("tick", &json!({"ts": 1}));
        assert_eq!(head.finish(Some(7)), r#"{"type":"event","event":"tick","payload":{"ts":1},"seq":7}"#);
        assert_eq!(head.finish(None), r#"{"type":"event","event":"tick","payload":{"ts":1}}"#);
        let head = EventHead::versioned("presence", &json!({}), Some(StateVersion { presence: 2, health: 3 }));
        assert_eq!(
            head.finish(Some(1)),
            r#"{"type":"event","event":"presence","payload":{},"stateVersion":{"presence":2,"health":3},"seq":1}"#
        );
    }
}
