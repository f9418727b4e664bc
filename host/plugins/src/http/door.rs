//! One request on its way out: decide, resolve once, check, dial that address,
//! rebuild, add the credential, send, bound the answer.
//!
//! Refuses by default; every refusal is typed, noted for the owner and audited.
//! Follows no redirect: a guest that does comes through here again.

use super::budget::HttpBudget;
use super::credential::{self, Missing};
use super::dial::{self, Connection, Roots, Tls};
use super::exchange::{self, Exchange};
use super::pool::{Pool, Route};
use super::resolve::Resolver;
use super::send::{self, Way};
use super::share::{Share, Shares};
use super::wire::Wire;
use crate::ceiling;
use crate::limits;
use crate::rate::Overrun;
use crate::staged::Staged;
use crate::validity::Granted;
use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use rustls::pki_types::ServerName;
use skynet_core::ports::Audit;
use skynet_core::secret::Secrets;
use skynet_core::{Denial, PluginRef};
use skynet_policy::egress::{self, Destination, EgressRefusal};
use skynet_policy::host_name::Host;
use skynet_policy::permission::{NetRule, Permissions, Scheme, SecretRule};
use skynet_policy::scrub::{Known, Place};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::time::{Instant, timeout, timeout_at};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

/// Who asks, and within what.
#[derive(Clone)]
pub(crate) struct Errand {
    pub(crate) plugin: PluginRef,
    pub(crate) permissions: Arc<Permissions>,
    pub(crate) budget: Arc<HttpBudget>,
    /// Looked at again after each wait: a request may be on its way for seconds.
    pub(crate) granted: Arc<Granted>,
    pub(crate) options: RequestOptions,
}

/// What is outside, as the door sees it.
pub(crate) struct Outside {
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) wire: Arc<dyn Wire>,
    /// Who may say that a server is who it says.
    pub(crate) roots: Roots,
}

/// The door itself, one per host.
pub(crate) struct Door {
    resolver: Arc<dyn Resolver>,
    wire: Arc<dyn Wire>,
    tls: Tls,
    pool: Pool,
    pub(super) shares: Shares,
    secrets: Arc<dyn Secrets>,
    known: Known,
    audit: Arc<dyn Audit>,
    /// Where a plugin's own tests play servers back.
    staged: Option<Arc<Staged>>,
}

/// Headers that the host adds.
pub(crate) type Credentials = Vec<(HeaderName, HeaderValue)>;

/// How the row of a refusal tells a program that the server is on a private network.
const NON_PUBLIC: &str = "non-public";

/// Why a request goes nowhere.
enum No {
    /// By the rules: it says itself what helps.
    Refused(EgressRefusal),
    /// It was granted, and the instance's ceiling keeps it back.
    Ceiling,
    Overrun(Overrun),
    /// Many requests, or a grant that is over.
    Other(String, String),
}

impl Door {
    pub(crate) fn new(outside: Outside, secrets: Arc<dyn Secrets>, known: Known, audit: Arc<dyn Audit>) -> Self {
        let Outside { resolver, wire, roots } = outside;
        let tls = Tls::trusting(roots);
        Self { resolver, wire, tls, pool: Pool::default(), shares: Shares::default(), secrets, known, audit, staged: None }
    }

    /// With a tape in place of the network, or beside it.
    pub(crate) fn staged(mut self, staged: Option<Arc<Staged>>) -> Self {
        self.staged = staged;
        self
    }

    /// Sends one request; on a stage, off the tape or onto it.
    pub(crate) async fn send(&self, errand: Errand, request: http::Request<WasiBody>) -> Result<http::Response<WasiBody>, Error> {
        match &self.staged {
            Some(staged) if staged.records() => {
                let (asked, request) = crate::staged::read(request).await?;
                staged.take_down(asked, self.send_out(errand, request).await?, &self.known.now()).await
            }
            _ => self.send_out(errand, request).await,
        }
    }

