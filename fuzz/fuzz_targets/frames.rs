//! A text frame of the gateway, from anybody who can open a socket.
//!
//! Held: a request, written again, is the same request; whatever is wrong with a
//! frame, the answer is one frame of JSON with the keys that clients know; and an
//! event carries any payload unchanged, with its number.
#![no_main]

#[path = "../../host/gateway/src/frame.rs"]
#[allow(dead_code, unreachable_pub, reason = "the gateway's own file: it uses all of it")]
mod frame;
#[path = "../../host/gateway/src/schema.rs"]
#[allow(dead_code, unreachable_pub, reason = "the gateway's own file: it uses all of it")]
mod schema;

/// The gateway's own also speaks of the agent; on the wire it is this.
mod refusal {
    #[derive(Debug, Clone, serde::Serialize)]
    pub(crate) struct Refusal {
        pub(crate) code: &'static str,
        pub(crate) message: String,
    }
}

use frame::{EventHead, Inbound, Payload, Request, response};
use libfuzzer_sys::fuzz_target;
use refusal::Refusal;
use serde_json::{Value, json};

fuzz_target!(|text: &str| {
    match Inbound::parse(text) {
        Inbound::Request(request) => {
            same_again(&request);
            shape(request.params.as_ref());
            answered(&request.id, &Ok(Payload::from(request.params.clone().unwrap_or_default())));
            event(&request.method, &request.params.unwrap_or_default());
        }
        Inbound::Malformed { id, why } => {
            assert!(!id.is_empty() && !why.is_empty());
            answered(&id, &Err(Refusal { code: "INVALID_REQUEST", message: why }));
        }
        Inbound::Noise => assert!(serde_json::from_str::<Value>(text).is_err()),
    }
});

fn same_again(request: &Request) {
    assert!(!request.id.is_empty() && !request.method.is_empty());
    let mut frame = json!({ "type": "req", "id": request.id, "method": request.method });
    if let Some(params) = &request.params {
        frame["params"] = params.clone();
    }
    let Inbound::Request(again) = Inbound::parse(&frame.to_string()) else { panic!("{frame} is no request any more") };
    assert_eq!((again.id, again.method, again.params), (request.id.clone(), request.method.clone(), request.params.clone()));
}

/// Judging a shape ends, and says the same twice.
fn shape(params: Option<&Value>) {
    use schema::{COUNT, Field, Kind, TEXT, WORD, may, must};
    const INNER: &[Field] = &[must("id", WORD), may("on", Kind::Bool), may("mode", Kind::OneOf(&["a", "b"]))];
    const SHAPE: &[Field] = &[
        must("sessionKey", WORD),
        may("message", TEXT),
        may("limit", COUNT),
        may("names", Kind::List(&WORD, 4)),
        may("map", Kind::Map(&Kind::Bool)),
        may("client", Kind::Object(INNER)),
    ];
    let Some(Value::Object(map)) = params else { return };
    let faults = schema::faults(SHAPE, map);
    assert_eq!(faults, schema::faults(SHAPE, map));
    assert!(map.contains_key("sessionKey") || faults.is_some());
}

fn answered(id: &str, result: &Result<Payload, Refusal>) {
    let text = response(id, result);
    let frame: Value = serde_json::from_str(&text).expect("an answer is JSON");
    let last = if result.is_ok() { "payload" } else { "error" };
    let keys: Vec<_> = frame.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut known = vec!["type", "id", "ok", last];
    known.sort_unstable();
    assert_eq!(
        {
            let mut keys = keys;
            keys.sort_unstable();
            keys
        },
        known
    );
    assert_eq!((&frame["type"], &frame["id"], &frame["ok"]), (&json!("res"), &json!(id), &json!(result.is_ok())));
}

fn event(name: &str, payload: &Value) {
    let head = EventHead::new(name, payload);
    for seq in [None, Some(0), Some(u64::MAX)] {
        let frame: Value = serde_json::from_str(&head.finish(seq)).expect("an event is JSON");
        assert_eq!((&frame["event"], &frame["payload"]), (&json!(name), payload));
        assert_eq!(frame.get("seq").and_then(Value::as_u64), seq);
    }
}
