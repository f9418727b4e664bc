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
use tokio::time::timeout;

/// Headers by name.
pub(super) type Headers = Vec<(&'static str, String)>;

/// What came back, its messages still coming.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) session: Option<String>,
    events: bool,
    body: Incoming,
    unread: Vec<u8>,
    data: String,
    ready: VecDeque<String>,
}

/// Sends one request on a connection of its own.
pub(super) async fn send(home: &Home, method: &str, headers: &Headers, body: &str) -> Result<Answer> {
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
    let response = timeout(ANSWER, sender.send_request(request)).await.context("the host did not answer in time")??;
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Answer {
        status: response.status().as_u16(),
        session: header("mcp-session-id"),
        events: header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")),
        body: response.into_body(),
        unread: Vec::new(),
        data: String::new(),
        ready: VecDeque::new(),
    })
}

impl Answer {
    /// The next message as one line; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(Some(message));
            }
            let Some(frame) = timeout(MCP_SILENCE, self.body.frame()).await.context("the host fell silent")? else {
                // What an end cuts off is no event; a plain body is whole only here.
                let rest = std::mem::take(&mut self.unread);
                return Ok((!self.events && !rest.is_empty()).then(|| one_line(&String::from_utf8_lossy(&rest))));
            };
            if let Ok(data) = frame?.into_data() {
                self.take(&data)?;
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.unread.extend_from_slice(bytes);
        if self.unread.len().saturating_add(self.data.len()) > MCP_MESSAGE {
            bail!("the host sent a message of more than {MCP_MESSAGE} bytes");
        }
        while let Some(end) = self.unread.iter().position(|byte| *byte == b'\n').filter(|_| self.events) {
            let line: Vec<u8> = self.unread.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
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
        Ok(())
    }
}

/// In JSON a line break stands between words only, where a space does as well.
fn one_line(text: &str) -> String {
    text.trim().replace(['\r', '\n'], " ")
}
