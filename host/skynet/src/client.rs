//! The command line's own connection to the gateway: the same protocol, port and
//! token as any other client. No back door.

use crate::config_file;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::lock;
use crate::owner_token;
use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// The handshake's own limit on both sides.
const CONNECT: Duration = Duration::from_secs(15);

/// An authenticated connection.
pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next: u64,
    /// What the gateway said in its hello.
    pub(crate) hello: Value,
}

/// Where the gateway of this folder listens: as its host says, else as configured.
pub(crate) fn address(home: &Home) -> Result<String> {
    if let Some(address) = lock::address(home) {
        let loopback = std::net::SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), address.port());
        return Ok(if address.ip().is_unspecified() { loopback } else { address }.to_string());
    }
    let gateway = config_file::load(home)?.gateway;
    let bind = if gateway.bind.is_unspecified() { std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST) } else { gateway.bind };
    Ok(std::net::SocketAddr::new(bind, gateway.port).to_string())
}

/// A bare connection to the gateway, for its HTTP side.
pub(crate) async fn dial(home: &Home) -> Result<TcpStream> {
    let address = address(home)?;
    match timeout(CONNECT, TcpStream::connect(&address)).await {
        Ok(Ok(stream)) => Ok(stream),
        _ => Err(fail(Kind::NotRunning, format!("no host answers on {address}; start it with: skynet daemon start"))),
    }
}

impl Client {
    /// Connects with the owner's token.
    pub(crate) async fn connect(home: &Home) -> Result<Self> {
        home.must_exist()?;
        let address = address(home)?;
        let token = owner_token::read(home)?;
        let opened = timeout(CONNECT, tokio_tungstenite::connect_async(format!("ws://{address}/"))).await;
        let Ok(Ok((socket, _))) = opened else {
            return Err(fail(Kind::NotRunning, format!("no host answers on {address}; start it with: skynet daemon start")));
        };
        let mut client = Self { socket, next: 0, hello: Value::Null };
        let greeted = timeout(CONNECT, client.greet(&token)).await;
        greeted.map_err(|_| fail(Kind::TryLater, format!("the host on {address} did not answer in {} s", CONNECT.as_secs())))??;
        Ok(client)
    }

    async fn greet(&mut self, token: &str) -> Result<()> {
        let challenge = self.frame().await?;
        if challenge["event"] != "connect.challenge" {
            bail!("what listens there is no gateway: it said {challenge}");
        }
        let hello = self
            .call(
                "connect",
                json!({
                    "minProtocol": 3, "maxProtocol": 3, "role": "operator", "scopes": ["operator.admin"],
                    "client": { "id": "gateway-client", "displayName": "skynet", "version": env!("CARGO_PKG_VERSION"), "platform": std::env::consts::OS, "mode": "backend" },
                    "caps": ["tool-events"],
                    "auth": { "token": token },
                }),
            )
            .await
            .context("the gateway refused the owner's token; `skynet doctor` looks into it")?;
        self.hello = hello;
        Ok(())
    }

    /// The next frame. The caller bounds the wait.
    pub(crate) async fn frame(&mut self) -> Result<Value> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).context("the gateway sent no JSON"),
                Some(Ok(Message::Close(frame))) => {
                    let reason = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                    return Err(fail(Kind::NotRunning, format!("the host closed the connection: {reason}")));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(fail(Kind::NotRunning, format!("the connection broke: {error}"))),
                None => return Err(fail(Kind::NotRunning, "the host closed the connection")),
            }
        }
    }

    /// Sends a request; gives its id.
    pub(crate) async fn send(&mut self, method: &str, params: Value) -> Result<String> {
        self.next += 1;
        let id = format!("c{}", self.next);
        let frame = json!({ "type": "req", "id": id, "method": method, "params": params });
        let sent = timeout(CONNECT, self.socket.send(Message::text(frame.to_string()))).await;
        sent.map_err(|_| fail(Kind::TryLater, "the host does not read"))?
            .map_err(|error| fail(Kind::NotRunning, format!("the connection broke: {error}")))?;
        Ok(id)
    }

    /// Sends a request and waits for its answer; events meanwhile are dropped. The
    /// caller bounds the wait.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        let id = self.send(method, params).await?;
        loop {
            let frame = self.frame().await?;
            if frame["type"] == "res" && frame["id"] == id.as_str() {
                return answer(frame);
            }
        }
    }
}

/// The payload of a response, or its error.
pub(crate) fn answer(mut frame: Value) -> Result<Value> {
    if frame["ok"] == true {
        return Ok(frame["payload"].take());
    }
    let message = frame["error"]["message"].as_str().unwrap_or("the gateway gave no reason").to_owned();
    let kind = match frame["error"]["details"]["reason"].as_str() {
        Some("not-found") => Kind::NotFound,
        _ if frame["error"]["retryable"] == true => Kind::TryLater,
        _ => Kind::Refused,
    };
    Err(fail(kind, message))
}

/// One call with a limit on time.
pub(crate) async fn call(home: &Home, method: &str, params: Value, limit: Duration) -> Result<Value> {
    let mut client = Client::connect(home).await?;
    let answered = timeout(limit, client.call(method, params)).await;
    answered.map_err(|_| fail(Kind::TryLater, format!("the host did not answer {method} in {} s", limit.as_secs())))?
}

/// Asks a running host for another look at its folder and its keys; nothing runs, nothing is lost.
/// `None` where no host runs.
pub(crate) async fn rescan(home: &Home) -> Option<Result<()>> {
    match call(home, "plugins.reload", json!({}), Duration::from_secs(30)).await {
        Ok(_) => Some(Ok(())),
        Err(error) if crate::exit::kind(&error) == Some(Kind::NotRunning) => None,
        Err(error) => Some(Err(error)),
    }
}
