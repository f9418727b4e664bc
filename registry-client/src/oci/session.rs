//! Requests to one repository, with what the server wants to see first.
//!
//! A refused request is sent once more with a password or a token. What goes to another
//! origin, where a server sends downloads to, carries neither.

use super::challenge::{Challenge, Login, may_ask, may_show};
use super::exchange::{Exchange, Method, Reply, Request};
use super::reference::Reference;
use crate::courier::{CourierError, Stream, silent};
use crate::error::RegistryError;
use crate::fetch::Answer;
use crate::limits::{DOCUMENT_TIMEOUT, OCI_ERROR_BYTES, OCI_TOKEN_BYTES};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use skynet_policy::naming::plain_line;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use url::Url;

/// One repository of an OCI registry.
pub struct Oci {
    exchange: Arc<dyn Exchange>,
    reference: Reference,
    login: Option<Login>,
    /// What the server wanted to see, once it said so.
    shown: Mutex<Option<String>>,
}

impl fmt::Debug for Oci {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oci({})", self.reference)
    }
}

/// A token server's answer.
#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

/// An error of the distribution API.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<ApiError>,
}

#[derive(Deserialize)]
struct ApiError {
    code: String,
    #[serde(default)]
    message: String,
}

impl Oci {
    /// For one reference. Nothing is asked yet.
    pub fn new(exchange: Arc<dyn Exchange>, reference: Reference, login: Option<Login>) -> Self {
        Self { exchange, reference, login, shown: Mutex::default() }
    }

    /// What was named.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// An address below the repository.
    pub(super) fn url(&self, path: &str) -> Result<Url, CourierError> {
        let below = format!("v2/{}/{path}", self.reference.repository());
        self.reference.server().join(&below).map_err(|error| CourierError::Refused(error.to_string()))
    }

    /// Sends a request to the registry, a second time with what it wants to see.
    pub(super) async fn ask(&self, request: Request, wait: Duration) -> Result<Reply, CourierError> {
        let writes = matches!(request.method, Method::Post | Method::Put);
        let reply = self.send(self.with_credentials(&request), wait).await?;
        if reply.status == 403 {
            return Err(CourierError::Refused(explained(reply).await));
        }
        if reply.status != 401 {
            return Ok(reply);
        }
        let header = reply.header("www-authenticate").unwrap_or_default();
        let challenge = Challenge::parse(header).map_err(CourierError::Refused)?;
        drop(reply);
        let shown = match challenge {
            Challenge::Basic => self.basic()?,
            Challenge::Bearer { realm, service } => format!("Bearer {}", self.token(realm, service.as_deref(), writes).await?),
        };
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        let reply = self.send(self.with_credentials(&request), wait).await?;
        if reply.status == 401 || reply.status == 403 {
            return Err(CourierError::Refused(explained(reply).await));
        }
        Ok(reply)
    }

    /// Sends a request as it is.
    pub(super) async fn send(&self, request: Request, wait: Duration) -> Result<Reply, CourierError> {
        let sent = timeout(wait, self.exchange.send(request)).await;
        sent.map_err(|_| silent())?.map_err(|error| CourierError::Broken(plain_line(&error.0, 300)))
    }

    fn with_credentials(&self, request: &Request) -> Request {
        let mut request = request.clone();
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        // Asked of the registry alone: where it redirects to is asked without.
        if request.url.origin() == self.reference.server().origin() {
            request.headers.extend(shown.clone().map(|shown| ("authorization", shown)));
        }
        request
    }

    fn basic(&self) -> Result<String, CourierError> {
        let login = self
            .login
            .as_ref()
            .ok_or_else(|| CourierError::Refused("the server wants a user and a password; name them with --user".into()))?;
        Ok(format!("Basic {}", STANDARD.encode(format!("{}:{}", login.user, login.password))))
    }

    async fn token(&self, mut realm: Url, service: Option<&str>, writes: bool) -> Result<String, CourierError> {
        let server = self.reference.server();
        let place = plain_line(&realm.origin().ascii_serialization(), 200);
        if !may_ask(&realm, server) {
            return Err(CourierError::Refused(format!("the server wants a token from {place}, where anybody on the way could read it")));
        }
        let rights = if writes { "pull,push" } else { "pull" };
        let scope = format!("repository:{}:{rights}", self.reference.repository());
        realm.query_pairs_mut().extend_pairs(service.map(|service| ("service", service))).append_pair("scope", &scope);
        let mut request = get(realm.clone());
        match &self.login {
            Some(login) if may_show(login, &realm, server) => request.headers.push(("authorization", self.basic()?)),
            Some(_) => {
                let why =
                    format!("the server wants the password to be shown to {place}; if that is right, name its host with --token-host");
                return Err(CourierError::Refused(why));
            }
            None => {}
        }
        let reply = self.send(request, DOCUMENT_TIMEOUT).await?;
        if reply.status != 200 {
            return Err(CourierError::Refused(format!("{place} gave no token: {}", explained(reply).await)));
        }
        let bytes = stream(reply, 0, Instant::now() + DOCUMENT_TIMEOUT)?.whole(OCI_TOKEN_BYTES).await?;
        let token: Token =
            serde_json::from_slice(&bytes).map_err(|_| CourierError::Refused(format!("{place} answered without a token")))?;
        let token =
            token.token.or(token.access_token).filter(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
        token.ok_or_else(|| CourierError::Refused(format!("{place} answered without a token")))
    }
}

/// A request without a body.
pub(super) fn get(url: Url) -> Request {
    Request { method: Method::Get, url, headers: Vec::new(), body: Bytes::new() }
}

/// The body of a good answer.
pub(super) fn stream(reply: Reply, from: u64, end: Instant) -> Result<Stream, CourierError> {
    let number = |text: &str| text.trim().parse().ok();
    let start = reply.header("content-range").and_then(|range| number(range.strip_prefix("bytes ")?.split('-').next()?));
    let length = reply.header("content-length").and_then(number);
    Stream::begin(Answer { status: reply.status, location: None, start, length, body: reply.body }, from, end)
}

/// What an unwelcome answer says, in one line.
pub(super) async fn explained(mut reply: Reply) -> String {
    let status = reply.status;
    reply.status = 200;
    let bytes = match stream(reply, 0, Instant::now() + DOCUMENT_TIMEOUT) {
        Ok(stream) => stream.whole(OCI_ERROR_BYTES).await.unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let said = serde_json::from_slice::<Errors>(&bytes).ok().and_then(|errors| errors.errors.into_iter().next());
    match said {
        Some(error) => format!("the server answered {status}: {}", plain_line(&format!("{} {}", error.code, error.message), 200)),
        None => format!("the server answered {status}"),
    }
}

/// A failure with its name, and what to do.
pub(super) fn named(what: &str, error: CourierError) -> RegistryError {
    match error {
        CourierError::Refused(why) => {
            RegistryError::refused(what, why, "Correct the reference or the account, or tell the server's keeper")
        }
        CourierError::NotFound => {
            RegistryError::missing(what, "See that repository and tag are right; some servers hide what needs an account")
        }
        CourierError::Broken(why) => RegistryError::Unreachable { what: what.to_owned(), why },
    }
}
