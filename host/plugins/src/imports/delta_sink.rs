//! `skynet:plugin/delta-sink`: where a provider pushes its answer.
//!
//! A bounded channel: a full one makes the guest wait (backpressure), a closed
//! one tells it that nobody wants the rest (cancel).

use crate::bindings::from_guest;
use crate::bindings::v0::skynet::plugin::delta_sink::{Delta as GuestDelta, EmitError, Host, HostDeltaSink};
use crate::limits;
use crate::store::CallState;
use skynet_core::Delta;
use tokio::sync::mpsc;
use wasmtime::component::Resource;

/// The host resource behind a borrowed `delta-sink`. `pub` because the generated
/// code re-exports it; the folder is private.
#[allow(unreachable_pub)]
pub struct Sink {
    deltas: mpsc::Sender<Vec<Delta>>,
}

impl Sink {
    /// A sink and the end from which the turn reads.
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Vec<Delta>>) {
        let (deltas, reader) = mpsc::channel(limits::DELTA_QUEUE);
        (Self { deltas }, reader)
    }
}

impl Host for CallState {}

impl HostDeltaSink for CallState {
    async fn emit(&mut self, this: Resource<Sink>, deltas: Vec<GuestDelta>) -> wasmtime::Result<Result<(), EmitError>> {
        let size: usize = deltas.iter().map(from_guest::delta_bytes).sum();
        if size > limits::DELTA_BYTES {
            return Ok(Err(EmitError::TooLarge(format!("{size} bytes in one emit; the host takes {}", limits::DELTA_BYTES))));
        }
        let sender = &self.table.get(&this)?.deltas;
        let deltas = deltas.into_iter().map(from_guest::delta).collect();
        Ok(sender.send(deltas).await.map_err(|_| EmitError::Cancelled))
    }

    async fn drop(&mut self, this: Resource<Sink>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
