//! The life of one socket: challenge, handshake, then requests in and letters out.
//!
//! Two loops: one reads and never waits for a slow answer, one writes what the
//! mailbox holds. Whoever ends it, queued letters go out first, the close frame is
//! last, and the client gets a moment to read it.

use crate::auth::peer::Peer;
use crate::client::Client;
use crate::frame::{EventHead, Inbound, response};
use crate::limits::{
    CLOSE_DRAIN, CLOSE_DRAIN_BYTES, CLOSE_FLUSH, FRAME_BYTES, HANDSHAKE_FRAME_BYTES, HANDSHAKE_WIRE_BYTES, SOCKET_BUFFER_BYTES,
};
use crate::mailbox::{Closing, Letter, Mailbox, Next};
use crate::refusal::Refusal;
use crate::server::{Server, Stranger};
use crate::ws::connect::{self, ConnectParams};
use crate::ws::gauge::{Allowance, Gauge};
use crate::ws::hello;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use uuid::Uuid;

type Socket = WebSocketStream<Gauge<TokioIo<Upgraded>>>;
type Sink = SplitSink<Socket, Message>;

/// Runs a socket to its end.
pub(crate) async fn run(server: Arc<Server>, peer: Peer, io: TokioIo<Upgraded>, stranger: Stranger) {
    let allowance = Allowance::new(HANDSHAKE_WIRE_BYTES);
    let config = WebSocketConfig::default()
        .read_buffer_size(SOCKET_BUFFER_BYTES)
        .write_buffer_size(SOCKET_BUFFER_BYTES)
        .max_message_size(Some(FRAME_BYTES))
        .max_frame_size(Some(FRAME_BYTES));
    let socket = WebSocketStream::from_raw_socket(Gauge::new(io, allowance.clone()), Role::Server, Some(config)).await;
    let (sink, stream) = socket.split();
    let mailbox = Arc::new(Mailbox::default());
    let writer = tokio::spawn(write(sink, Arc::clone(&mailbox)));
    let mut reader = Reader { server, peer, stream, mailbox, allowance };
    let deadline = Duration::from_millis(reader.server.config.handshake_timeout_ms);
    let client = match tokio::time::timeout(deadline, reader.handshake()).await {
        Ok(client) => client,
        Err(_) => {
            reader.mailbox.close(Closing::new(1000, ""));
            None
        }
    };
    drop(stranger);
    if let Some(client) = client {
        reader.serve(&client).await;
        reader.server.hub.leave(&client);
    }
    reader.allowance.lift();
    finish(reader.stream, writer).await;
}

enum Heard {
    Text(Utf8Bytes),
    /// The end was asked for, here or by the client.
    End,
}

struct Reader {
    server: Arc<Server>,
    peer: Peer,
    stream: SplitStream<Socket>,
    mailbox: Arc<Mailbox>,
    allowance: Allowance,
}

