//! Clients: a WebSocket that speaks the protocol, and HTTP by hand.

use crate::world::OWNER;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// Longer than anything here takes on a busy machine; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer that must come.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("nothing came")
}

/// What a client says in its handshake.
#[derive(Clone)]
pub(crate) struct Hello {
    pub(crate) params: Value,
    key: Option<SigningKey>,
    version: &'static str,
    pub(crate) signed_at: u64,
    pub(crate) nonce: Option<String>,
}

impl Hello {
    /// A program of the owner on this machine.
    pub(crate) fn new() -> Self {
        let params = json!({
            "minProtocol": 3, "maxProtocol": 3, "role": "operator",
            "client": {"id": "gateway-client", "version": "1.0", "platform": "linux", "mode": "backend"},
            "scopes": ["operator.admin"], "caps": [], "auth": {"token": OWNER},
        });
        Self { params, key: None, version: "v3", signed_at: crate::world::START_MS, nonce: None }
    }

    /// A device of the command line.
    pub(crate) fn device(seed: u8) -> Self {
        let mut hello = Self::new().client("cli", "cli");
        hello.key = Some(SigningKey::from_bytes(&[seed; 32]));
        hello
    }

    pub(crate) fn client(mut self, id: &str, mode: &str) -> Self {
        self.params["client"]["id"] = id.into();
        self.params["client"]["mode"] = mode.into();
        self
    }

    pub(crate) fn scopes(mut self, scopes: &[&str]) -> Self {
        self.params["scopes"] = json!(scopes);
        self
    }

    pub(crate) fn token(mut self, token: &str) -> Self {
        self.params["auth"] = json!({"token": token});
        self
    }

    pub(crate) fn auth(mut self, auth: Value) -> Self {
        self.params["auth"] = auth;
        self
    }

    pub(crate) fn set(mut self, key: &str, value: Value) -> Self {
        self.params[key] = value;
        self
    }

    pub(crate) fn version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    fn finish(mut self, nonce: &str) -> Value {
        let Some(key) = self.key else { return self.params };
        let raw = key.verifying_key().to_bytes();
        let id = hex::encode(Sha256::digest(raw));
        let nonce = self.nonce.as_deref().unwrap_or(nonce);
        let p = &self.params;
        let auth = |name: &str| p["auth"][name].as_str().filter(|text| !text.is_empty());
        let token = auth("token").or(auth("deviceToken")).unwrap_or("");
        let scopes: Vec<&str> = p["scopes"].as_array().unwrap().iter().map(|scope| scope.as_str().unwrap()).collect();
        let mut text = format!(
            "{}|{id}|{}|{}|{}|{}|{}|{token}|{nonce}",
            self.version,
            p["client"]["id"].as_str().unwrap(),
            p["client"]["mode"].as_str().unwrap(),
            p["role"].as_str().unwrap_or("operator"),
            scopes.join(","),
            self.signed_at
        );
        if self.version == "v3" {
            text.push_str(&format!("|{}|", p["client"]["platform"].as_str().unwrap().to_lowercase()));
        }
        self.params["device"] = json!({
            "id": id, "publicKey": URL_SAFE_NO_PAD.encode(raw), "signature": URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()).to_bytes()),
            "signedAt": self.signed_at, "nonce": nonce,
        });
        self.params
    }
}

/// A WebSocket client.
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Frames that came while another was waited for.
    kept: VecDeque<Value>,
    next: u64,
}

impl Socket {
    pub(crate) async fn dial(address: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut request = format!("ws://{address}{path}").into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let (stream, _) = soon(connect_async_with_config(request, Some(config), true)).await?;
        Ok(Self { stream, kept: VecDeque::new(), next: 0 })
    }

    pub(crate) async fn send_text(&mut self, text: impl Into<String>) {
        soon(self.stream.send(Message::text(text.into()))).await.unwrap();
    }

    pub(crate) async fn send(&mut self, message: Message) -> Result<(), Error> {
        soon(self.stream.send(message)).await
    }