    async fn send_out(&self, errand: Errand, request: http::Request<WasiBody>) -> Result<http::Response<WasiBody>, Error> {
        // The body is not `Sync`; what is looked at over an await is the head alone.
        let (request, body) = request.into_parts();
        let share = self.shares.of(&errand.plugin.id);
        let (destination, rule) = match may_go(&errand, &share, &request) {
            Ok(found) => found,
            Err(no) => return Err(self.refuse(&errand, &request, no).await),
        };
        if let Some(staged) = self.staged.as_ref().filter(|staged| !staged.records()) {
            return staged.play(http::Request::from_parts(request, body), &errand.budget, &self.known.now()).await;
        }
        let way = self.find_way(&errand, &share, &request, destination, &rule).await?;
        let exchange = Arc::clone(&way.exchange);
        let known = self.known.noting(&errand.budget.seen, Place::Response);
        let answer = send::over(way, &errand.options, (&self.pool, &known), (request, body)).await;
        answer.inspect_err(|error| exchange.failed(error))
    }

    /// All up to an open connection, within the connect time-out.
    async fn find_way(
        &self,
        errand: &Errand,
        share: &Arc<Share>,
        request: &Parts,
        destination: Destination,
        rule: &NetRule,
    ) -> Result<Way, Error> {
        let deadline = Instant::now() + send::wait(errand.options.connect_timeout, limits::HTTP_CONNECT);
        let addresses = timeout_at(deadline, self.addresses(&destination)).await.map_err(|_| Error::DnsTimeout)??;
        let address = match egress::check_addresses(rule, &destination, &addresses) {
            Ok(address) => address,
            Err(refusal) => {
                let cut = matches!(refusal, EgressRefusal::NonPublic { .. }) && withheld(errand, request).is_some_and(|rule| rule.private);
                self.refuse(errand, request, if cut { No::Ceiling } else { No::Refused(refusal) }).await;
                return Err(Error::DestinationIpProhibited);
            }
        };
        self.still_granted(errand, request).await?;
        let (credentials, secrets) = self.credentials(errand, request, &destination).await?;
        let exchange = Exchange::begin(&self.audit, (&errand.budget, share), &errand.plugin, target(request), (address, secrets)).await?;
        let tls_name = match destination.scheme() {
            Scheme::Https => Some(tls_name(&destination)?),
            Scheme::Http => None,
        };
        let route = Route { plugin: errand.plugin.id.clone(), address: SocketAddr::new(address, destination.port()), tls_name };
        let connecting = async {
            let place = Arc::clone(&errand.budget.open).acquire_owned().await.map_err(|_| Error::ConnectionLimitReached)?;
            Ok((place, self.connection(&route, share).await?))
        };
        let connected = timeout_at(deadline, connecting).await.unwrap_or(Err(Error::ConnectionTimeout));
        let (place, connection) = connected.inspect_err(|error| exchange.failed(error))?;
        self.still_granted(errand, request).await.inspect_err(|error| exchange.failed(error))?;
        Ok(Way { destination, exchange, route, connection, credentials, place })
    }

    async fn still_granted(&self, errand: &Errand, request: &Parts) -> Result<(), Error> {
        match errand.granted.check() {
            Ok(()) => Ok(()),
            Err(no_longer) => {
                let remedy = format!("The owner can allow it again with `skynet plugin grant {}`", errand.plugin.id);
                Err(self.refuse(errand, request, No::Other(no_longer.to_string(), remedy)).await)
            }
        }
    }

    /// A connection that is open, else a new one. The caller bounds the wait.
    async fn connection(&self, route: &Route, share: &Share) -> Result<Connection, Error> {
        if let Some(connection) = self.pool.ready(route).await {
            return Ok(connection);
        }
        let turn = route.tls_name.as_ref().map(|_| self.pool.turn(route));
        let _turn = match &turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        // Whoever had the turn before may have left one to share.
        if turn.is_some()
            && let Some(connection) = self.pool.ready(route).await
        {
            return Ok(connection);
        }
        let make_room = |own: bool| self.pool.make_room(own.then_some(&route.plugin));
        let lease = self.shares.lease(share, make_room).await.ok_or(Error::ConnectionLimitReached)?;
        // In a box: a handshake's state is large, and most requests find an open connection.
        let dialled = timeout(limits::HTTP_DIAL, Box::pin(dial::dial(&*self.wire, route, &self.tls, lease))).await;
        let connection = dialled.map_err(|_| Error::ConnectionTimeout)??;
        if let Some(shared) = connection.share() {
            self.pool.put(route.clone(), shared);
        }
        Ok(connection)
    }