impl Reader {
    /// The next text. Pings are answered by the parser.
    async fn hear(&mut self) -> Heard {
        loop {
            let message = tokio::select! {
                biased;
                () = self.mailbox.closing() => return Heard::End,
                message = self.stream.next() => message,
            };
            match message {
                Some(Ok(Message::Text(text))) => return Heard::Text(text),
                Some(Ok(Message::Binary(bytes))) => {
                    if let Ok(text) = Utf8Bytes::try_from(bytes) {
                        return Heard::Text(text);
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) | None => self.mailbox.closed_by_client(),
                Some(Err(error)) => self.broken(&error),
            }
        }
    }

    fn broken(&self, error: &Error) {
        let closing = match error {
            Error::Capacity(_) => Closing::new(1009, "message too big"),
            Error::Io(_) if self.allowance.is_spent() => Closing::new(1009, "message too big"),
            Error::Utf8(_) => Closing::new(1007, "text is not UTF-8"),
            Error::Protocol(_) => Closing::new(1002, "protocol error"),
            _ => return self.mailbox.closed_by_client(),
        };
        tracing::debug!(%error, code = closing.code, "a client broke the WebSocket protocol");
        self.mailbox.close(closing);
    }

    fn refuse(&self, id: &str, refusal: Refusal, code: u16, reason: &str) {
        tracing::debug!(peer = %self.peer.address, reason, "a handshake was refused");
        self.mailbox.answer(response(id, &Err(refusal)));
        self.mailbox.close(Closing::new(code, reason));
    }

    async fn handshake(&mut self) -> Option<Arc<Client>> {
        let nonce = Uuid::new_v4().to_string();
        let challenge = json!({"nonce": nonce, "ts": self.server.clock.now_ms()});
        self.mailbox.targeted(&EventHead::new("connect.challenge", &challenge));
        let Heard::Text(text) = self.hear().await else { return None };
        if text.len() > HANDSHAKE_FRAME_BYTES {
            self.mailbox.close(Closing::new(1009, "message too big"));
            return None;
        }
        let request = match Inbound::parse(&text) {
            Inbound::Request(request) => request,
            Inbound::Malformed { id, why } => {
                let refusal = Refusal::invalid(format!("invalid request frame: {why}"));
                self.refuse(&id, refusal, 1008, "invalid request frame");
                return None;
            }
            Inbound::Noise => {
                self.mailbox.close(Closing::new(1000, ""));
                return None;
            }
        };
        if request.method != "connect" {
            let message = "invalid handshake: first request must be connect";
            self.refuse(&request.id, Refusal::invalid(message), 1008, message);
            return None;
        }
        if self.server.readiness().starting {
            let refusal = Refusal::later("gateway starting; retry shortly", 500).with(json!({"reason": "startup-sidecars"}));
            self.refuse(&request.id, refusal, 1013, "gateway starting");
            return None;
        }
        let welcome = match ConnectParams::parse(request.params) {
            Ok(params) => self.judge(params, nonce).await,
            Err(refusal) => Err(refusal),
        };
        match welcome {
            Ok(welcome) => self.welcome(&request.id, welcome),
            Err(refusal) => {
                let (code, reason) = close_of(&refusal);
                self.refuse(&request.id, refusal, code, &reason);
                None
            }
        }
    }

    /// Judged to the end, also when the client's time is over meanwhile: what is in the audit log is done then.
    async fn judge(&self, params: ConnectParams, nonce: String) -> Result<connect::Welcome, Refusal> {
        let (server, peer) = (Arc::clone(&self.server), self.peer.clone());
        let judging = tokio::spawn(async move { connect::judge(&server, &peer, params, &nonce).await });
        judging.await.unwrap_or_else(|_| Err(Refusal::unavailable("the handshake ended badly; see the host's log")))
    }

    fn welcome(&self, request: &str, welcome: connect::Welcome) -> Option<Arc<Client>> {
        let hub = &self.server.hub;
        let conn = Uuid::new_v4().to_string();
        let client = Arc::new(Client::new(hub.next_id(), conn, welcome.identity, Arc::clone(&self.mailbox)));
        let _hello_first = self.mailbox.cork();
        if !hub.join(&client) {
            self.mailbox.close(Closing::new(1012, "service restart"));
            return None;
        }
        self.mailbox.answer(response(request, &Ok(hello::payload(&self.server, &client, welcome.device_token))));
        self.allowance.lift();
        tracing::debug!(conn = %client.conn, client = %client.identity.info.id, peer = %self.peer.address, "a client connected");
        Some(client)
    }

    async fn serve(&mut self, client: &Arc<Client>) {
        while let Heard::Text(text) = self.hear().await {
            crate::methods::receive(&self.server, client, &text);
        }
    }
}

fn close_of(refusal: &Refusal) -> (u16, String) {
    if refusal.message == "protocol mismatch" {
        return (1002, refusal.message.clone());
    }
    match refusal.details.as_ref().and_then(|details| details.get("requestId")?.as_str()) {
        Some(request) => (1008, format!("{} (requestId: {request})", refusal.message)),
        None => (1008, refusal.message.clone()),
    }
}

/// Sends what the mailbox gives until it says stop. Gives the sink back for the goodbye.
async fn write(mut sink: Sink, mailbox: Arc<Mailbox>) -> Option<Sink> {
    loop {
        let next = match mailbox.try_next() {
            Some(next) => next,
            None => {
                sink.flush().await.ok()?;
                mailbox.next().await
            }
        };
        let message = match next {
            Next::Send(Letter::Text(text)) => Message::text(text),
            Next::Send(Letter::Event(head, seq)) => Message::text(head.finish(seq)),
            Next::Send(Letter::Ping) => Message::Ping(bytes::Bytes::new()),
            Next::Close(None) => {
                sink.flush().await.ok()?;
                return Some(sink);
            }
            Next::Close(Some(closing)) => {
                let frame = CloseFrame { code: CloseCode::from(closing.code), reason: closing.reason.into() };
                sink.send(Message::Close(Some(frame))).await.ok()?;
                return Some(sink);
            }
        };
        if sink.feed(message).await.is_err() {
            mailbox.closed_by_client();
            return None;
        }
    }
}

/// Lets the last letters out, then reads what is still coming: a socket that is
/// dropped with unread bytes is reset, and the client never sees why it was closed.
async fn finish(stream: SplitStream<Socket>, mut writer: JoinHandle<Option<Sink>>) {
    let Ok(Ok(sink)) = tokio::time::timeout(CLOSE_FLUSH, &mut writer).await else {
        writer.abort();
        return;
    };
    let Some(mut socket) = sink.and_then(|sink| stream.reunite(sink).ok()) else { return };
    let goodbye = async {
        if socket.get_mut().shutdown().await.is_err() {
            return;
        }
        let mut scrap = vec![0_u8; SOCKET_BUFFER_BYTES];
        let mut left = CLOSE_DRAIN_BYTES;
        while let Ok(read) = socket.get_mut().read(&mut scrap).await {
            left = left.saturating_sub(read);
            if read == 0 || left == 0 {
                break;
            }
        }
    };
    if tokio::time::timeout(CLOSE_DRAIN, goodbye).await.is_err() {
        tracing::debug!("a client did not close its side in time");
    }
}
