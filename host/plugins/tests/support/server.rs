//! A small HTTP/1.1 server on loopback that remembers what it was sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What it answers with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// `hi`, and the connection stays open.
    Hello,
    /// One piece of a body, then nothing for good.
    Stalls,
    /// A body without end.
    Endless,
    /// Headers without end.
    EndlessHead,
    /// The request's credential, in a header and in the body: as it is and encoded.
    Echo,
    /// Another place to go to.
    Redirects(&'static str),
    /// A body without end, a byte a second.
    Drips,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<String>>>::default());
        let server = Self { address, connections: Arc::clone(&connections), requests: Arc::clone(&requests) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, answer, Arc::clone(&requests)));
            }
        });
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Heads of all requests, in lower case.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A value as a server might send it back: plain, base64 (alone and after a name), percent, JSON, hex.
pub(crate) fn forms(value: &str) -> [String; 6] {
    let percent = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let json = serde_json::to_string(value).unwrap();
    let json = json[1..json.len() - 1].to_owned();
    [value.to_owned(), STANDARD.encode(value), STANDARD.encode(format!("user:{value}")), percent, json, hex::encode(value)]
}

/// The next request's head; nothing when the client is done.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap().to_lowercase())
}

async fn serve(mut stream: TcpStream, answer: Answer, requests: Arc<Mutex<Vec<String>>>) -> std::io::Result<()> {
    while let Some(head) = head(&mut stream).await {
        let credential = head.lines().find_map(|line| line.strip_prefix("authorization: bearer ")).unwrap_or_default().to_owned();
        requests.lock().unwrap().push(head);
        match answer {
            Answer::Echo => {
                let body = forms(&credential).join(" ");
                let head = format!("HTTP/1.1 200 OK\r\nx-echo: {credential}\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).await?;
            }
            Answer::Hello => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await?,
            Answer::Stalls => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhi").await?;
                std::future::pending::<()>().await;
            }
            Answer::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                loop {
                    stream.write_all(&[b'x'; 65536]).await?;
                }
            }
            Answer::Redirects(place) => {
                stream.write_all(format!("HTTP/1.1 302 Found\r\nlocation: {place}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await?;
            }
            Answer::Drips => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                loop {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    stream.write_all(b"x").await?;
                }
            }
            Answer::EndlessHead => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
                loop {
                    stream.write_all(b"x-more: and more and more and more\r\n").await?;
                }
            }
        }
    }
    Ok(())
}
