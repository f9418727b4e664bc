//! The methods that a client can call: one table of name, right, shape and handler.
//!
//! Owns the gate in front of every handler: role, scope, shape, number in flight.
//! Each family has its file. A request is begun in the order in which it came and
//! may end in any; a slow one does not hold up the socket.

mod agent;
mod agents;
mod catalog;
mod chat;
mod config;
mod cron;
mod devices;
mod empty;
mod history;
pub(crate) mod identity;
mod knowledge;
mod memory;
mod plugins;
pub(crate) mod proposals;
mod session_changes;
mod session_watch;
mod sessions;
mod status;
mod system;
mod terminal;
mod tools;

use crate::auth::scope::Scope;
use crate::client::{Client, Role};
use crate::frame::{Inbound, Payload, Request, response};
use crate::limits::ROLE_VIOLATIONS;
use crate::mailbox::{Closing, Cork};
use crate::refusal::Refusal;
use crate::schema::{self, Field};
use crate::server::Server;
use serde_json::{Map, Value};
use skynet_core::SessionKey;
use skynet_core::limits::QUERY_BYTES;
use skynet_core::ports::AuditRow;
use skynet_policy::naming::plain_line;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use tokio::sync::OwnedSemaphorePermit;

/// What a method gives.
pub(crate) type Answer = Result<Payload, Refusal>;
type Running = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// One method.
pub(crate) struct Method {
    name: &'static str,
    /// `None`: any client, nodes too.
    scope: Option<Scope>,
    /// `None`: parameters are not looked at.
    shape: Option<&'static [Field]>,
    run: fn(Call) -> Running,
    /// A second shape, told from the first by the keys that it lacks.
    also: Option<&'static [Field]>,
    /// Events wait until it has answered: those of a run must follow the run's id.
    answers_first: bool,
}

impl Method {
    const fn answers_first(mut self) -> Self {
        self.answers_first = true;
        self
    }

    const fn or_as(mut self, shape: &'static [Field]) -> Self {
        self.also = Some(shape);
        self
    }
}

const fn method(name: &'static str, scope: Option<Scope>, shape: Option<&'static [Field]>, run: fn(Call) -> Running) -> Method {
    Method { name, scope, shape, run, also: None, answers_first: false }
}

/// All methods, by name.
pub(crate) struct Table(HashMap<&'static str, &'static Method>);

const FAMILIES: &[&[Method]] = &[
    status::METHODS,
    config::METHODS,
    chat::METHODS,
    history::METHODS,
    agent::METHODS,
    agents::METHODS,
    sessions::METHODS,
    session_changes::METHODS,
    session_watch::METHODS,
    catalog::METHODS,
    tools::METHODS,
    devices::METHODS,
    identity::METHODS,
    empty::METHODS,
    plugins::METHODS,
    proposals::METHODS,
    memory::METHODS,
    knowledge::METHODS,
    cron::METHODS,
    system::METHODS,
    terminal::METHODS,
];

impl Table {
    pub(crate) fn new() -> Self {
        Self(FAMILIES.iter().flat_map(|family| family.iter()).map(|method| (method.name, method)).collect())
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.0.keys().copied().collect();
        names.push("connect");
        names.sort_unstable();
        names
    }
}

/// Characters of a reason in the audit log.
const WHY_CHARS: usize = 300;

/// A request that passed the gate.
pub(crate) struct Call {
    pub(crate) server: Arc<Server>,
    pub(crate) client: Arc<Client>,
    id: String,
    pub(crate) params: Map<String, Value>,
    cork: Option<Arc<Cork>>,
}

