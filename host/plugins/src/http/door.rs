//! One request on its way out: decide, resolve once, check, dial that address,
//! rebuild, add the credential, send, bound the answer.
//!
//! Refuses by default; every refusal is typed, noted for the owner and audited.
//! Follows no redirect: a guest that does comes through here again.

use super::budget::HttpBudget;
use super::credential::{self, Missing};
use super::dial::{self, Connection, Pool, Route};
use super::meter::{Incoming, Outgoing};
use super::resolve::Resolver;
use super::sanitize;
use crate::limits;
use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use http_body_util::BodyExt;
use rustls::ClientConfig;
use skynet_core::ports::{Audit, AuditRow};
use skynet_core::secret::Secrets;
use skynet_core::{Denial, PluginRef};
use skynet_policy::egress::{self, Destination};
use skynet_policy::host_name::Host;
use skynet_policy::permission::{NetRule, Permissions, Scheme, SecretRule};
use skynet_policy::scrub::Known;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

/// Who asks, and within what.
pub(crate) struct Errand {
    pub(crate) plugin: PluginRef,
    pub(crate) permissions: Arc<Permissions>,
    pub(crate) budget: Arc<HttpBudget>,
    pub(crate) options: RequestOptions,
}

/// The door itself, one per host.
pub(crate) struct Door {
    resolver: Arc<dyn Resolver>,
    tls: Arc<ClientConfig>,
    pool: Arc<Pool>,
    connections: Arc<Semaphore>,
    secrets: Arc<dyn Secrets>,
    known: Known,
    audit: Arc<dyn Audit>,
}

type Credentials = Vec<(HeaderName, HeaderValue)>;

impl Door {
    pub(crate) fn new(
        resolver: Arc<dyn Resolver>,
        secrets: Arc<dyn Secrets>,
        known: Known,
        audit: Arc<dyn Audit>,
    ) -> Result<Self, rustls::Error> {
        let connections = Arc::new(Semaphore::new(limits::HTTP_CONNECTIONS));
        Ok(Self { resolver, tls: dial::tls_config()?, pool: Arc::default(), connections, secrets, known, audit })
    }

    /// Sends one request.
    pub(crate) async fn send(&self, errand: Errand, request: http::Request<WasiBody>) -> Result<http::Response<WasiBody>, Error> {
        // The body is not `Sync`; what is looked at over an await is the head alone.
        let (request, body) = request.into_parts();
        if !errand.budget.count_request() {
            return Err(self.refuse(&errand, &request, format!("more than {} requests in one call", limits::HTTP_REQUESTS)).await);
        }
        let destination = match destination(&request.uri) {
            Ok(destination) => destination,
            Err(why) => return Err(self.refuse(&errand, &request, why).await),
        };
        let rule = match egress::match_rule(&errand.permissions, &destination, request.method.as_str()) {
            Ok(rule) => rule.clone(),
            Err(refusal) => return Err(self.refuse(&errand, &request, refusal.to_string()).await),
        };
        let connect = errand.options.connect_timeout.unwrap_or(limits::HTTP_CONNECT).clamp(Duration::from_millis(1), limits::HTTP_CONNECT);
        let connecting = timeout(connect, self.connect(&errand, &request, &destination, &rule)).await;
        let (route, connection, credentials) = connecting.map_err(|_| Error::ConnectionTimeout)??;
        self.exchange(errand, (request, body), &destination, route, connection, credentials).await
    }

    async fn connect(
        &self,
        errand: &Errand,
        request: &Parts,
        destination: &Destination,
        rule: &NetRule,
    ) -> Result<(Route, Connection, Credentials), Error> {
        let addresses = self.addresses(destination).await?;
        let address = match egress::check_addresses(rule, destination, &addresses) {
            Ok(address) => address,
            Err(refusal) => {
                self.refuse(errand, request, refusal.to_string()).await;
                return Err(Error::DestinationIpProhibited);
            }
        };
        let (credentials, secrets) = self.credentials(errand, request, destination).await?;
        let address_only = serde_json::json!({ "address": address.to_string() });
        let detail =
            if secrets.is_empty() { address_only } else { serde_json::json!({ "address": address.to_string(), "secrets": secrets }) };
        self.record(errand, "egress", "ok", &target(request), detail).await?;
        let tls_name = (destination.scheme() == Scheme::Https).then(|| destination.host().to_string());
        let route = Route { plugin: errand.plugin.id.clone(), address: SocketAddr::new(address, destination.port()), tls_name };
        if let Some(connection) = self.pool.take(&route) {
            return Ok((route, connection, credentials));
        }
        let lease = Arc::clone(&self.connections).acquire_owned().await.map_err(|_| Error::ConnectionLimitReached)?;
        let connection = dial::dial(&route, &self.tls, lease).await?;
        Ok((route, connection, credentials))
    }

    async fn addresses(&self, destination: &Destination) -> Result<Vec<IpAddr>, Error> {
        if let Host::Ip(literal) = destination.host() {
            return Ok(vec![*literal]);
        }
        // Bounded by the connect time-out around `connect`.
        self.resolver.resolve(&destination.host().to_string()).await.map_err(|error| {
            tracing::debug!(%error, "name look-up");
            Error::DnsError { rcode: None, info_code: None }
        })
    }

