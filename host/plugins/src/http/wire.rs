//! TCP to one address, and what comes over it without getting anywhere.
//!
//! Owns the bound that holds for each protocol above alike: a server that sends and
//! sends, and none of it is a response's head or a piece of a body, is cut off. So
//! floods of interim responses, pings, settings and empty frames end. A server that no
//! longer listens may have answered: what it said is read before its silence is an error.

use crate::limits;
use async_trait::async_trait;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Opens connections. A seam: tests stand in for the internet here.
#[async_trait]
pub(crate) trait Wire: Send + Sync {
    /// To this address, which `policy::egress` gave.
    async fn open(&self, address: SocketAddr) -> Result<TcpStream>;
}

/// Bytes since the last one that was of use, and whether the server still listens.
#[derive(Debug, Default)]
pub(crate) struct Idling {
    bytes: AtomicUsize,
    is_deaf: AtomicBool,
}

impl Idling {
    /// A head or a piece of a body came out of it.
    pub(crate) fn was_of_use(&self) {
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// Whether something that was written was lost: no other request may go over it.
    pub(crate) fn is_deaf(&self) -> bool {
        self.is_deaf.load(Ordering::Relaxed)
    }

    fn read(&self, bytes: usize) -> Result<()> {
        let idle = self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if idle <= limits::HTTP_IDLE_BYTES {
            return Ok(());
        }
        Err(Error::other(format!("the server sent {idle} bytes without an answer in them")))
    }

    /// What becomes of a write. A server that answered before it had read the whole request, and
    /// closed, breaks the writing of the rest; an error here would throw away the answer, which is
    /// in the receive buffer. So the rest goes nowhere, and reading tells: an answer, or the end.
    fn wrote(&self, written: Poll<Result<usize>>, asked: usize) -> Poll<Result<usize>> {
        match written {
            Poll::Ready(Err(error)) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                self.is_deaf.store(true, Ordering::Relaxed);
                Poll::Ready(Ok(asked))
            }
            other => other,
        }
    }
}

/// A stream that counts what it reads.
pub(crate) struct Watched {
    pub(crate) stream: TcpStream,
    pub(crate) idling: Arc<Idling>,
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        Poll::Ready(self.idling.read(buffer.filled().len().saturating_sub(before)))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.idling.wrote(written, bytes.len())
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.idling.wrote(written, parts.iter().map(|part| part.len()).sum())
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
