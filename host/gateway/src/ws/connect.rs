//! The handshake: what `connect` may say, in which order it is judged, what is
//! answered to each fault. Nothing else is listened to before it.
//!
//! Order: shape, protocol, role, page of origin, lock-out, device proof, secret,
//! pairing. A failed secret counts against the address; a fault of shape does not.

use crate::auth::device::{self, Device, DeviceProof};
use crate::auth::pairing::{Admitted, Ask};
use crate::auth::peer::Peer;
use crate::auth::scope::Scopes;
use crate::auth::{record, secret};
use crate::client::{Identity, Role};
use crate::limits::NAMES_PER_CLIENT;
use crate::refusal::Refusal;
use crate::schema::{self, Field, Kind, TEXT, WORD, may, must};
use crate::server::Server;
use crate::ws::seed;
use serde::Deserialize;
use serde_json::{Value, json};

/// The protocol that is spoken here.
pub(crate) const PROTOCOL: u64 = 3;

const CLIENT_IDS: &[&str] = &[
    "webchat-ui",
    "openclaw-control-ui",
    "openclaw-tui",
    "webchat",
    "cli",
    "gateway-client",
    "openclaw-macos",
    "openclaw-ios",
    "openclaw-android",
    "node-host",
    "test",
    "fingerprint",
    "openclaw-probe",
];
const CLIENT_MODES: &[&str] = &["webchat", "cli", "ui", "backend", "node", "probe", "test"];
const NAMES: Kind = Kind::List(&WORD, NAMES_PER_CLIENT);

const SHAPE: &[Field] = &[
    must("minProtocol", Kind::Int(1, u64::MAX)),
    must("maxProtocol", Kind::Int(1, u64::MAX)),
    must(
        "client",
        Kind::Object(&[
            must("id", Kind::OneOf(CLIENT_IDS)),
            may("displayName", WORD),
            must("version", WORD),
            must("platform", WORD),
            may("deviceFamily", WORD),
            may("modelIdentifier", WORD),
            must("mode", Kind::OneOf(CLIENT_MODES)),
            may("instanceId", WORD),
        ]),
    ),
    may("caps", NAMES),
    may("commands", NAMES),
    may("permissions", Kind::Map(&Kind::Bool)),
    may("pathEnv", TEXT),
    may("role", WORD),
    may("scopes", NAMES),
    may(
        "device",
        Kind::Object(&[
            must("id", WORD),
            must("publicKey", WORD),
            must("signature", WORD),
            must("signedAt", Kind::Int(0, u64::MAX)),
            // Its absence has an error of its own, which clients know.
            may("nonce", TEXT),
        ]),
    ),
    may("auth", Kind::Object(&[may("token", TEXT), may("bootstrapToken", TEXT), may("deviceToken", TEXT), may("password", TEXT)])),
    may("locale", TEXT),
    may("userAgent", TEXT),
];

/// What a client says of itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientInfo {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) platform: String,
    pub(crate) mode: String,
    pub(crate) display_name: Option<String>,
    pub(crate) device_family: Option<String>,
    pub(crate) model_identifier: Option<String>,
    pub(crate) instance_id: Option<String>,
}

/// What a client shows as its right to connect.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthParams {
    pub(crate) token: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) device_token: Option<String>,
    pub(crate) bootstrap_token: Option<String>,
}

impl AuthParams {
    /// The token that a device's signature covers.
    pub(crate) fn signed_token(&self) -> &str {
        let present = [&self.token, &self.device_token, &self.bootstrap_token];
        present.into_iter().flatten().find(|token| !token.is_empty()).map_or("", String::as_str)
    }

    fn shown(&self) -> Option<&str> {
        self.token.as_deref().filter(|token| !token.is_empty())
    }
}

/// The parameters of `connect`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectParams {
    pub(crate) min_protocol: u64,
    pub(crate) max_protocol: u64,
    pub(crate) client: ClientInfo,
    pub(crate) role: Option<String>,
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    #[serde(default)]
    pub(crate) caps: Vec<String>,
    #[serde(default)]
    pub(crate) commands: Vec<String>,
    pub(crate) device: Option<DeviceProof>,
    #[serde(default)]
    pub(crate) auth: AuthParams,
    /// It came in the forerunner's shape, and is answered so that those clients understand.
    #[serde(skip)]
    pub(crate) seed: bool,
}

