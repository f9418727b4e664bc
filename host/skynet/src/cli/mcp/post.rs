//! One exchange with the gateway's `/mcp`, and its answers as they come: one JSON body or
//! server-sent events.
//!
//! Refuses messages above a bound, and streams that are silent for too long.

use crate::client;
use crate::home::Home;
use crate::limits::{ANSWER, MCP_MESSAGE, MCP_SILENCE};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::timeout;

/// Headers by name.
pub(super) type Headers = Vec<(&'static str, String)>;

/// What came back, its messages still coming.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) session: Option<String>,
    incoming: Incoming,
    body: Body,
}

/// What was read of it.
#[derive(Debug, Default)]
struct Body {
    events: bool,
    unread: Vec<u8>,
    data: String,
    ready: VecDeque<String>,
}

/// Sends one request on a connection of its own. Its answer begins within `patience`.
pub(super) async fn send(home: &Home, method: &str, headers: &Headers, body: &str, patience: Duration) -> Result<Answer> {
    let stream = client::dial(home).await?;
    let shaken = timeout(ANSWER, hyper::client::conn::http1::handshake(TokioIo::new(stream))).await;
    let (mut sender, connection) = shaken.context("the host did not answer in time")??;
    // It ends with the exchange.
    tokio::spawn(connection);
    let mut request = http::Request::builder().method(method).uri("/mcp").header("host", client::address(home)?);
    request = request.header("accept", "application/json, text/event-stream").header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?;
    let response = timeout(patience, sender.send_request(request)).await.context("the host did not answer in time")??;
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Answer {
        status: response.status().as_u16(),
        session: header("mcp-session-id"),
        body: Body { events: header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")), ..Body::default() },
        incoming: response.into_body(),
    })
}

impl Answer {
    /// The next message as one line; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(message) = self.body.ready.pop_front() {
                return Ok(Some(message));
            }
            let Some(frame) = timeout(MCP_SILENCE, self.incoming.frame()).await.context("the host fell silent")? else {
                // What an end cuts off is no event; a plain body is whole only here.
                let rest = std::mem::take(&mut self.body.unread);
                return Ok((!self.body.events && !rest.is_empty()).then(|| one_line(&String::from_utf8_lossy(&rest))));
            };
            if let Ok(data) = frame?.into_data() {
                self.body.take(&data)?;
            }
        }
    }
}

impl Body {
    /// What follows of the stream. Each byte is looked at once.
    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        let mut looked_at = self.unread.len();
        self.unread.extend_from_slice(bytes);
        if self.unread.len().saturating_add(self.data.len()) > MCP_MESSAGE {
            bail!("the host sent a message of more than {MCP_MESSAGE} bytes");
        }
        let mut begun = 0;
        while let Some(length) =
            self.unread.get(looked_at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')).filter(|_| self.events)
        {
            let end = looked_at + length;
            let line = String::from_utf8_lossy(self.unread.get(begun..end).unwrap_or_default()).into_owned();
            (begun, looked_at) = (end + 1, end + 1);
            self.line(line.trim_end_matches('\r'));
        }
        self.unread.drain(..begun);
        Ok(())
    }

    fn line(&mut self, line: &str) {
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            if !data.trim().is_empty() {
                self.ready.push_back(one_line(&data));
            }
        } else if let Some(data) = line.strip_prefix("data:") {
            self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            self.data.push('\n');
        }
    }
}

/// In JSON a line break stands between words only, where a space does as well.
fn one_line(text: &str) -> String {
    text.trim().replace(['\r', '\n'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_however_they_are_cut_into_pieces() {
        let stream = ": a comment\r\nid: 1\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\n\ndata:{\"b\":\"grüße\"}\n\ndata: cut off".as_bytes();
        for size in 1..stream.len() {
            let mut body = Body { events: true, ..Body::default() };
            stream.chunks(size).for_each(|piece| body.take(piece).unwrap());
            assert_eq!(body.ready, ["{\"a\": 1}", "{\"b\":\"grüße\"}"], "{size}");
        }
    }

    #[test]
    fn a_plain_body_stays_whole_and_one_without_end_is_refused() {
        let mut body = Body::default();
        body.take(b"{\n").unwrap();
        body.take(b"}\n").unwrap();
        assert_eq!((body.unread.as_slice(), body.ready.len()), (b"{\n}\n".as_slice(), 0));
        let mut flood = Body { events: true, ..Body::default() };
        let line = format!("data: {}\n", "x".repeat(1 << 20));
        assert!((0..=MCP_MESSAGE >> 20).any(|_| flood.take(line.as_bytes()).is_err()));
    }
}
