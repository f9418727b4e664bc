//! The one thing that is plugged in for OCI: a request with a head and a body.
//!
//! More than `Fetch` has, because pushing writes and servers ask for tokens. Decides
//! nothing: which server hears which header is `session`'s.

use crate::fetch::{Body, FetchError};
use async_trait::async_trait;
use bytes::Bytes;
use std::fmt::Debug;
use url::Url;

/// What of HTTP the distribution API takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// To read.
    Get,
    /// To ask whether something is there.
    Head,
    /// To begin an upload.
    Post,
    /// To write.
    Put,
}

impl Method {
    /// As HTTP has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// One request. Headers hold credentials, so its debug form shows none.
#[derive(Clone)]
pub struct Request {
    /// What is to be done.
    pub method: Method,
    /// To whom.
    pub url: Url,
    /// Beside those of the connection's own; names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// Empty for all but uploads.
    pub body: Bytes,
}

impl Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Request({} {}, {} bytes)", self.method.as_str(), self.url, self.body.len())
    }
}

/// What came back.
pub struct Reply {
    /// As in HTTP.
    pub status: u16,
    /// Names in lower case; values that are no text are left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

impl Reply {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reply({})", self.status)
    }
}

/// One exchange with a server.
#[async_trait]
pub trait Exchange: Debug + Send + Sync {
    /// Sends it, without following redirects and without adding credentials or cookies.
    /// The caller bounds the wait.
    async fn send(&self, request: Request) -> Result<Reply, FetchError>;
}