impl ConnectParams {
    /// Judges the shape alone.
    pub(crate) fn parse(params: Option<Value>) -> Result<Self, Refusal> {
        let invalid = |why: String| Refusal::invalid(format!("invalid connect params: {why}"));
        let Some(Value::Object(map)) = params else { return Err(invalid("must be object".into())) };
        let seed = seed::is_seed(&map);
        let map = if seed { seed::translated(&map)? } else { map };
        if let Some(why) = schema::faults(SHAPE, &map) {
            return Err(invalid(why));
        }
        let params: Self = serde_json::from_value(Value::Object(map)).map_err(|error| invalid(error.to_string()))?;
        Ok(Self { seed, ..params })
    }

    pub(crate) fn role(&self) -> &str {
        self.role.as_deref().unwrap_or("operator")
    }

    fn is_control_ui(&self) -> bool {
        self.client.id == "openclaw-control-ui"
    }
}

/// A client that may come in.
#[derive(Debug)]
pub(crate) struct Welcome {
    pub(crate) identity: Identity,
    pub(crate) device_token: Option<(String, u64)>,
}

/// Judges a connect request. `nonce` is the socket's.
pub(crate) async fn judge(server: &Server, peer: &Peer, params: ConnectParams, nonce: &str) -> Result<Welcome, Refusal> {
    if params.max_protocol < PROTOCOL || params.min_protocol > PROTOCOL {
        return Err(Refusal::invalid("protocol mismatch").with(json!({"expectedProtocol": PROTOCOL})));
    }
    let role = match params.role() {
        "operator" => Role::Operator,
        "node" => Role::Node,
        _ => return Err(Refusal::invalid("invalid role")),
    };
    if !peer.origin_allowed(&server.config) {
        let message = "origin not allowed (open the page from this gateway's own address, or add its origin to gateway.allowed_origins)";
        return Err(Refusal::invalid(message).with(json!({"code": "CONTROL_UI_ORIGIN_NOT_ALLOWED"})));
    }
    let throttle_key = peer.throttle_key();
    let now = server.clock.now_ms();
    let locked = server.throttle.locked(&throttle_key, now);
    if let Some(after_ms) = locked.filter(|_| !peer.is_at_the_machine()) {
        return Err(locked_out(server, peer, after_ms).await);
    }
    let answer = enter(server, peer, params, role, nonce, now).await;
    match &answer {
        Ok(_) if !peer.is_at_the_machine() => server.throttle.succeeded(&throttle_key),
        Err(refusal) if is_failed_secret(refusal) => {
            tracing::warn!(peer = %peer.address, reason = refusal.message, "a client showed a secret that does not hold");
            server.throttle.failed(&throttle_key, now);
            if let Some(after_ms) = locked {
                return Err(locked_out(server, peer, after_ms).await);
            }
            record::failed(server, "connect", code_of(refusal).unwrap_or("unauthorized"), peer.address).await;
        }
        _ => {}
    }
    let welcome = answer?;
    let actor = welcome.identity.actor();
    let taken = server.rates.call(&welcome.identity.user(), &actor, "connect");
    taken.map_err(|after| Refusal::too_often("connections", after))?;
    record::came_in(server, &actor, "connect", &welcome.identity.info.id, peer.address).await?;
    Ok(welcome)
}

async fn locked_out(server: &Server, peer: &Peer, after_ms: u64) -> Refusal {
    record::failed(server, "connect", "AUTH_RATE_LIMITED", peer.address).await;
    let message = "unauthorized: too many failed authentication attempts (retry later)";
    let details = json!({"code": "AUTH_RATE_LIMITED", "recommendedNextStep": "wait_then_retry"});
    Refusal::invalid(message).with(details).after(after_ms)
}

fn code_of(refusal: &Refusal) -> Option<&str> {
    refusal.details.as_ref()?.get("code")?.as_str()
}

fn is_failed_secret(refusal: &Refusal) -> bool {
    matches!(
        code_of(refusal),
        Some("AUTH_TOKEN_MISMATCH" | "AUTH_DEVICE_TOKEN_MISMATCH" | "AUTH_BOOTSTRAP_TOKEN_INVALID" | "DEVICE_AUTH_SIGNATURE_INVALID")
    )
}

