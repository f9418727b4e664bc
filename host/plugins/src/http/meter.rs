//! Bodies with bounds: bytes counted, silence limited, trailers stripped, the declared
//! length kept, leases held until the last byte.

use super::exchange::Exchange;
use super::wire::Idling;
use crate::limits;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::{Error, WasiBody};

/// A request body on its way out. What it says of its length is what the connection
/// makes the framing of, so a body of another length is an error and not another request.
pub(crate) struct Outgoing {
    inner: WasiBody,
    /// None for a request of the host's own.
    exchange: Option<Arc<Exchange>>,
    empty: u32,
    /// Of the declared length, what has yet to come.
    left: Option<u64>,
}

impl Outgoing {
    /// `length` is what the guest declared.
    pub(crate) fn new(inner: WasiBody, exchange: Arc<Exchange>, length: Option<u64>) -> Self {
        let left = length.or(inner.size_hint().exact());
        Self { inner, exchange: Some(exchange), empty: 0, left }
    }

    /// A body of the host's own.
    pub(crate) fn own(bytes: Bytes) -> Self {
        let left = u64::try_from(bytes.len()).ok();
        let inner = http_body_util::Full::new(bytes).map_err(|never| match never {}).boxed_unsync();
        Self { inner, exchange: None, empty: 0, left }
    }

    fn count(&mut self, bytes: usize) -> Result<(), Error> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(bytes as u64).ok_or(Error::HttpRequestBodySize(None))?;
        }
        self.exchange.as_ref().map_or(Ok(()), |exchange| exchange.sent(bytes))
    }
}

impl Drop for Outgoing {
    /// The connection lets go of a body of a known length with its last byte. To a guest, which has
    /// yet to flush, it would look as if the server had gone in the middle of it.
    fn drop(&mut self) {
        if let (Some(0), Some(exchange)) = (self.left, &self.exchange) {
            exchange.keep(std::mem::take(&mut self.inner));
        }
    }
}

fn data_only(frame: Frame<Bytes>, empty: &mut u32) -> Result<Option<Bytes>, Error> {
    match frame.into_data() {
        Ok(data) if data.is_empty() => {
            *empty += 1;
            if *empty > limits::HTTP_EMPTY_FRAMES { Err(Error::HttpProtocolError) } else { Ok(None) }
        }
        Ok(data) => {
            *empty = 0;
            Ok(Some(data))
        }
        // Trailers are dropped both ways: nothing checks their names.
        Err(_) => Ok(None),
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        loop {
            let sent = match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                // Some of it never came.
                None if this.left.is_some_and(|left| left > 0) => Err(Error::HttpRequestBodySize(None)),
                None => return Poll::Ready(None),
                Some(frame) => frame.and_then(|frame| data_only(frame, &mut this.empty)),
            };
            let sent = sent.and_then(|data| data.map(|data| this.count(data.len()).map(|()| data)).transpose());
            match sent {
                Ok(None) => {}
                Ok(Some(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Err(error) => {
                    this.exchange.iter().for_each(|exchange| exchange.failed(&error));
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none_or(|left| left == 0) && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Called once with whether the body was read to its end.
pub(crate) type Done = Box<dyn FnOnce(bool) + Send>;

/// A response body on its way in.
pub(crate) struct Incoming {
    inner: hyper::body::Incoming,
    exchange: Arc<Exchange>,
    idling: Arc<Idling>,
    idle: Duration,
    silence: Pin<Box<Sleep>>,
    empty: u32,
    done: Option<Done>,
}

impl Incoming {
    pub(crate) fn new(inner: hyper::body::Incoming, exchange: Arc<Exchange>, idling: Arc<Idling>, idle: Duration, done: Done) -> Self {
        let silence = Box::pin(tokio::time::sleep(idle));
        let mut body = Self { inner, exchange, idling, idle, silence, empty: 0, done: Some(done) };
        if body.inner.is_end_stream() {
            body.finish(true);
        }
        body
    }

    fn finish(&mut self, whole: bool) {
        if let Some(done) = self.done.take() {
            if whole {
                self.exchange.complete();
            }
            done(whole);
        }
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.exchange.failed(&error);
        self.finish(false);
        Poll::Ready(Some(Err(error)))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.finish(false);
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        // Over, well or not: nothing more is read.
        if this.done.is_none() {
            return Poll::Ready(None);
        }
        loop {
            let frame = match Pin::new(&mut this.inner).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    ready!(this.silence.as_mut().poll(cx));
                    return this.fail(Error::ConnectionReadTimeout);
                }
            };
            let data = match frame {
                None => {
                    this.finish(true);
                    return Poll::Ready(None);
                }
                Some(Err(error)) => Err(Error::Hyper(error)),
                Some(Ok(frame)) => data_only(frame, &mut this.empty),
            };
            match data.and_then(|data| data.map(|data| this.exchange.received(data.len()).map(|()| data)).transpose()) {
                Ok(None) => {}
                Ok(Some(data)) => {
                    this.idling.was_of_use();
                    this.silence.as_mut().reset(Instant::now() + this.idle);
                    if this.inner.is_end_stream() {
                        this.finish(true);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Err(error) => return this.fail(error),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.done.is_none() || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
