//! The handshake as this project's forerunner had it: `auth` with its kind in `mode`, and `client_info`.
//!
//! Owns the translation into the protocol's own shape, which is judged like any other: no secret
//! counts for more, and without a device from another machine there are no rights. Refuses kinds of
//! `auth` that prove nothing here. Decision 0028 has what was left out.

use crate::refusal::Refusal;
use crate::schema::{self, Field, Kind, TEXT, WORD, may, must};
use serde_json::{Map, Value, json};

const MODES: Kind = Kind::OneOf(&["token", "password", "device-token", "tailscale-whois", "trusted-proxy", "none"]);

const SHAPE: &[Field] = &[
    must(
        "auth",
        Kind::Object(&[
            must("mode", MODES),
            may("token", TEXT),
            may("password", TEXT),
            may("device_token", TEXT),
            may("forwarded_user", TEXT),
        ]),
    ),
    may("client_info", Kind::Object(&[may("name", WORD), may("version", WORD), may("platform", WORD)])),
];

/// Whether it is this shape: the other one has none of these keys in these places.
pub(super) fn is_seed(params: &Map<String, Value>) -> bool {
    let own = ["minProtocol", "maxProtocol", "client"].iter().any(|key| params.contains_key(*key));
    !own && params.get("auth").and_then(|auth| auth.get("mode")).is_some()
}

/// The same in the protocol's own shape.
pub(super) fn translated(params: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    if let Some(why) = schema::faults(SHAPE, params) {
        return Err(Refusal::invalid(format!("invalid connect params: {why}")));
    }
    let auth = |key: &str| params.get("auth").and_then(|auth| auth.get(key)).and_then(Value::as_str).unwrap_or_default();
    if auth("mode") != "token" {
        let message = format!("auth.mode `{}` is not offered here (use `token` with the token in owner.token)", auth("mode"));
        return Err(Refusal::invalid(message).with(json!({
            "code": "AUTH_MODE_UNSUPPORTED", "recommendedNextStep": "update_auth_configuration",
        })));
    }
    let about = |key: &str| params.get("client_info").and_then(|info| info.get(key)).and_then(Value::as_str).unwrap_or("unknown");
    let own = json!({
        "minProtocol": super::connect::PROTOCOL, "maxProtocol": super::connect::PROTOCOL, "role": "operator",
        "client": {
            "id": "gateway-client", "mode": "backend", "displayName": about("name"), "version": about("version"), "platform": about("platform"),
        },
        // As far as its token reaches.
        "scopes": ["operator.admin"],
        "auth": {"token": auth("token")},
    });
    match own {
        Value::Object(map) => Ok(map),
        _ => Ok(Map::new()),
    }
}
