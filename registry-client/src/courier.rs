//! Files of one registry, with all that is decided about fetching them.
//!
//! https, or http to a literal loopback address, or a folder. Redirects stay with their
//! origin. Every wait has an end, every file a size. Refuses everything else in words
//! that name the file.

use crate::fetch::{Answer, Body, Fetch};
use crate::limits::{DOCUMENT_TIMEOUT, IDLE_TIMEOUT, REDIRECTS, SPEED_BYTES, SPEED_WINDOW};
use futures_util::StreamExt;
use skynet_policy::naming::plain_line;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

/// Where a folder or a bundle begins.
const FOLDER: &str = "file:///";

/// Why a file did not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CourierError {
    /// The server says that there is none.
    #[error("it is not there")]
    NotFound,
    /// It did not come, or not whole.
    #[error("{0}")]
    Broken(String),
    /// It must not be taken from there, or not that much of it.
    #[error("{0}")]
    Refused(String),
}

/// Fetches from one place.
#[derive(Debug, Clone)]
pub struct Courier {
    fetch: Arc<dyn Fetch>,
    base: Url,
}

impl Courier {
    /// For a registry on a server. Refuses an address that could be listened in on.
    pub fn to_url(fetch: Arc<dyn Fetch>, url: &str) -> Result<Self, CourierError> {
        let with_slash = if url.ends_with('/') { url.to_owned() } else { format!("{url}/") };
        let base =
            Url::parse(&with_slash).map_err(|error| CourierError::Refused(format!("`{}` is no address: {error}", plain_line(url, 200))))?;
        check_server(&base)?;
        if !base.username().is_empty() || base.password().is_some() || base.query().is_some() || base.fragment().is_some() {
            return Err(CourierError::Refused("the address of a registry has no user, query or fragment".into()));
        }
        Ok(Self { fetch, base })
    }

    /// For a registry in a folder, a bundle, or whatever stands for one.
    pub fn to_folder(fetch: Arc<dyn Fetch>) -> Result<Self, CourierError> {
        let base = Url::parse(FOLDER).map_err(|error| CourierError::Refused(error.to_string()))?;
        Ok(Self { fetch, base })
    }

    /// Where it fetches from.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// A whole file of at most `max` bytes.
    pub async fn bytes(&self, path: &str, max: u64) -> Result<Vec<u8>, CourierError> {
        self.bytes_within(path, max, DOCUMENT_TIMEOUT).await
    }

    /// The same with another end.
    pub async fn bytes_within(&self, path: &str, max: u64, total: Duration) -> Result<Vec<u8>, CourierError> {
        self.open(path, 0, total).await?.whole(max).await
    }

    /// Begins to fetch a file from the byte `from` on, within `total`.
    pub async fn open(&self, path: &str, from: u64, total: Duration) -> Result<Stream, CourierError> {
        let end = Instant::now() + total;
        let mut url = self.base.join(path).map_err(|error| CourierError::Refused(error.to_string()))?;
        if !same_origin(&url, &self.base) || !url.path().starts_with(self.base.path()) {
            return Err(CourierError::Refused("its name leads out of the registry".into()));
        }
        for _ in 0..=REDIRECTS {
            let answer = timeout_at(end.min(Instant::now() + IDLE_TIMEOUT), self.fetch.get(&url, from));
            let answer = answer.await.map_err(|_| silent())?.map_err(|error| CourierError::Broken(plain_line(&error.0, 300)))?;
            match answer.status {
                301 | 302 | 303 | 307 | 308 => url = redirect(&url, answer.location.as_deref(), false)?,
                _ => return Stream::begin(answer, from, end),
            }
        }
        Err(CourierError::Refused(format!("it was redirected more than {REDIRECTS} times")))
    }
}

pub(crate) fn silent() -> CourierError {
    CourierError::Broken("the server said nothing for too long".into())
}

/// A body, and where in the file it begins.
pub struct Stream {
    /// 0 when the server knows no ranges: then all of it comes again.
    pub start: u64,
    /// Bytes that are to come, where the server says.
    pub length: Option<u64>,
    body: Body,
    end: Instant,
    pace: Pace,
}

/// How fast bytes come, counted over the time in which they are waited for: whoever writes them down may be slow.
#[derive(Debug, Default)]
struct Pace {
    waited: Duration,
    came: u64,
}

