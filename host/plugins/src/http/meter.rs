//! Bodies with bounds: bytes counted against the call, silence limited, trailers
//! stripped, leases held until the last byte.

use super::budget::HttpBudget;
use crate::limits;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::{Error, WasiBody};

/// Most frames without a byte in a row: more is an attack on memory or time.
const EMPTY_FRAMES: u32 = 64;

/// A request body on its way out.
pub(crate) struct Outgoing {
    inner: WasiBody,
    budget: Arc<HttpBudget>,
    empty: u32,
}

impl Outgoing {
    pub(crate) fn new(inner: WasiBody, budget: Arc<HttpBudget>) -> Self {
        Self { inner, budget, empty: 0 }
    }
}

fn data_only(frame: Frame<Bytes>, empty: &mut u32) -> Result<Option<Bytes>, Error> {
    match frame.into_data() {
        Ok(data) if data.is_empty() => {
            *empty += 1;
            if *empty > EMPTY_FRAMES { Err(Error::HttpProtocolError) } else { Ok(None) }
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
        loop {
            let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(cx)) else { return Poll::Ready(None) };
            let data = frame.and_then(|frame| data_only(frame, &mut self.empty));
            match data {
                Ok(None) => {}
                Ok(Some(data)) if !self.budget.count_sent(data.len()) => {
                    return Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(limits::HTTP_REQUEST_BYTES)))));
                }
                Ok(Some(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A response body on its way in. `lease` is whatever must live as long; it is
/// given back with `true` when the body was read to its end.
pub(crate) struct Incoming<L: FnOnce(bool) + Send + Unpin> {
    inner: hyper::body::Incoming,
    budget: Arc<HttpBudget>,
    idle: Duration,
    silence: Pin<Box<Sleep>>,
    empty: u32,
    lease: Option<L>,
}

impl<L: FnOnce(bool) + Send + Unpin> Incoming<L> {
    pub(crate) fn new(inner: hyper::body::Incoming, budget: Arc<HttpBudget>, idle: Duration, lease: L) -> Self {
        let silence = Box::pin(tokio::time::sleep(idle));
        let mut body = Self { inner, budget, idle, silence, empty: 0, lease: Some(lease) };
        if body.inner.is_end_stream() {
            body.finish(true);
        }
        body
    }

    fn finish(&mut self, whole: bool) {
        if let Some(lease) = self.lease.take() {
            lease(whole);
        }
    }
}

impl<L: FnOnce(bool) + Send + Unpin> Drop for Incoming<L> {
    fn drop(&mut self) {
        self.finish(false);
    }
}

impl<L: FnOnce(bool) + Send + Unpin> Body for Incoming<L> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        loop {
            let frame = match Pin::new(&mut this.inner).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    ready!(this.silence.as_mut().poll(cx));
                    this.finish(false);
                    return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
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
            match data {
                Ok(None) => {}
                Ok(Some(data)) if this.budget.count_received(data.len()) => {
                    this.silence.as_mut().reset(Instant::now() + this.idle);
                    if this.inner.is_end_stream() {
                        this.finish(true);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Ok(Some(_)) => {
                    this.finish(false);
                    return Poll::Ready(Some(Err(Error::HttpResponseBodySize(Some(limits::HTTP_RESPONSE_BYTES)))));
                }
                Err(error) => {
                    this.finish(false);
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