    /// The headers of all secrets that belong to this server, with the secrets' names. One
    /// that cannot be put in stops the request: nothing else would say which it was.
    async fn credentials(&self, errand: &Errand, request: &Parts, destination: &Destination) -> Result<(Credentials, Vec<String>), Error> {
        let (mut credentials, mut names) = (Vec::new(), Vec::new());
        let rules: Vec<&SecretRule> = egress::secret_for(&errand.permissions, destination).collect();
        for rule in rules {
            match credential::open(&*self.secrets, &errand.plugin.id, rule, destination).await {
                Ok(Some(found)) => {
                    credentials.push(found);
                    names.push(rule.name.clone());
                }
                Ok(None) => {}
                Err(Missing { why, remedy }) => {
                    let what = target(request);
                    tracing::warn!(plugin = %errand.plugin, secret = %rule.name, %what, %why, %remedy, "a request was not sent");
                    let detail = serde_json::json!({ "server": destination.to_string(), "why": why });
                    errand.budget.note_denial(Denial { who: errand.plugin.to_string(), what, why, remedy });
                    self.record(errand, "secret", "denied", &rule.name, detail).await?;
                    return Err(Error::HttpRequestDenied);
                }
            }
        }
        Ok((credentials, names))
    }

    async fn exchange(
        &self,
        errand: Errand,
        (parts, body): (Parts, WasiBody),
        destination: &Destination,
        route: Route,
        mut connection: Connection,
        credentials: Credentials,
    ) -> Result<http::Response<WasiBody>, Error> {
        let open = Arc::clone(&errand.budget.open).acquire_owned().await.map_err(|_| Error::ConnectionLimitReached)?;
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut outgoing = http::Request::builder()
            .method(parts.method)
            .uri(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
            .body(Outgoing::new(body, Arc::clone(&errand.budget)))
            .map_err(|_| Error::HttpRequestUriInvalid)?;
        let host = HeaderValue::try_from(destination.authority()).map_err(|_| Error::HttpRequestUriInvalid)?;
        *outgoing.headers_mut() = sanitize::request_headers(&parts.headers, host, &credentials);
        let wait = errand.options.first_byte_timeout.unwrap_or(limits::HTTP_FIRST_BYTE);
        let wait = wait.clamp(Duration::from_millis(1), limits::HTTP_FIRST_BYTE);
        let answer = timeout(wait, connection.sender.send_request(outgoing)).await.map_err(|_| Error::HttpResponseTimeout)??;
        let idle = errand.options.between_bytes_timeout.unwrap_or(limits::HTTP_IDLE).clamp(Duration::from_millis(1), limits::HTTP_IDLE);
        let pool = Arc::clone(&self.pool);
        let budget = Arc::clone(&errand.budget);
        let (mut parts, body) = answer.into_parts();
        sanitize::clean_response(&mut parts.headers);
        sanitize::scrub_response(&mut parts.headers, &self.known.now());
        let lease = move |whole: bool| {
            drop(open);
            if whole {
                keep(pool, route, connection);
            }
        };
        let body = Incoming::new(body, budget, idle, Box::new(lease) as Box<dyn FnOnce(bool) + Send>);
        Ok(http::Response::from_parts(parts, body.boxed_unsync()))
    }

    async fn refuse(&self, errand: &Errand, request: &Parts, why: String) -> Error {
        let what = target(request);
        let remedy = format!("The owner can look with `skynet plugin info {0}` and allow with `skynet plugin grant {0}`", errand.plugin.id);
        errand.budget.note_denial(Denial { who: errand.plugin.to_string(), what: what.clone(), why: why.clone(), remedy });
        tracing::info!(plugin = %errand.plugin, %what, %why, "egress denied");
        match self.record(errand, "egress", "denied", &what, serde_json::json!({ "why": why })).await {
            Ok(()) => Error::HttpRequestDenied,
            Err(error) => error,
        }
    }

    async fn record(&self, errand: &Errand, kind: &str, verdict: &str, subject: &str, detail: serde_json::Value) -> Result<(), Error> {
        let row =
            AuditRow { kind: kind.into(), actor: errand.plugin.to_string(), subject: subject.to_owned(), verdict: verdict.into(), detail };
        self.audit.enqueue(row).await.map_err(|error| {
            tracing::error!(%error, "the audit log did not take a row; the request is not sent");
            Error::InternalError(Some("the host could not write its audit log".into()))
        })
    }
}

/// Gives a connection back once hyper is ready for the next request on it.
fn keep(pool: Arc<Pool>, route: Route, mut connection: Connection) {
    tokio::spawn(async move {
        let ready = timeout(limits::HTTP_CONNECT, connection.sender.ready()).await;
        if matches!(ready, Ok(Ok(()))) {
            pool.put(route, connection);
        }
    });
}

fn destination(uri: &http::Uri) -> Result<Destination, String> {
    let scheme = uri.scheme_str().ok_or("a request without a scheme")?;
    let authority = uri.authority().ok_or("a request without a host")?;
    if authority.as_str().contains('@') {
        return Err("a user name in the address; credentials are the host's business".into());
    }
    Destination::from_parts(scheme, uri.host().unwrap_or_default(), uri.port_u16()).map_err(|refusal| refusal.to_string())
}

/// `METHOD scheme://host:port`, without path or query: those may hold secrets.
fn target(request: &Parts) -> String {
    let uri = &request.uri;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    skynet_policy::naming::plain_line(&format!("{} {}://{authority}", request.method, uri.scheme_str().unwrap_or("?")), 300)
}
