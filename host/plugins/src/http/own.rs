//! What the host itself fetches: one GET to a server that its owner named, and nothing else.
//!
//! The same rule, look-up, verdict and dialler as for a plugin's request. Follows no
//! redirect, sends no credential and no cookie, asks for no compression. Public addresses
//! only, but for a server that the owner named so. How much is read is the caller's to bound.

mod send;

pub use send::{Answered, OwnRequest};

use super::dial::{self, Connection, Roots, Tcp, Tls, Undialled};
use super::pool::{Pool, Route};
use super::resolve::Resolver;
use super::share::{Share, Shares};
use super::wire::{Idling, Wire};
use crate::limits;
use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, RootCertStore};
use skynet_core::PluginId;
use skynet_policy::egress::{self, Destination};
use skynet_policy::host_name::Host;
use skynet_policy::permission::{NetRule, Permissions, Scheme};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::time::timeout;
use wasmtime_wasi_http::Error;

/// What the host says of itself to servers.
const AGENT: &str = concat!("skynet/", env!("CARGO_PKG_VERSION"));

/// The name under which the host's own connections are kept; no plugin can have it.
const OWN: &str = "host/own";

/// Why nothing, or no more, came. A sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OwnError(pub String);

/// The way out of the host itself. Clones share its connections.
#[derive(Clone)]
pub struct OwnDoor {
    may: Arc<Permissions>,
    outside: Arc<Outside>,
    pool: Pool,
    plugin: PluginId,
    share: Arc<Share>,
}

struct Outside {
    resolver: Arc<dyn Resolver>,
    wire: Arc<dyn Wire>,
    tls: Tls,
    shares: Shares,
}

impl fmt::Debug for OwnDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnDoor({} servers)", self.may.net.len())
    }
}

/// What came back: the head, and the body in pieces.
#[derive(Debug)]
pub struct Got {
    /// As in HTTP.
    pub status: u16,
    /// `Location`.
    pub location: Option<String>,
    /// The first byte of a partial answer (`Content-Range`).
    pub start: Option<u64>,
    /// Bytes of the body, where the server says.
    pub length: Option<u64>,
    /// The body.
    pub body: Pieces,
}

/// A body as it comes.
pub struct Pieces {
    body: Incoming,
    idling: Arc<Idling>,
    /// Given back once the body is whole.
    back: Option<(Pool, Route, Connection)>,
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pieces")
    }
}

impl OwnDoor {
    /// A door to these servers, such as `https://example.org`, and to no other. `true`
    /// lets that very server be on this machine or the private network. Without any, each
    /// request is refused.
    pub fn to(servers: &[(String, bool)], resolver: Arc<dyn Resolver>) -> Result<Self, OwnError> {
        Self::over(servers, resolver, Arc::new(Tcp), Arc::new(dial::system_roots))
    }

    /// The same, where the certificates in this text (PEM) alone vouch for the servers.
    pub fn vouched(servers: &[(String, bool)], resolver: Arc<dyn Resolver>, authority: &str) -> Result<Self, OwnError> {
        let roots = authorities(authority)?;
        Self::over(servers, resolver, Arc::new(Tcp), Arc::new(move || roots.clone()))
    }

    pub(crate) fn over(
        servers: &[(String, bool)],
        resolver: Arc<dyn Resolver>,
        wire: Arc<dyn Wire>,
        roots: Roots,
    ) -> Result<Self, OwnError> {
        let rule = |(server, private): &(String, bool)| {
            let rule = NetRule::parse(server).map_err(|fault| OwnError(format!("`{server}` is no server to fetch from: {fault}")))?;
            if rule.target.exact_host().is_none() {
                return Err(OwnError(format!("`{server}` is not one server")));
            }
            Ok(NetRule { methods: vec!["GET".into()], private: *private, ..rule })
        };
        let net = servers.iter().map(rule).collect::<Result<Vec<_>, OwnError>>()?;
        let plugin = PluginId::new(OWN).map_err(|error| OwnError(error.to_string()))?;
        let shares = Shares::default();
        Ok(Self {
            may: Arc::new(Permissions { net, ..Permissions::default() }),
            share: shares.of(&plugin),
            outside: Arc::new(Outside { resolver, wire, tls: Tls::trusting(roots), shares }),
            pool: Pool::default(),
            plugin,
        })
    }

    /// One GET; `from` above 0 asks for the bytes from there on. Each wait for the server
    /// has its end but those between pieces of the body, which are the caller's.
    pub async fn get(&self, url: &str, from: u64) -> Result<Got, OwnError> {
        let headers = if from > 0 { vec![("range", format!("bytes={from}-"))] } else { Vec::new() };
        let asked = OwnRequest { method: "GET", url: url.to_owned(), headers, body: Bytes::new() };
        let answered = timeout(limits::HTTP_CONNECT + limits::HTTP_FIRST_BYTE, self.send(asked)).await;
        let Answered { status, headers, body } = answered.map_err(|_| OwnError(format!("{url} did not answer in time")))??;
        let text = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        Ok(Got {
            status,
            location: text("location"),
            start: text("content-range").and_then(|range| start(&range)),
            length: text("content-length").and_then(|length| length.parse().ok()),
            body,
        })
    }

