//! A small streaming HTTP client for plugins.
//!
//! Logic takes a `&mut dyn Transport`; in the host that is [`Client`] over
//! `wasi:http`, in tests the scripted one in `testing`. One request, one
//! response: no redirects, no retries, no cookies, because each hop is a
//! decision of the caller and is checked by the host. It refuses addresses with
//! credentials in them: secrets are the host's to add.

mod address;
mod client;
mod failure;

use crate::limits::{ERROR_BODY_BYTES, ERROR_TEXT_CHARS};
use serde::Serialize;
use std::time::Duration;

pub use address::Address;
pub use client::Client;

/// Why there is no response, or no more of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The host's policy refused it. Trying again will not help; a grant might.
    #[error("the host refused the connection: {0}")]
    Denied(String),
    /// The request itself cannot be sent.
    #[error("the request is not valid: {0}")]
    InvalidRequest(String),
    /// Nobody answered in time.
    #[error("timed out: {0}")]
    Timeout(String),
    /// More than the host, or the caller, takes.
    #[error("too large: {0}")]
    TooLarge(String),
    /// The connection could not be made or broke.
    #[error("network trouble: {0}")]
    Network(String),
    /// What came back is not HTTP as it should be.
    #[error("the server broke the protocol: {0}")]
    Protocol(String),
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// An absolute `http` or `https` address.
    pub url: String,
    /// In order; names in any case.
    pub headers: Vec<(String, String)>,
    /// Empty for none.
    pub body: Vec<u8>,
    /// How long a connection may take. The host has its own limit.
    pub connect_timeout: Option<Duration>,
    /// How long the first byte of the response may take.
    pub first_byte_timeout: Option<Duration>,
    /// How long the body may be silent.
    pub idle_timeout: Option<Duration>,
}

impl Request {
    /// A request with any method.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            connect_timeout: None,
            first_byte_timeout: None,
            idle_timeout: None,
        }
    }

    /// A `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A `POST`.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a JSON body and its content type.
    pub fn json(self, value: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(value).map_err(|error| Error::InvalidRequest(format!("the body is no JSON: {error}")))?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// Sets how long a connection may take.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = Some(limit);
        self
    }

    /// Sets how long the first byte may take.
    #[must_use]
    pub fn first_byte_timeout(mut self, limit: Duration) -> Self {
        self.first_byte_timeout = Some(limit);
        self
    }

    /// Sets how long the body may be silent.
    #[must_use]
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle_timeout = Some(limit);
        self
    }
}

/// One response, its body still coming.
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    /// The rest.
    pub body: Box<dyn Body>,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response").field("status", &self.status).field("headers", &self.headers).finish_non_exhaustive()
    }
}

impl Response {
    /// Whether the status says success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of that name; the case does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The next bytes of the body; `None` at its end.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.body.next_chunk()
    }

    /// The whole body, refused above `limit` bytes.
    pub fn bytes(&mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        while let Some(chunk) = self.next_chunk()? {
            if all.len().saturating_add(chunk.len()) > limit {
                return Err(Error::TooLarge(format!("the response body is over {limit} bytes")));
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    /// The whole body as text, refused above `limit` bytes. Bytes that are not
    /// UTF-8 become U+FFFD.
    pub fn text(&mut self, limit: usize) -> Result<String, Error> {
        self.bytes(limit).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The beginning of an error body, for the server's sentence in it. What
    /// fails here is left out: the status already says that it went wrong.
    pub fn error_text(&mut self) -> String {
        let mut all = Vec::new();
        while let Ok(Some(chunk)) = self.next_chunk() {
            all.extend_from_slice(&chunk);
            if all.len() >= ERROR_BODY_BYTES {
                break;
            }
        }
        all.truncate(ERROR_BODY_BYTES);
        String::from_utf8_lossy(&all).into_owned()
    }
}

/// The bytes of a response as they come.
pub trait Body {
    /// The next bytes, never empty; `None` at the end.
    fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, Error>;
}

/// Something that sends requests.
pub trait Transport {
    /// Sends one request and waits for the head of its response.
    fn send(&mut self, request: Request) -> Result<Response, Error>;
}

/// The first header of that name; the case does not matter.
pub fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// How long the server asked to wait: `retry-after-ms`, or `retry-after` in
/// seconds. A date is ignored: a plugin's clock is no authority.
pub fn retry_after_ms(headers: &[(String, String)]) -> Option<u64> {
    let number =
        |name| header(headers, name).and_then(|value| value.trim().parse::<f64>().ok()).filter(|value| value.is_finite() && *value >= 0.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Finite, not negative, and the cast saturates.
    number("retry-after-ms").or_else(|| number("retry-after").map(|seconds| seconds * 1000.0)).map(|ms| ms.ceil() as u64)
}

/// Cuts a server's sentence to what belongs into an error message.
pub fn short(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(ERROR_TEXT_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}
