//! `POST /tools/invoke`: one tool call, without a model.

use crate::auth::scope::Scope;
use crate::http::answer::Fault;
use crate::http::{PeerAddress, bearer, body};
use crate::invoke::{self, Invoked, Reader};
use crate::limits::INVOKE_BODY_BYTES;
use crate::server::Server;
use crate::transcript;
use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    tool: String,
    /// A short way to write the argument of this name.
    action: Option<String>,
    #[serde(default)]
    args: Map<String, Value>,
    session_key: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

pub(super) async fn invoke(
    State(server): State<Arc<Server>>,
    Extension(address): Extension<PeerAddress>,
    request: Request,
) -> Result<Response, Fault> {
    let (head, body) = request.into_parts();
    let holder = bearer::need(&server, address.0, &head.headers, Scope::Write).await?;
    let body = body::read(body, INVOKE_BODY_BYTES).await?;
    let mut body: Body =
        serde_json::from_slice(&body).map_err(|error| Fault::invalid(format!("the body is not a call of a tool: {error}")))?;
    if body.dry_run {
        return Err(Fault::invalid("dryRun: a tool cannot be tried without being run; leave it out to run it"));
    }
    if let Some(action) = body.action.take() {
        body.args.entry("action").or_insert_with(|| action.into());
    }
    let session = crate::invoke::session(body.session_key.as_deref()).map_err(Fault::invalid)?;
    // To its end and into the log, also when the client leaves meanwhile.
    let running = tokio::spawn(async move {
        let (actor, reader) = (holder.actor(), Reader::with(holder.scopes));
        invoke::run(&server, &actor, reader, &body.tool, body.args.into(), session, std::future::pending()).await
    });
    let lost = |_| Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "api_error", "the call ended badly; see the host's log");
    let invoked = running.await.map_err(lost)?;
    let failed = |status: StatusCode, kind: &str, message: &str| {
        (status, Json(json!({"ok": false, "error": {"type": kind, "message": message}}))).into_response()
    };
    Ok(match &invoked {
        Invoked::TooOften(after_ms) => return Err(Fault::too_often("tool calls", *after_ms)),
        Invoked::Done(done) => {
            Json(json!({"ok": true, "result": {"content": transcript::result_content(&done.result.content)}})).into_response()
        }
        Invoked::Failed(message) => failed(StatusCode::BAD_REQUEST, "tool_error", message),
        Invoked::Unknown(message) => failed(StatusCode::NOT_FOUND, "not_found", message),
        Invoked::Withheld(message) => failed(StatusCode::INTERNAL_SERVER_ERROR, "api_error", message),
    })
}
