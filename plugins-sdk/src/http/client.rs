//! [`Client`]: the transport over `wasi:http/outgoing-handler`.
//!
//! It owns the order in which the host's resources are made, waited on and
//! dropped. It refuses to wait
//! for ever on a silent body when the request set a limit.

use super::failure::{from_code, from_stream};
use super::{Address, Body, Error, Request, Response, Transport};
use crate::bindings::wasi::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::wasi::http::outgoing_handler;
use crate::bindings::wasi::wasi::http::types::{
    Fields, HeaderError, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use crate::bindings::wasi::wasi::io::poll::poll;
use crate::bindings::wasi::wasi::io::streams::{InputStream, OutputStream, StreamError};
use crate::limits::BODY_CHUNK_BYTES;
use std::time::Duration;

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
        // A server may answer before it has read everything; its answer then says more than the broken write.
        let written = write_body(body, &request.body);
        let waiting = pending.subscribe();
        waiting.block();
        drop(waiting);
        let response = match pending.get() {
            Some(Ok(Ok(response))) => response,
            Some(Ok(Err(code))) => return Err(from_code(&code)),
            Some(Err(())) | None => return Err(Error::Network("the host lost the response".to_owned())),
        };
        if response.status() < 400 {
            written?;
        }
        read_head(response, idle)
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

fn write_body(body: OutgoingBody, bytes: &[u8]) -> Result<(), Error> {
    let stream = body.write().map_err(|()| Error::Network("the host gave no stream for the request body".to_owned()))?;
    write_all(&stream, bytes)?;
    // A stream must be gone before its body is finished.
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|code| from_code(&code))
}

fn write_all(stream: &OutputStream, bytes: &[u8]) -> Result<(), Error> {
    let mut rest = bytes;
    let ready = stream.subscribe();
    while !rest.is_empty() {
        ready.block();
        let room = usize::try_from(stream.check_write().map_err(from_stream)?).unwrap_or(usize::MAX);
        let Some((now, later)) = rest.split_at_checked(room.min(rest.len())) else { break };
        if !now.is_empty() {
            stream.write(now).map_err(from_stream)?;
        }
        rest = later;
    }
    if !bytes.is_empty() {
        stream.blocking_flush().map_err(from_stream)?;
    }
    Ok(())
}

fn read_head(response: IncomingResponse, idle: Option<Duration>) -> Result<Response, Error> {
    let status = response.status();
    let headers = response.headers().entries();
    let headers =
        headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), String::from_utf8_lossy(&value).into_owned())).collect();
    let body = response.consume().map_err(|()| Error::Network("the host gave no response body".to_owned()))?;
    let stream = body.stream().map_err(|()| Error::Network("the host gave no stream for the response body".to_owned()))?;
    Ok(Response { status, headers, body: Box::new(Incoming { stream, _body: body, _response: response, idle, ended: false }) })
}

/// A response body in the host. The fields drop in this order: children first.
struct Incoming {
    stream: InputStream,
    _body: IncomingBody,
    _response: IncomingResponse,
    idle: Option<Duration>,
    ended: bool,
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
        let late = monotonic_clock::subscribe_duration(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        if poll(&[&ready, &late]).contains(&0) {
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