impl Pace {
    /// Refuses a server that drips: it could hold an installation for as long as the whole may take.
    fn add(&mut self, waited: Duration, came: usize) -> Result<(), CourierError> {
        self.waited += waited;
        self.came = self.came.saturating_add(u64::try_from(came).unwrap_or(u64::MAX));
        if self.waited < SPEED_WINDOW {
            return Ok(());
        }
        let Self { waited, came } = std::mem::take(self);
        if came >= SPEED_BYTES {
            return Ok(());
        }
        let (seconds, least) = (waited.as_secs(), SPEED_WINDOW.as_secs());
        Err(CourierError::Broken(format!("only {came} bytes came in {seconds} s, and less than {SPEED_BYTES} in {least} s is no download")))
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stream({:?} bytes from {})", self.length, self.start)
    }
}

impl Stream {
    /// The body of an answer that was asked for the bytes from `from` on.
    pub(crate) fn begin(answer: Answer, from: u64, end: Instant) -> Result<Self, CourierError> {
        let start = match (answer.status, answer.start) {
            (200, _) => 0,
            (206, Some(start)) if start == from => from,
            (206, _) => return Err(CourierError::Broken("the server sent another part than was asked for".into())),
            (404 | 410, _) => return Err(CourierError::NotFound),
            (status, _) => return Err(CourierError::Broken(format!("the server answered {status}"))),
        };
        Ok(Self { start, length: answer.length, body: answer.body, end, pace: Pace::default() })
    }

    /// All of it, at most `max` bytes.
    pub(crate) async fn whole(mut self, max: u64) -> Result<Vec<u8>, CourierError> {
        let too_large = || CourierError::Refused(format!("it has more than the {max} bytes that are taken of it"));
        if self.length.is_some_and(|length| length > max) {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        while let Some(piece) = self.next().await? {
            bytes.extend_from_slice(&piece);
            if u64::try_from(bytes.len()).map_or(true, |size| size > max) {
                return Err(too_large());
            }
        }
        match self.length {
            Some(length) if u64::try_from(bytes.len()) != Ok(length) => {
                Err(CourierError::Broken(format!("it ended after {} of {length} bytes", bytes.len())))
            }
            _ => Ok(bytes),
        }
    }

    /// The next bytes; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<bytes::Bytes>, CourierError> {
        let began = Instant::now();
        match timeout_at(self.end.min(began + IDLE_TIMEOUT), self.body.next()).await {
            Err(_) => Err(silent()),
            Ok(None) => Ok(None),
            Ok(Some(Ok(piece))) => self.pace.add(began.elapsed(), piece.len()).map(|()| Some(piece)),
            Ok(Some(Err(error))) => Err(CourierError::Broken(plain_line(&error.0, 300))),
        }
    }
}

/// The next address, if it may be followed: at the same origin, or, where `elsewhere` is
/// let, from https to https.
pub(crate) fn redirect(from: &Url, location: Option<&str>, elsewhere: bool) -> Result<Url, CourierError> {
    let location = location.ok_or_else(|| CourierError::Broken("the server redirects to nowhere".into()))?;
    let to = from.join(location).map_err(|error| CourierError::Refused(format!("it is redirected to a bad address: {error}")))?;
    let both_secure = from.scheme() == "https" && to.scheme() == "https";
    if same_origin(from, &to) || (elsewhere && both_secure && to.username().is_empty() && to.password().is_none()) {
        return Ok(to);
    }
    let place = |url: &Url| plain_line(&url.origin().ascii_serialization(), 200);
    Err(CourierError::Refused(format!("it is redirected from {} to {}; a registry stays where it was named", place(from), place(&to))))
}

fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme() && one.host() == other.host() && one.port_or_known_default() == other.port_or_known_default()
}

fn check_server(url: &Url) -> Result<(), CourierError> {
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        _ => false,
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        "http" => Err(CourierError::Refused(
            "plain http is taken from 127.0.0.1 and [::1] only: anybody on the way could hold updates back. Use https".into(),
        )),
        other => Err(CourierError::Refused(format!("`{}` is no way to reach a registry; use https, or a folder", plain_line(other, 20)))),
    }
}

#[cfg(test)]
mod tests;
