//! The durable side of one turn: history, journal and audit, each write bounded in
//! time and carrying the lease.
//!
//! A stateless turn has no lease: its history and journal calls do nothing, its
//! audit rows are written like all others.

use crate::agent::Ports;
use crate::limits::STORE_WAIT;
use skynet_core::ports::{AuditRow, Clock, JournalStep, Lease, NewMessage};
use skynet_core::session::StoredMessage;
use skynet_core::{SessionKey, StoreError, TurnId};
use std::future::Future;

pub(crate) struct Ledger {
    ports: Ports,
    session: SessionKey,
    turn: TurnId,
    lease: Option<Lease>,
}

/// Gives up on a store that does not answer, so that a turn always ends.
pub(crate) async fn within<T>(clock: &dyn Clock, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::select! {
        biased;
        output = work => output,
        () = clock.sleep(STORE_WAIT) => Err(StoreError::Unavailable(format!("no answer in {} s", STORE_WAIT.as_secs()))),
    }
}

impl Ledger {
    /// For a turn that leaves nothing behind but its audit rows.
    pub(crate) fn stateless(ports: Ports, session: SessionKey, turn: TurnId) -> Self {
        Self { ports, session, turn, lease: None }
    }

    /// Becomes the session's writer.
    pub(crate) async fn open(ports: Ports, session: SessionKey, turn: TurnId) -> Result<Self, StoreError> {
        let lease = within(&*ports.clock, ports.memory.take_lease(&session)).await?;
        Ok(Self { ports, session, turn, lease: Some(lease) })
    }

    pub(crate) fn lease(&self) -> Option<Lease> {
        self.lease
    }

    pub(crate) async fn append(&self, messages: Vec<NewMessage>) -> Result<Vec<StoredMessage>, StoreError> {
        let Some(lease) = self.lease else { return Ok(Vec::new()) };
        within(&*self.ports.clock, self.ports.memory.append(&self.session, lease, &self.turn, messages)).await
    }

    pub(crate) async fn journal(&self, step: JournalStep) -> Result<(), StoreError> {
        let Some(lease) = self.lease else { return Ok(()) };
        within(&*self.ports.clock, self.ports.memory.journal(&self.session, lease, &self.turn, step)).await
    }

    /// With a lease the journal's next step, which is durable, takes the row along.
    pub(crate) async fn audit(&self, row: AuditRow) -> Result<(), StoreError> {
        let audit = &self.ports.audit;
        let work = if self.lease.is_some() { audit.enqueue(row) } else { audit.record(row) };
        within(&*self.ports.clock, work).await
    }
}
