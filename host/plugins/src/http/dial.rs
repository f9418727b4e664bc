//! Connections to checked addresses: TCP to the very address, TLS for the very name,
//! HTTP/2 where the server chooses it under TLS, else HTTP/1.1.
//!
//! Refuses a certificate for another name, heads and frames over their bounds, and
//! pushes. A lease lives as long as the connection, not as long as who asked for it.

use super::meter::Outgoing;
use super::pool::Route;
use super::share::Lease;
use super::wire::{Idling, Watched, Wire};
use crate::limits;
use async_trait::async_trait;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::Error;

/// The system's TCP.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tcp;

#[async_trait]
impl Wire for Tcp {
    async fn open(&self, address: SocketAddr) -> std::io::Result<TcpStream> {
        // The caller bounds the wait; see `door`.
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Where requests are handed in.
pub(crate) enum Sender {
    /// HTTP/1.1: one after the other.
    One(http1::SendRequest<Outgoing>),
    /// HTTP/2: side by side.
    Many(http2::SendRequest<Outgoing>),
}

impl Sender {
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::One(sender) => sender.is_closed(),
            Self::Many(sender) => sender.is_closed(),
        }
    }

    /// The caller bounds the wait.
    pub(crate) async fn send(&mut self, request: http::Request<Outgoing>) -> hyper::Result<http::Response<hyper::body::Incoming>> {
        match self {
            Self::One(sender) => sender.send_request(request).await,
            Self::Many(sender) => sender.send_request(request).await,
        }
    }
}

/// An open connection.
pub(crate) struct Connection {
    pub(crate) sender: Sender,
    pub(crate) idling: Arc<Idling>,
}

impl Connection {
    /// Whether it can serve no other request.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed() || self.idling.is_deaf()
    }

    /// The same connection for another request, if it takes several at one time.
    pub(crate) fn share(&self) -> Option<Self> {
        match &self.sender {
            Sender::One(_) => None,
            Sender::Many(sender) => Some(Self { sender: Sender::Many(sender.clone()), idling: Arc::clone(&self.idling) }),
        }
    }
}

/// The system's roots, or the bundled ones where there are none.
pub(crate) fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// Who may say that a server is who it says.
pub(crate) type Roots = Arc<dyn Fn() -> RootCertStore + Send + Sync>;

/// TLS settings, made for the first connection that needs them: the roots take time and
/// memory, and a host with a model of its own never asks for any.
pub(crate) struct Tls {
    roots: Roots,
    config: OnceCell<Arc<ClientConfig>>,
}

impl Tls {
    pub(crate) fn trusting(roots: Roots) -> Self {
        Self { roots, config: OnceCell::new() }
    }

    async fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        let make = || async {
            let roots = Arc::clone(&self.roots);
            let made = tokio::task::spawn_blocking(move || tls_config(roots())).await;
            made.map_err(|error| error.to_string()).and_then(|made| made.map_err(|error| error.to_string()))
        };
        let config = self.config.get_or_try_init(make).await.map_err(|error| {
            tracing::error!(%error, "TLS cannot be set up");
            Error::ConfigurationError
        })?;
        Ok(Arc::clone(config))
    }
}

fn tls_config(roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Why there is no connection. A plugin hears the error; the host's owner also what is wrong
/// with a certificate.
#[derive(Debug)]
pub(crate) struct Undialled {
    pub(crate) error: Error,
    pub(crate) certificate: Option<CertificateError>,
}

impl From<Error> for Undialled {
    fn from(error: Error) -> Self {
        Self { error, certificate: None }
    }
}

impl From<Undialled> for Error {
    fn from(undialled: Undialled) -> Self {
        undialled.error
    }
}

/// Connects. The caller bounds the time.
pub(crate) async fn dial(wire: &dyn Wire, route: &Route, tls: &Tls, lease: Lease) -> Result<Connection, Undialled> {
    let stream = wire.open(route.address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        std::io::ErrorKind::TimedOut => Error::ConnectionTimeout,
        _ => Error::Connect(error),
    })?;
    let idling = Arc::<Idling>::default();
    let watched = Watched { stream, idling: Arc::clone(&idling) };
    let sender = match route.tls_name.clone() {
        None => one(watched, lease).await?,
        Some(name) => {
            let stream = TlsConnector::from(tls.config().await?).connect(name, watched).await.map_err(tls_error)?;
            let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            if is_h2 { many(stream, lease).await? } else { one(stream, lease).await? }
        }
    };
    Ok(Connection { sender, idling })
}

fn tls_error(error: std::io::Error) -> Undialled {
    tracing::debug!(%error, "TLS");
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => Undialled { error: Error::TlsCertificateError, certificate: Some(why.clone()) },
        Some(rustls::Error::NoCertificatesPresented) => Error::TlsCertificateError.into(),
        _ => Error::TlsProtocolError.into(),
    }
}

async fn one(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, lease: Lease) -> Result<Sender, Error> {
    let mut builder = http1::Builder::new();
    builder.max_header_size(limits::HTTP_HEAD_BYTES).max_buf_size(limits::HTTP_BUFFER);
    let (sender, connection) = builder.handshake(TokioIo::new(io)).await?;
    run(connection, lease);
    Ok(Sender::One(sender))
}

async fn many(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, lease: Lease) -> Result<Sender, Error> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.max_header_list_size(u32::try_from(limits::HTTP_HEAD_BYTES).unwrap_or(u32::MAX)).max_frame_size(limits::HTTP2_FRAME);
    builder.initial_stream_window_size(limits::HTTP2_STREAM_WINDOW).initial_connection_window_size(limits::HTTP2_WINDOW);
    builder.max_send_buf_size(limits::HTTP2_SEND_BUFFER);
    let (sender, connection) = builder.handshake(TokioIo::new(io)).await?;
    run(connection, lease);
    Ok(Sender::Many(sender))
}

/// Ends when the senders and the response bodies are gone, and gives the lease back.
fn run(connection: impl Future<Output = hyper::Result<()>> + Send + 'static, lease: Lease) {
    tokio::spawn(async move {
        let ended = connection.await;
        drop(lease);
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended");
        }
    });
}
