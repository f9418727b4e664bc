//! Connections to checked addresses: TCP to the very address, TLS for the very
//! name, HTTP/1.1 over it, and a few idle ones kept for the same plugin.

use super::meter::Outgoing;
use crate::limits;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use skynet_core::PluginId;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::Error;

/// Where a connection leads, and for whom: never shared between plugins, since a
/// connection may carry state of the one that opened it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub(crate) plugin: PluginId,
    pub(crate) address: SocketAddr,
    /// The name that TLS must prove; `None` for plain HTTP.
    pub(crate) tls_name: Option<String>,
}

/// An open connection and its share of the host's connections.
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<Outgoing>,
    _lease: OwnedSemaphorePermit,
    idle_since: Instant,
}

/// Idle connections.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Mutex<HashMap<Route, Vec<Connection>>>,
}

impl Pool {
    /// An idle connection that still works.
    pub(crate) fn take(&self, route: &Route) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle.get_mut(route)?;
        while let Some(connection) = kept.pop() {
            let fresh = connection.idle_since.elapsed() < limits::HTTP_KEEP_ALIVE;
            if fresh && connection.sender.is_ready() {
                return Some(connection);
            }
        }
        idle.remove(route);
        None
    }

    /// Keeps a connection whose answer was read to its end.
    pub(crate) fn put(&self, route: Route, mut connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        connection.idle_since = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|_, kept| {
            kept.retain(|connection| connection.idle_since.elapsed() < limits::HTTP_KEEP_ALIVE && !connection.sender.is_closed());
            !kept.is_empty()
        });
        let kept = idle.entry(route).or_default();
        if kept.len() < limits::HTTP_KEEP_PER_KEY {
            kept.push(connection);
        }
    }
}

/// TLS settings: the system's roots, or the bundled ones where there are none.
pub(crate) fn tls_config() -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Connects. The caller bounds the time.
pub(crate) async fn dial(route: &Route, tls: &Arc<ClientConfig>, lease: OwnedSemaphorePermit) -> Result<Connection, Error> {
    let tcp = TcpStream::connect(route.address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        std::io::ErrorKind::TimedOut => Error::ConnectionTimeout,
        _ => Error::Connect(error),
    })?;
    tcp.set_nodelay(true).map_err(Error::Connect)?;
    let sender = match &route.tls_name {
        None => handshake(TokioIo::new(tcp)).await?,
        Some(name) => {
            let name = ServerName::try_from(name.clone()).map_err(|_| Error::TlsCertificateError)?;
            let stream = TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await.map_err(|error| {
                tracing::debug!(%error, "TLS");
                Error::TlsCertificateError
            })?;
            handshake(TokioIo::new(stream)).await?
        }
    };
    Ok(Connection { sender, _lease: lease, idle_since: Instant::now() })
}

async fn handshake<T>(io: T) -> Result<SendRequest<Outgoing>, Error>
where
    T: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    // Ends when both the sender and the response body are gone.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended");
        }
    });
    Ok(sender)
}
