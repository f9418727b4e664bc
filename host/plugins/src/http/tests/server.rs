//! A server on loopback that says exactly what a test tells it, byte for byte, and
//! keeps exactly what it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub(super) const HI: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

/// One connection, from the server's end.
pub(super) struct Talk<S = TcpStream> {
    pub(super) stream: S,
    /// Of all connections, each with all its bytes.
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    number: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    /// Reads up to these bytes; `false` when the client is gone before.
    pub(super) async fn until(&mut self, end: &[u8]) -> bool {
        let mut since = Vec::new();
        while !since.ends_with(end) {
            let Ok(byte) = self.stream.read_u8().await else { return false };
            since.push(byte);
            self.heard.lock().unwrap()[self.number].push(byte);
        }
        true
    }

    /// The head of the next request.
    pub(super) async fn head(&mut self) -> bool {
        self.until(b"\r\n\r\n").await
    }

    /// Says this; a client that is gone does not matter.
    pub(super) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        drop(self.stream.write_all(bytes.as_ref()).await);
        drop(self.stream.flush().await);
    }

    /// Says this again and again, and hears nothing, until the client is gone.
    pub(super) async fn flood(&mut self, bytes: impl AsRef<[u8]>) {
        let many = bytes.as_ref().repeat(1 + 16 * 1024 / bytes.as_ref().len());
        let (mut from, mut to) = tokio::io::split(&mut self.stream);
        let saying = async { while to.write_all(&many).await.is_ok() {} };
        let mut ignored = vec![0; 64 * 1024];
        let hearing = async { while matches!(from.read(&mut ignored).await, Ok(bytes) if bytes > 0) {} };
        tokio::select! {
            () = saying => {}
            () = hearing => {}
        }
    }

    /// Says no more, and keeps the connection open until the client is gone.
    pub(super) async fn hang(&mut self) {
        self.until(b"never sent by anybody").await;
    }

    /// Reads without keeping anything, and says nothing.
    pub(super) async fn swallow(&mut self) {
        let mut buffer = vec![0; 64 * 1024];
        while matches!(self.stream.read(&mut buffer).await, Ok(bytes) if bytes > 0) {}
    }
}

impl Talk {
    /// The same connection under TLS; nothing if the client does not like the server.
    pub(super) async fn under(self, tls: &TlsAcceptor) -> Option<Talk<TlsStream<TcpStream>>> {
        let stream = tls.accept(self.stream).await.ok()?;
        Some(Talk { stream, heard: self.heard, number: self.number })
    }
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Server {
    /// Each connection is handled by this.
    pub(super) async fn doing<F>(handle: impl Fn(Talk) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let shared = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let number = {
                    let mut heard = shared.lock().unwrap();
                    heard.push(Vec::new());
                    heard.len() - 1
                };
                tokio::spawn(handle(Talk { stream, heard: Arc::clone(&shared), number }));
            }
        });
        Self { address, heard }
    }

    /// Each head is answered with these bytes.
    pub(super) async fn saying(answer: &'static str) -> Self {
        Self::doing(move |mut talk| async move {
            while talk.head().await {
                talk.say(answer).await;
            }
        })
        .await
    }

    /// The first head is answered with these bytes, and then the connection is closed.
    pub(super) async fn saying_once(answer: impl AsRef<[u8]> + Clone + Send + 'static) -> Self {
        Self::doing(move |mut talk| {
            let answer = answer.clone();
            async move {
                talk.head().await;
                talk.say(answer).await;
            }
        })
        .await
    }

    /// What each connection was sent.
    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}
