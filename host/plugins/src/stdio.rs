//! What a guest prints: kept up to a bound, a line at a time, for the host's log.
//!
//! Guest languages print panics and warnings; losing them makes faults
//! unexplainable, and keeping all of them is an attack. Stdin is always empty.

use crate::limits;
use bytes::Bytes;
use skynet_policy::scrub::Known;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// One sink for stdout and stderr of a call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stdio {
    kept: Arc<Mutex<Kept>>,
    known: Known,
}

#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    dropped: usize,
}

impl Stdio {
    pub(crate) fn new(known: Known) -> Self {
        Self { kept: Arc::default(), known }
    }

    fn push(&self, data: &[u8]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let room = limits::STDIO_BYTES.saturating_sub(kept.bytes.len());
        let (fits, rest) = data.split_at(data.len().min(room));
        kept.bytes.extend_from_slice(fits);
        kept.dropped += rest.len();
    }

    /// What was printed, without secrets, and how many bytes were dropped. Empties the sink.
    pub(crate) fn take(&self) -> (String, usize) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = std::mem::take(&mut kept.bytes);
        (String::from_utf8_lossy(&self.known.now().bytes(&bytes)).into_owned(), std::mem::take(&mut kept.dropped))
    }
}

impl IsTerminal for Stdio {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stdio {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Stdio {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl OutputStream for Stdio {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok::<_, StreamError>(limits::STDIO_BYTES)
    }
}

impl AsyncWrite for Stdio {
    fn poll_write(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>, data: &[u8]) -> std::task::Poll<std::io::Result<usize>> {
        self.push(data);
        std::task::Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_kept_up_to_the_bound_and_the_rest_is_counted() {
        let stdio = Stdio::default();
        stdio.push(b"panicked at x\n");
        stdio.push(&vec![b'x'; limits::STDIO_BYTES]);
        let (text, dropped) = stdio.take();
        assert_eq!(text.len(), limits::STDIO_BYTES);
        assert!(text.starts_with("panicked at x\n"));
        assert_eq!(dropped, 14);
        assert_eq!(stdio.take(), (String::new(), 0));
    }
}
