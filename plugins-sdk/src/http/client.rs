//! [`Client`]: the transport over `wasi:http/outgoing-handler`.
//!
//! It owns the order in which the host's resources are made, waited on and
//! dropped. It refuses to wait for ever on a silent body when the request set a limit, and to
//! take the end of writing for a failure: only the answer, or that there is none, is one.

use super::failure::{from_code, from_stream};
use super::{Address, Body, Error, Request, Response, Transport};
use crate::bindings::wasi::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::wasi::http::outgoing_handler;
use crate::bindings::wasi::wasi::http::types::{
    Fields, FutureIncomingResponse, HeaderError, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions,
    Scheme,
};
use crate::bindings::wasi::wasi::io::poll::{Pollable, poll};
use crate::bindings::wasi::wasi::io::streams::{InputStream, OutputStream, StreamError};
use crate::limits::BODY_CHUNK_BYTES;
use std::time::Duration;

/// How long a server that answered early, and well, may take none of the rest of the request,
/// where the request does not say how long silence may last.
const ANSWERED_AND_DEAF: Duration = Duration::from_secs(30);

/// The host's HTTP client. Each request is checked against the plugin's grant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Client;

impl Client {
    /// A client; it holds nothing.
    pub fn new() -> Self {
        Self
    }
}

impl Transport for Client {
    fn send(&mut self, request: Request) -> Result<Response, Error> {
        if cfg!(not(target_family = "wasm")) {
            return Err(Error::Network("there is no host here; tests use `testing::Script` as the transport".to_owned()));
        }
        let idle = request.idle_timeout;
        let outgoing = head(&request)?;
        let body = outgoing.body().map_err(|()| Error::InvalidRequest("the host gave no request body".to_owned()))?;
        let pending = outgoing_handler::handle(outgoing, Some(options(&request)?)).map_err(|code| from_code(&code))?;
        let mut upload = Upload { pending, answer: None };
        let unsent = upload.write(body, &request.body, idle)?;
        let response = upload.answer()?;
        read_head(response, idle, unsent)
    }
}