async fn enter(server: &Server, peer: &Peer, params: ConnectParams, role: Role, nonce: &str, now: u64) -> Result<Welcome, Refusal> {
    let device = match &params.device {
        Some(proof) => Some(device::verify(&params, proof, nonce, now)?),
        None => None,
    };
    let row = match params.auth.shown() {
        Some(token) => secret::find(&*server.access, token).await?,
        None => None,
    };
    let held = row.as_ref().map(|row| Scopes::of_strings(&row.scopes));
    let (scopes, device_token) = match &device {
        Some(device) => {
            let admitted = admit_device(server, peer, &params, device, held).await?;
            (admitted.scopes, Some((admitted.token, admitted.approved_ms)))
        }
        None => (without_device(peer, &params, held)?, None),
    };
    let scopes = if role == Role::Operator { scopes } else { Scopes::NONE };
    let identity = Identity {
        info: params.client,
        role,
        scopes,
        caps: params.caps,
        commands: params.commands,
        device: device.map(|device| device.id),
        token: row.map(|row| row.mark()),
        peer: peer.clone(),
        connected_ms: now,
        seed: params.seed,
    };
    Ok(Welcome { identity, device_token })
}

async fn admit_device(
    server: &Server,
    peer: &Peer,
    params: &ConnectParams,
    device: &Device,
    held: Option<Scopes>,
) -> Result<Admitted, Refusal> {
    let device_token_shown = params.auth.device_token.as_ref().is_some_and(|token| !token.is_empty());
    if held.is_none() && params.auth.shown().is_none() && !device_token_shown {
        return Err(secret_refusal(params, false));
    }
    let page_may = peer.origin.is_none() || matches!(params.client.id.as_str(), "openclaw-control-ui" | "webchat-ui" | "webchat");
    let ask = Ask { device, params, held, silent: held.is_some() && peer.local && page_may };
    server.pairing.admit(ask).await
}

fn without_device(peer: &Peer, params: &ConnectParams, held: Option<Scopes>) -> Result<Scopes, Refusal> {
    let Some(held) = held else {
        let nothing_shown = params.auth.shown().is_none() && params.auth.password.is_none();
        if nothing_shown {
            return Err(Refusal::not_paired("device identity required").with(json!({"code": "DEVICE_IDENTITY_REQUIRED"})));
        }
        return Err(secret_refusal(params, false));
    };
    if params.is_control_ui() {
        let message = "control ui requires device identity (open it over https or on localhost)";
        return Err(Refusal::invalid(message).with(json!({"code": "CONTROL_UI_DEVICE_IDENTITY_REQUIRED"})));
    }
    let backend = params.client.id == "gateway-client" && params.client.mode == "backend";
    if backend && peer.local && peer.origin.is_none() {
        return Ok(held.limit(Scopes::of_strings(&params.scopes)));
    }
    Ok(Scopes::NONE)
}

/// The refusal of a missing or wrong secret. `device_checked` says that a device token was tried too.
pub(crate) fn secret_refusal(params: &ConnectParams, device_checked: bool) -> Refusal {
    let auth = &params.auth;
    let device_token = auth.device_token.as_ref().is_some_and(|token| !token.is_empty());
    if device_checked && device_token && auth.shown().is_none() {
        let message = "unauthorized: device token mismatch (connect once with the gateway token to get a new one)";
        return Refusal::invalid(message).with(json!({
            "code": "AUTH_DEVICE_TOKEN_MISMATCH", "authReason": "device_token_mismatch",
            "canRetryWithDeviceToken": false, "recommendedNextStep": "update_auth_credentials",
        }));
    }
    if auth.shown().is_none() {
        let message = "unauthorized: gateway token missing (give the token in owner.token)";
        return Refusal::invalid(message).with(json!({
            "code": "AUTH_TOKEN_MISSING", "authReason": "token_missing",
            "canRetryWithDeviceToken": false, "recommendedNextStep": "update_auth_configuration",
        }));
    }
    let retry = params.device.is_some() && !device_token;
    let message = "unauthorized: gateway token mismatch (give the token in owner.token)";
    Refusal::invalid(message).with(json!({
        "code": "AUTH_TOKEN_MISMATCH", "authReason": "token_mismatch", "canRetryWithDeviceToken": retry,
        "recommendedNextStep": if retry { "retry_with_device_token" } else { "update_auth_credentials" },
    }))
}
