//! The listening socket: accepts, bounds, and in the end closes in order.
//!
//! On shutdown: no new connection, `shutdown` to all clients, close 1012, then the
//! turns get their time, then what is still open is dropped.

use crate::beat;
use crate::http::{self, PeerAddress};
use crate::limits::{CLOSE_FLUSH, CONNECTIONS, DRAIN_DEADLINE, HEAD_DEADLINE};
use crate::server::Server;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// Pause after a failed accept: out of files is not mended by spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until told to stop.
pub(crate) async fn serve(listener: TcpListener, server: Arc<Server>, shutdown: impl Future<Output = ()> + Send) {
    let router = TowerToHyperService::new(http::router(Arc::clone(&server)));
    let stop = watch::Sender::new(false);
    let room = Arc::new(Semaphore::new(CONNECTIONS as usize));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let next = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (place, accept(&listener).await)
        };
        let (place, (stream, address)) = tokio::select! {
            () = &mut shutdown => break,
            next = next => next,
        };
        let router = router.clone();
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(PeerAddress(address));
            router.call(request.map(Body::new))
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE);
        let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut stopping = stop.subscribe();
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = told_to_stop(&mut stopping) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    beat::shutdown(&server);
    server.mcp.close();
    stop.send_replace(true);
    let turns = server.agent.drain(DRAIN_DEADLINE);
    let connections = tokio::time::timeout(DRAIN_DEADLINE, room.acquire_many(CONNECTIONS));
    let ((), closed) = tokio::join!(turns, connections);
    if closed.is_err() {
        tracing::info!("some requests were still open at the end of the time to drain");
    }
    let goodbyes = server.sockets.subscribe();
    if !wait_for_none(goodbyes).await {
        tracing::info!("some clients did not read their goodbye");
    }
}

async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    // The gateway is gone: that is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "small frames may be sent late on a connection");
                }
                return (stream, address);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn wait_for_none(mut open: watch::Receiver<usize>) -> bool {
    let none = open.wait_for(|open| *open == 0);
    tokio::time::timeout(CLOSE_FLUSH, none).await.is_ok()
}