    /// An open connection to an address that was checked. The caller bounds the wait.
    async fn connect(&self, server: &Destination, rule: &NetRule) -> Result<(Route, Connection), OwnError> {
        let addresses = match server.host() {
            Host::Ip(literal) => vec![*literal],
            Host::Name(name) => {
                let found = self.outside.resolver.resolve(name).await;
                found.map_err(|error| OwnError(format!("the name {name} could not be looked up: {error}")))?
            }
        };
        let address = egress::check_addresses(rule, server, &addresses).map_err(|refusal| OwnError(format!("not dialled: {refusal}")))?;
        let tls_name = match (server.scheme(), server.host()) {
            (Scheme::Http, _) => None,
            (Scheme::Https, Host::Ip(address)) => Some(ServerName::from(*address)),
            (Scheme::Https, Host::Name(name)) => {
                Some(ServerName::try_from(name.clone()).map_err(|_| OwnError(format!("`{name}` cannot be in a certificate")))?)
            }
        };
        let route = Route { plugin: self.plugin.clone(), address: SocketAddr::new(address, server.port()), tls_name };
        if let Some(connection) = self.pool.ready(&route).await {
            return Ok((route, connection));
        }
        let make_room = |own: bool| self.pool.make_room(own.then_some(&self.plugin));
        let lease = self.outside.shares.lease(&self.share, make_room).await.ok_or_else(|| OwnError("the host is ending".into()))?;
        let dialled = Box::pin(dial::dial(&*self.outside.wire, &route, &self.outside.tls, lease)).await;
        let connection = dialled.map_err(|undialled| OwnError(format!("{server}: {}", told(&undialled))))?;
        if let Some(shared) = connection.share() {
            self.pool.put(route.clone(), shared);
        }
        Ok((route, connection))
    }
}

/// The certificates of a text. Refuses one that has none, or one that is none.
pub(crate) fn authorities(pem: &str) -> Result<RootCertStore, OwnError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| OwnError(format!("its CA is no certificate in PEM: {error}")))?;
        roots.add(certificate).map_err(|error| OwnError(format!("its CA is no certificate of an authority: {error}")))?;
    }
    if roots.is_empty() {
        return Err(OwnError("its CA holds no certificate in PEM (-----BEGIN CERTIFICATE-----)".into()));
    }
    Ok(roots)
}

/// A failed connection, for a person.
fn told(undialled: &Undialled) -> String {
    match (&undialled.error, &undialled.certificate) {
        (_, Some(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. })) => {
            "its certificate is for another name. Use the name that it is for, or tell its keeper".into()
        }
        (_, Some(CertificateError::Expired | CertificateError::ExpiredContext { .. })) => {
            "its certificate has expired. Tell its keeper, and see that this machine's clock is right".into()
        }
        (_, Some(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. })) => {
            "its certificate is not valid yet. See that this machine's clock is right".into()
        }
        // Also an authority that only has the name of a trusted one.
        (_, Some(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => {
            "nobody that this host trusts vouches for its certificate. For an authority of your own: skynet registry add --ca FILE, or --ca FILE beside an oci:// reference".into()
        }
        (_, Some(other)) => format!("its certificate is refused: {other}"),
        (Error::ConnectionRefused, _) => "nobody listens there".into(),
        (Error::TlsCertificateError, _) => "it showed no certificate".into(),
        (Error::TlsProtocolError, _) => "it speaks no TLS that is safe".into(),
        (other, _) => other.to_string(),
    }
}

/// The 5 of `bytes 5-9/10`.
fn start(range: &str) -> Option<u64> {
    range.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

impl Pieces {
    /// The next piece; `None` at the end. The caller bounds the wait.
    pub async fn next(&mut self) -> Option<Result<Bytes, OwnError>> {
        let mut empty = 0;
        loop {
            let Some(frame) = self.body.frame().await else {
                self.give_back();
                return None;
            };
            match frame {
                Err(error) => {
                    self.back = None;
                    return Some(Err(OwnError(format!("it broke off: {error}"))));
                }
                Ok(frame) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => {
                        self.idling.was_of_use();
                        return Some(Ok(data));
                    }
                    // Trailers and empty frames say nothing, and not without end.
                    _ => {
                        empty += 1;
                        if empty > limits::HTTP_EMPTY_FRAMES {
                            self.back = None;
                            return Some(Err(OwnError("it sends frames with nothing in them".into())));
                        }
                    }
                },
            }
        }
    }

    fn give_back(&mut self) {
        if let Some((pool, route, connection)) = self.back.take().filter(|_| self.body.is_end_stream()) {
            pool.put(route, connection);
        }
    }
}