    async fn addresses(&self, destination: &Destination) -> Result<Vec<IpAddr>, Error> {
        if let Host::Ip(literal) = destination.host() {
            return Ok(vec![*literal]);
        }
        // Bounded by the connect time-out in `find_way`.
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
                    exchange::record(&*self.audit, "secret", "denied", &errand.plugin.to_string(), &rule.name, detail).await?;
                    return Err(Error::HttpRequestDenied);
                }
            }
        }
        Ok((credentials, names))
    }

    async fn refuse(&self, errand: &Errand, request: &Parts, no: No) -> Error {
        let what = target(request);
        let kind = matches!(no, No::Refused(EgressRefusal::NonPublic { .. })).then_some(NON_PUBLIC);
        let (why, remedy, answer) = match no {
            No::Overrun(overrun) => {
                errand.budget.note_overrun(overrun);
                (overrun.to_string(), None, Error::ConnectionLimitReached)
            }
            No::Ceiling => {
                let why = ceiling::cut(&errand.granted.withheld).unwrap_or_default();
                (why, Some(ceiling::REMEDY.to_owned()), Error::HttpRequestDenied)
            }
            No::Refused(refusal) => (refusal.why(), Some(refusal.remedy(errand.plugin.id.as_str())), Error::HttpRequestDenied),
            No::Other(why, remedy) => (why, Some(remedy), Error::HttpRequestDenied),
        };
        if let Some(remedy) = remedy {
            errand.budget.note_denial(Denial { who: errand.plugin.to_string(), what: what.clone(), why: why.clone(), remedy });
        }
        let mut detail = serde_json::json!({ "why": why });
        if let (Some(kind), Some(detail)) = (kind, detail.as_object_mut()) {
            detail.insert("kind".into(), kind.into());
        }
        self.turned_away(errand, &what, detail).await.err().unwrap_or(answer)
    }

    /// The row of a request that goes nowhere.
    pub(super) async fn turned_away(&self, errand: &Errand, what: &str, detail: serde_json::Value) -> Result<(), Error> {
        if !errand.budget.count_refusal() {
            // A guest that asks on and on must not fill the log: those before tell of it.
            return Ok(());
        }
        let why = detail.get("why").and_then(serde_json::Value::as_str).unwrap_or_default();
        tracing::info!(plugin = %errand.plugin, %what, %why, "egress denied");
        exchange::record(&*self.audit, exchange::BEGUN, "denied", &errand.plugin.to_string(), what, detail).await
    }
}

/// What can be said before anything is looked up: how many requests there were, where
/// this one goes, and under which rule.
fn may_go(errand: &Errand, share: &Share, request: &Parts) -> Result<(Destination, NetRule), No> {
    if !errand.budget.count_request() {
        let why = format!("more than {} requests in one call", limits::HTTP_REQUESTS);
        return Err(No::Other(why, "The plugin must do with less; tell its author".into()));
    }
    share.request().map_err(No::Overrun)?;
    let destination = destination(request).map_err(No::Refused)?;
    let rule = egress::match_rule(&errand.permissions, &destination, request.method.as_str());
    let no = |refusal: EgressRefusal| if withheld(errand, request).is_some() { No::Ceiling } else { No::Refused(refusal) };
    Ok((destination, rule.map_err(no)?.clone()))
}

/// What a request lacks is refused as what cannot be read.
fn destination(request: &Parts) -> Result<Destination, EgressRefusal> {
    let authority = request.uri.authority().map_or("", |authority| authority.as_str());
    Destination::from_authority(request.uri.scheme_str().unwrap_or_default(), authority)
}

/// The rule of the grant that this request needs and that the instance's ceiling keeps back.
fn withheld<'e>(errand: &'e Errand, request: &Parts) -> Option<&'e NetRule> {
    egress::match_rule(&errand.granted.withheld, &destination(request).ok()?, request.method.as_str()).ok()
}

/// The name that the server's certificate must have: the host that was checked.
fn tls_name(destination: &Destination) -> Result<ServerName<'static>, Error> {
    match destination.host() {
        Host::Ip(address) => Ok(ServerName::from(*address)),
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| Error::TlsCertificateError),
    }
}

/// `METHOD scheme://host:port`, without path or query: those may hold secrets.
pub(super) fn target(request: &Parts) -> String {
    let uri = &request.uri;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    skynet_policy::naming::plain_line(&format!("{} {}://{authority}", request.method, uri.scheme_str().unwrap_or("?")), 300)
}