impl Call {
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.params.get(key)?.as_str()
    }

    pub(crate) fn int(&self, key: &str) -> Option<u64> {
        self.params.get(key)?.as_u64()
    }

    /// How many at most, where the shape has the bounds.
    pub(crate) fn limit(&self, default: usize) -> usize {
        self.int("limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(default)
    }

    /// The words to search for.
    pub(crate) fn query(&self, method: &str) -> Result<&str, Refusal> {
        let query = self.text("query").unwrap_or_default();
        if query.len() > QUERY_BYTES {
            return Err(Refusal::invalid(format!("invalid {method} params: a query has at most {QUERY_BYTES} bytes")));
        }
        Ok(query)
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.params.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The canonical key of the session that a parameter names.
    pub(crate) fn session(&self, key: &str) -> Result<SessionKey, Refusal> {
        SessionKey::canonical(self.text(key).unwrap_or("")).map_err(|error| Refusal::invalid(error.to_string()))
    }

    /// Refuses who lacks a scope that only some parameters need.
    pub(crate) fn need(&self, scope: Scope) -> Result<(), Refusal> {
        need(&self.client, scope)
    }

    /// Does what changes something: its row is in the audit log first, and a second one
    /// when it did not come about.
    pub(crate) async fn recorded<T>(
        &self,
        kind: &str,
        subject: &str,
        mut detail: Value,
        act: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let actor = self.client.actor();
        self.server.record(kind, &actor, subject, "ok", detail.clone()).await?;
        let outcome = act.await;
        if let Err(refusal) = &outcome {
            if let Some(detail) = detail.as_object_mut() {
                // The host's sentence; it may quote a word of what was asked, in one plain line.
                detail.insert("why".into(), plain_line(&refusal.message, WHY_CHARS).into());
            }
            let row = AuditRow { kind: kind.into(), actor, subject: subject.into(), verdict: "error".into(), detail };
            if let Err(error) = self.server.enqueue(row).await {
                tracing::error!(%kind, %subject, %error, "what did not come about stands in the audit log as done");
            }
        }
        outcome
    }

    /// Answers now; the handler's own answer follows as a second frame.
    pub(crate) fn answer_early(&self, payload: Value) {
        self.client.mailbox.answer(response(&self.id, &Ok(payload.into())));
        self.let_events_go();
    }

    /// Events need not wait for the answer.
    pub(crate) fn let_events_go(&self) {
        if let Some(cork) = &self.cork {
            cork.pull();
        }
    }
}

fn need(client: &Client, scope: Scope) -> Result<(), Refusal> {
    if client.identity.scopes.cover(scope) {
        return Ok(());
    }
    Err(Refusal::invalid(format!("missing scope: {}", scope.name())))
}

/// Takes a text frame of a client.
pub(crate) fn receive(server: &Arc<Server>, client: &Arc<Client>, text: &str) {
    let request = match Inbound::parse(text) {
        Inbound::Request(request) => request,
        Inbound::Malformed { id, why } => {
            let refusal = Refusal::invalid(format!("invalid request frame: {why}"));
            return client.mailbox.answer(response(&id, &Err(refusal)));
        }
        Inbound::Noise => return tracing::debug!(conn = %client.conn, "a frame was not JSON"),
    };
    let id = request.id.clone();
    match begin(server, client, request) {
        Ok(begun) => run(Arc::clone(client), id, begun),
        Err(refusal) => client.mailbox.answer(response(&id, &Err(refusal))),
    }
}

/// A request behind the gate.
struct Begun {
    running: Running,
    _permit: OwnedSemaphorePermit,
    _cork: Option<Arc<Cork>>,
}

/// The gate.
fn begin(server: &Arc<Server>, client: &Arc<Client>, request: Request) -> Result<Begun, Refusal> {
    if request.method == "connect" {
        return Err(Refusal::invalid("connect is only valid as the first request"));
    }
    let Some(method) = server.methods.0.get(request.method.as_str()) else {
        return Err(Refusal::invalid(format!("unknown method: {}", schema::shown(&request.method))));
    };
    check_role(client, method)?;
    if let Some(scope) = method.scope {
        need(client, scope)?;
    }
    let taken = server.rates.call(&client.identity.user(), &client.actor(), method.name);
    taken.map_err(|after| Refusal::too_often(&format!("calls of {}", method.name), after))?;
    let params = params(method, request.params)?;
    let Ok(permit) = Arc::clone(&client.requests).try_acquire_owned() else {
        return Err(Refusal::later("too many requests are running on this connection; wait for some to end", 500));
    };
    let cork = method.answers_first.then(|| Arc::new(client.mailbox.cork()));
    let call = Call { server: Arc::clone(server), client: Arc::clone(client), id: request.id, params, cork: cork.clone() };
    Ok(Begun { running: (method.run)(call), _permit: permit, _cork: cork })
}

fn check_role(client: &Client, method: &Method) -> Result<(), Refusal> {
    if client.identity.role == Role::Operator || method.scope.is_none() {
        client.violations.store(0, Ordering::Relaxed);
        return Ok(());
    }
    if client.violations.fetch_add(1, Ordering::Relaxed) >= ROLE_VIOLATIONS {
        client.mailbox.close(Closing::new(1008, "repeated unauthorized calls"));
    }
    Err(Refusal::invalid(format!("unauthorized role: {}", client.identity.role.name())))
}

fn params(method: &Method, params: Option<Value>) -> Result<Map<String, Value>, Refusal> {
    let invalid = |why: &str| Refusal::invalid(format!("invalid {} params: {why}", method.name));
    let params = match params {
        Some(Value::Object(params)) => params,
        None => Map::new(),
        Some(_) if method.shape.is_none() => Map::new(),
        Some(_) => return Err(invalid("must be object")),
    };
    // Of two shapes the first is the protocol's, and its words are those that clients know.
    match method.shape.and_then(|shape| schema::faults(shape, &params)) {
        Some(why) if method.also.is_none_or(|other| schema::faults(other, &params).is_some()) => Err(invalid(&why)),
        _ => Ok(params),
    }
}

/// Begins at once, so that what was asked first is begun first; goes on beside the
/// socket, so that a client that leaves does not undo half of what it asked.
fn run(client: Arc<Client>, id: String, mut begun: Begun) {
    if let Poll::Ready(answer) = begun.running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return client.mailbox.answer(response(&id, &answer));
    }
    tokio::spawn(async move {
        // Whole, or its place and its cork would be given up here and now.
        let Begun { running, _permit, _cork } = begun;
        let answer = running.await;
        client.mailbox.answer(response(&id, &answer));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_twice_in_the_table() {
        let all: usize = FAMILIES.iter().map(|family| family.len()).sum();
        assert_eq!(Table::new().0.len(), all);
    }

    #[test]
    fn only_health_and_ping_need_no_scope() {
        let mut open: Vec<_> = Table::new().0.values().filter(|method| method.scope.is_none()).map(|method| method.name).collect();
        open.sort_unstable();
        assert_eq!(open, ["health", "ping"]);
    }
}