    /// The next frame, or the close code and reason as text.
    pub(crate) async fn frame(&mut self) -> Result<Value, String> {
        loop {
            match soon(self.stream.next()).await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or_else(|| "closed".into(), |frame| format!("{} {}", u16::from(frame.code), frame.reason)));
                }
                Some(Ok(_)) => {}
                other => return Err(format!("{other:?}")),
            }
        }
    }

    /// Frames up to the end; gives the close.
    pub(crate) async fn closed(&mut self) -> String {
        loop {
            match self.frame().await {
                Ok(frame) => self.kept.push_back(frame),
                Err(close) => return close,
            }
        }
    }

    /// The frames that were kept so far.
    pub(crate) fn kept(&mut self) -> Vec<Value> {
        self.kept.drain(..).collect()
    }

    /// The first frame that fits, kept or new; the others are kept.
    pub(crate) async fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.kept.iter().position(&fits) {
            return self.kept.remove(at).unwrap();
        }
        let fitting = async {
            loop {
                let frame = self.frame().await.unwrap_or_else(|close| panic!("closed: {close}; kept: {:#?}", self.kept));
                if fits(&frame) {
                    return frame;
                }
                self.kept.push_back(frame);
            }
        };
        soon(fitting).await
    }

    pub(crate) async fn event(&mut self, name: &str) -> Value {
        self.until(|frame| frame["event"] == name).await
    }

    /// Answers the challenge; gives the response frame.
    pub(crate) async fn hello(&mut self, hello: Hello) -> Value {
        let challenge = self.event("connect.challenge").await;
        let nonce = challenge["payload"]["nonce"].as_str().unwrap().to_owned();
        let params = hello.finish(&nonce);
        self.request("connect", params).await
    }

    /// Sends a request without waiting; gives its id.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> String {
        self.next += 1;
        let id = format!("q{}", self.next);
        self.send_text(json!({"type": "req", "id": id, "method": method, "params": params}).to_string()).await;
        id
    }

    pub(crate) async fn answer(&mut self, id: &str) -> Value {
        self.until(|frame| frame["type"] == "res" && frame["id"] == id).await
    }

    /// A whole response frame.
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.ask(method, params).await;
        self.answer(&id).await
    }

    /// The payload of a call that must succeed.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        let answer = self.request(method, params).await;
        assert_eq!(answer["ok"], true, "{method}: {answer}");
        answer["payload"].clone()
    }

    /// `CODE message` of a call that must fail.
    pub(crate) async fn refused(&mut self, method: &str, params: Value) -> String {
        let answer = self.request(method, params).await;
        assert_eq!(answer["ok"], false, "{method}: {answer}");
        format!("{} {}", answer["error"]["code"].as_str().unwrap(), answer["error"]["message"].as_str().unwrap())
    }

    /// A request that must be refused; gives the whole error.
    pub(crate) async fn error(&mut self, method: &str, params: Value) -> Value {
        let answer = self.request(method, params).await;
        assert_eq!(answer["ok"], false, "{method}: {answer}");
        answer["error"].clone()
    }

    /// Chat and agent events of a run up to its last chat event.
    pub(crate) async fn run(&mut self, run: &str) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event =
                self.until(|frame| (frame["event"] == "chat" || frame["event"] == "agent") && frame["payload"]["runId"] == run).await;
            let state = event["payload"]["state"].as_str().unwrap_or("").to_owned();
            events.push(event);
            if matches!(state.as_str(), "final" | "aborted" | "error") {
                return events;
            }
        }
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}:");
        self.head
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with(&prefix))
            .and_then(|line| line.split_once(':'))
            .map(|(_, v)| v.trim())
    }
}

/// A client that must not get in: the error and the close frame's word.
pub(crate) async fn refused(world: &crate::world::World, hello: Hello, headers: &[(&'static str, &str)]) -> (Value, String) {
    let mut socket = Socket::dial(world.address, "/", headers).await.unwrap();
    let answer = socket.hello(hello).await;
    assert_eq!(answer["ok"], false, "{answer}");
    (answer["error"].clone(), socket.closed().await)
}

/// One HTTP request on its own connection.
pub(crate) async fn http(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request_text(address, method, path, headers, body).as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    soon(stream.read_to_end(&mut bytes)).await.unwrap();
    reply(&String::from_utf8_lossy(&bytes))
}

pub(crate) fn request_text(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        text.push_str(&format!("Host: {address}\r\n"));
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{text}\r\n{body}")
}

pub(crate) fn reply(text: &str) -> Reply {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") { unchunk(body) } else { body.to_owned() };
    Reply { status, head: head.to_owned(), body }
}

fn unchunk(mut text: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        whole.push_str(&rest[..size]);
        text = rest[size..].trim_start_matches("\r\n");
    }
    whole
}
