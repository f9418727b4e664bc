//! Requests of the host's own that write: to one server that its owner named for this.
//!
//! For handing plugins to a registry of another kind. Reading may lead elsewhere under
//! TLS, where that server keeps its downloads; writing goes to the named one alone. Adds
//! no credential: the caller names each header, and each server that is shown it.

use super::{AGENT, Outside, OwnDoor, OwnError, Pieces, authorities};
use crate::http::dial::{Roots, Sender, Tcp, Tls, system_roots};
use crate::http::meter::Outgoing;
use crate::http::pool::Pool;
use crate::http::resolve::Resolver;
use crate::http::share::Shares;
use crate::http::wire::Wire;
use crate::limits;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HOST, USER_AGENT};
use skynet_core::PluginId;
use skynet_policy::egress::{self, Destination};
use skynet_policy::naming::plain_line;
use skynet_policy::permission::{NetRule, Permissions};
use std::sync::Arc;
use tokio::time::timeout;

/// What the named server may be asked.
const WRITING: [&str; 4] = ["GET", "HEAD", "POST", "PUT"];

/// One request.
#[derive(Clone)]
pub struct OwnRequest {
    /// GET, HEAD, POST or PUT.
    pub method: &'static str,
    /// To whom.
    pub url: String,
    /// Beside those of the connection.
    pub headers: Vec<(&'static str, String)>,
    /// Sent with its length.
    pub body: Bytes,
}

/// What came back: the head, and the body in pieces.
#[derive(Debug)]
pub struct Answered {
    /// As in HTTP.
    pub status: u16,
    /// Names in lower case; values that are no text are left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Pieces,
}

impl OwnDoor {
    /// A door to this server for reading and writing. `private` lets it be on this machine
    /// or the private network; `elsewhere` lets any public server be read from under TLS. Where an `authority` is
    /// named (certificates in PEM), it alone vouches for all of them, in place of the system's.
    pub fn to_write(
        server: &str,
        (private, elsewhere): (bool, bool),
        authority: Option<&str>,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, OwnError> {
        let roots: Roots = match authority.map(authorities).transpose()? {
            Some(roots) => Arc::new(move || roots.clone()),
            None => Arc::new(system_roots),
        };
        Self::writing_over(server, (private, elsewhere), resolver, Arc::new(Tcp), roots)
    }

    pub(crate) fn writing_over(
        server: &str,
        (private, elsewhere): (bool, bool),
        resolver: Arc<dyn Resolver>,
        wire: Arc<dyn Wire>,
        roots: Roots,
    ) -> Result<Self, OwnError> {
        let rule = |server: &str| NetRule::parse(server).map_err(|fault| OwnError(format!("`{server}` is no server to reach: {fault}")));
        let named = NetRule { methods: WRITING.map(Into::into).to_vec(), private, ..rule(server)? };
        if named.target.exact_host().is_none() {
            return Err(OwnError(format!("`{server}` is not one server")));
        }
        let mut net = vec![named];
        if elsewhere {
            net.push(NetRule { methods: vec!["GET".into()], ..rule("https://*")? });
        }
        let plugin = PluginId::new(super::OWN).map_err(|error| OwnError(error.to_string()))?;
        let shares = Shares::default();
        Ok(Self {
            may: Arc::new(Permissions { net, ..Permissions::default() }),
            share: shares.of(&plugin),
            outside: Arc::new(Outside { resolver, wire, tls: Tls::trusting(roots), shares }),
            pool: Pool::default(),
            plugin,
        })
    }

    /// One request. The caller bounds the wait for an answer and between pieces.
    pub async fn send(&self, request: OwnRequest) -> Result<Answered, OwnError> {
        let uri: http::Uri = request.url.parse().map_err(|error| OwnError(format!("no address: {error}")))?;
        let scheme = uri.scheme_str().ok_or_else(|| OwnError("an address without a scheme".into()))?;
        let authority = uri.authority().ok_or_else(|| OwnError("an address without a host".into()))?;
        let refused = |refusal: egress::EgressRefusal| OwnError(format!("not dialled: {refusal}"));
        let server = Destination::from_authority(scheme, authority.as_str()).map_err(refused)?;
        let rule = egress::match_rule(&self.may, &server, request.method).map_err(refused)?;
        let connecting = timeout(limits::HTTP_CONNECT, self.connect(&server, rule)).await;
        let (route, mut connection) = connecting.map_err(|_| OwnError(format!("{server} could not be reached in time")))??;
        let is_h2 = matches!(connection.sender, Sender::Many(_));
        let answer = connection.sender.send(built(request, &uri, &server, is_h2)?).await;
        let answer = answer.map_err(|error| OwnError(format!("{server}: {error}")))?;
        connection.idling.was_of_use();
        let (head, body) = answer.into_parts();
        if let Some(encoding) = head.headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
            let encoding = plain_line(&String::from_utf8_lossy(encoding.as_bytes()), 40);
            return Err(OwnError(format!("{server} sent its answer packed as {encoding}, which nobody asked for")));
        }
        let headers = head.headers.iter().filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned()))).collect();
        let idling = Arc::clone(&connection.idling);
        let back = (!is_h2).then(|| (self.pool.clone(), route, connection));
        Ok(Answered { status: head.status.as_u16(), headers, body: Pieces { body, idling, back } })
    }
}

fn built(request: OwnRequest, uri: &http::Uri, server: &Destination, is_h2: bool) -> Result<http::Request<Outgoing>, OwnError> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let target = if is_h2 { format!("{server}{path}") } else { path.to_owned() };
    let mut built = http::Request::builder().method(request.method).uri(target);
    built = built.header(USER_AGENT, AGENT).header(ACCEPT_ENCODING, "identity");
    if !is_h2 {
        built = built.header(HOST, server.authority());
    }
    if matches!(request.method, "POST" | "PUT") {
        built = built.header(CONTENT_LENGTH, request.body.len());
    }
    for (name, value) in request.headers {
        built = built.header(name, value);
    }
    built.body(Outgoing::own(request.body)).map_err(|error| OwnError(error.to_string()))
}
