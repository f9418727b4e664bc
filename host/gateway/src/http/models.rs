//! `GET /v1/models`: what can stand in `model` of a completion.

use crate::auth::scope::Scope;
use crate::http::answer::Fault;
use crate::http::intake::DEFAULT_NAMES;
use crate::http::{PeerAddress, bearer};
use crate::server::Server;
use axum::Json;
use axum::extract::{Extension, Path, State};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

fn entry(id: &str, owner: &str) -> Value {
    json!({"id": id, "object": "model", "created": 0, "owned_by": owner})
}

fn all(server: &Server) -> Vec<Value> {
    let mut all: Vec<Value> = DEFAULT_NAMES.iter().map(|name| entry(name, "skynet")).collect();
    all.extend(server.agent.models().iter().map(|model| entry(&model.full_name(), &model.provider)));
    all
}

pub(super) async fn list(
    State(server): State<Arc<Server>>,
    Extension(address): Extension<PeerAddress>,
    headers: HeaderMap,
) -> Result<Json<Value>, Fault> {
    bearer::need(&server, address.0, &headers, Scope::Read).await?;
    Ok(Json(json!({"object": "list", "data": all(&server)})))
}

pub(super) async fn one(
    State(server): State<Arc<Server>>,
    Extension(address): Extension<PeerAddress>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Fault> {
    bearer::need(&server, address.0, &headers, Scope::Read).await?;
    let found = all(&server).into_iter().find(|model| model.get("id").and_then(Value::as_str) == Some(&id));
    found.map(Json).ok_or_else(|| {
        Fault::new(StatusCode::NOT_FOUND, "invalid_request_error", format!("model `{}` does not exist", crate::schema::shown(&id)))
            .code("model_not_found")
    })
}