fn head(request: &Request) -> Result<OutgoingRequest, Error> {
    let address = Address::parse(&request.url)?;
    let fields = Fields::new();
    for (name, value) in &request.headers {
        fields.append(name, value.as_bytes()).map_err(|error| match error {
            HeaderError::Forbidden => Error::Denied(format!("the header `{name}` is the host's to set")),
            HeaderError::InvalidSyntax | HeaderError::Immutable => Error::InvalidRequest(format!("the header `{name}` is malformed")),
        })?;
    }
    if !request.body.is_empty() && super::header(&request.headers, "content-length").is_none() {
        // Without a length the host would send chunks, which some servers refuse.
        let _ = fields.append("content-length", request.body.len().to_string().as_bytes());
    }
    let outgoing = OutgoingRequest::new(fields);
    let invalid = |what: &str| Error::InvalidRequest(format!("the host refused the {what} of {} {}", request.method, request.url));
    outgoing.set_method(&method(&request.method)).map_err(|()| invalid("method"))?;
    outgoing.set_scheme(Some(if address.secure { &Scheme::Https } else { &Scheme::Http })).map_err(|()| invalid("scheme"))?;
    outgoing.set_authority(Some(&address.authority)).map_err(|()| invalid("host"))?;
    outgoing.set_path_with_query(Some(&address.path_and_query)).map_err(|()| invalid("path"))?;
    Ok(outgoing)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn options(request: &Request) -> Result<RequestOptions, Error> {
    let nanos = |limit: Option<Duration>| limit.map(|limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
    let refused = |()| Error::InvalidRequest("the host does not take these timeouts".to_owned());
    let options = RequestOptions::new();
    options.set_connect_timeout(nanos(request.connect_timeout)).map_err(refused)?;
    options.set_first_byte_timeout(nanos(request.first_byte_timeout)).map_err(refused)?;
    options.set_between_bytes_timeout(nanos(request.idle_timeout)).map_err(refused)?;
    Ok(options)
}

/// A request body of which the server did not want the rest. Held as long as its answer is read:
/// to let go of it would break the connection off.
struct Unsent {
    _stream: OutputStream,
    _body: OutgoingBody,
}

/// A request under way.
struct Upload {
    pending: FutureIncomingResponse,
    /// What the server said before it had everything.
    answer: Option<IncomingResponse>,
}

impl Upload {
    /// Writes the body, or as much of it as the server takes.
    fn write(&mut self, body: OutgoingBody, bytes: &[u8], idle: Option<Duration>) -> Result<Option<Unsent>, Error> {
        let stream = body.write().map_err(|()| Error::Network("the host gave no stream for the request body".to_owned()))?;
        if !self.write_all(&stream, bytes, idle)? {
            return Ok(Some(Unsent { _stream: stream, _body: body }));
        }
        // A stream must be gone before its body is finished.
        drop(stream);
        OutgoingBody::finish(body, None).map_err(|code| from_code(&code))?;
        Ok(None)
    }

    /// Whether all of it was handed over. There is no flush: it would wait for nothing, and older
    /// hosts say `closed` of a body whose last byte they have sent.
    fn write_all(&mut self, stream: &OutputStream, bytes: &[u8], idle: Option<Duration>) -> Result<bool, Error> {
        let mut rest = bytes;
        let room = stream.subscribe();
        let mut other = self.pending.subscribe();
        while !rest.is_empty() {
            if !poll(&[&room, &other]).contains(&0) {
                if self.answer.is_some() || self.take()?.status() >= 400 {
                    // Answered, and not reading: the rest is not wanted.
                    return Ok(false);
                }
                other = after(idle.unwrap_or(ANSWERED_AND_DEAF));
                continue;
            }
            match write_some(stream, rest) {
                Ok(later) => rest = later,
                // Nobody takes more of it; whether that was a failure, the answer says.
                Err(StreamError::Closed) => return Ok(false),
                Err(error) => return Err(from_stream(error)),
            }
        }
        Ok(true)
    }

    /// The answer, which is there.
    fn take(&mut self) -> Result<&IncomingResponse, Error> {
        match self.pending.get() {
            Some(Ok(Ok(response))) => Ok(self.answer.insert(response)),
            Some(Ok(Err(code))) => Err(from_code(&code)),
            Some(Err(())) | None => Err(Error::Network("the host lost the response".to_owned())),
        }
    }

    /// Waits for the answer.
    fn answer(mut self) -> Result<IncomingResponse, Error> {
        if self.answer.is_none() {
            self.pending.subscribe().block();
            self.take()?;
        }
        self.answer.ok_or_else(|| Error::Network("the host lost the response".to_owned()))
    }
}

/// Writes what there is room for, and gives the rest.
fn write_some<'b>(stream: &OutputStream, bytes: &'b [u8]) -> Result<&'b [u8], StreamError> {
    let room = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
    let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
    if !now.is_empty() {
        stream.write(now)?;
    }
    Ok(later)
}

fn after(wait: Duration) -> Pollable {
    monotonic_clock::subscribe_duration(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX))
}

fn read_head(response: IncomingResponse, idle: Option<Duration>, unsent: Option<Unsent>) -> Result<Response, Error> {
    let status = response.status();
    let headers = response.headers().entries();
    let headers =
        headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), String::from_utf8_lossy(&value).into_owned())).collect();
    let body = response.consume().map_err(|()| Error::Network("the host gave no response body".to_owned()))?;
    let stream = body.stream().map_err(|()| Error::Network("the host gave no stream for the response body".to_owned()))?;
    Ok(Response {
        status,
        headers,
        body: Box::new(Incoming { stream, _body: body, _response: response, idle, ended: false, _unsent: unsent }),
    })
}

/// A response body in the host. The fields drop in this order: children first.
struct Incoming {
    stream: InputStream,
    _body: IncomingBody,
    _response: IncomingResponse,
    idle: Option<Duration>,
    ended: bool,
    _unsent: Option<Unsent>,
}

impl Body for Incoming {
    fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        while !self.ended {
            self.wait()?;
            match self.stream.read(BODY_CHUNK_BYTES) {
                // Ready without bytes is allowed; ask again.
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Ok(Some(bytes)),
                Err(StreamError::Closed) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Err(from_stream(error));
                }
            }
        }
        Ok(None)
    }
}

impl Incoming {
    fn wait(&mut self) -> Result<(), Error> {
        let ready = self.stream.subscribe();
        let Some(limit) = self.idle else {
            ready.block();
            return Ok(());
        };
        if poll(&[&ready, &after(limit)]).contains(&0) {
            return Ok(());
        }
        self.ended = true;
        Err(Error::Timeout(format!("the server sent nothing for {} ms", limit.as_millis())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_host_the_client_says_how_to_test() {
        let error = Client::new().send(Request::get("https://example.org/")).unwrap_err();
        assert!(error.to_string().contains("testing::Script"), "{error}");
    }
}
