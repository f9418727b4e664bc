//! The one thing that is plugged in: a request, and an answer as a stream.
//!
//! The host plugs its egress door in here, tests plug in servers that lie. Decides
//! nothing: which addresses, redirects, sizes and times are taken is `courier`'s.

pub(crate) mod folder;

pub use folder::FolderFetch;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use std::fmt::Debug;
use std::pin::Pin;
use url::Url;

/// Bytes as they come.
pub type Body = Pin<Box<dyn Stream<Item = Result<Bytes, FetchError>> + Send>>;

/// One exchange with a server or a folder.
#[async_trait]
pub trait Fetch: Debug + Send + Sync {
    /// One GET, without a body, credentials or cookies, and without following redirects.
    /// `from` above 0 asks for the bytes from there on (`Range: bytes=from-`). Bytes come
    /// as they are stored: nothing is asked to be compressed, nothing is unpacked.
    async fn get(&self, url: &Url, from: u64) -> Result<Answer, FetchError>;
}

/// What came back.
pub struct Answer {
    /// As in HTTP; a folder answers 200, 206, 404 and 416.
    pub status: u16,
    /// The `Location` header of a redirect.
    pub location: Option<String>,
    /// Where the body begins, of a partial answer (from `Content-Range`).
    pub start: Option<u64>,
    /// Bytes of the body, where the server says.
    pub length: Option<u64>,
    /// The body.
    pub body: Body,
}

impl Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({}, {:?} bytes from {:?})", self.status, self.length, self.start)
    }
}

/// Why no bytes, or no more of them, came. In words for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);
