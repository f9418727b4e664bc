//! What this process writes down, without the secrets that it knows: its log and its
//! audit log.
//!
//! Everything passes here, whoever said it. With no secrets nothing is looked at.

use async_trait::async_trait;
use skynet_core::StoreError;
use skynet_core::ports::{Audit, AuditRow};
use skynet_policy::scrub::Known;
use std::io::Write;
use std::sync::Arc;
use tracing_subscriber::fmt::MakeWriter;

/// Standard error, scrubbed. An event comes in one piece.
#[derive(Clone)]
pub(crate) struct ScrubbedLog(pub(crate) Known);

impl<'a> MakeWriter<'a> for ScrubbedLog {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for ScrubbedLog {
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        std::io::stderr().write_all(&self.0.now().bytes(event))?;
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

/// An audit log that is given scrubbed rows.
pub(crate) struct ScrubbedAudit {
    pub(crate) inner: Arc<dyn Audit>,
    pub(crate) known: Known,
}

impl ScrubbedAudit {
    fn row(&self, mut row: AuditRow) -> AuditRow {
        let scrubber = self.known.now();
        if !scrubber.is_empty() {
            [&mut row.kind, &mut row.actor, &mut row.subject, &mut row.verdict].into_iter().for_each(|text| scrubber.string(text));
            scrubber.json(&mut row.detail);
        }
        row
    }
}

#[async_trait]
impl Audit for ScrubbedAudit {
    async fn record(&self, row: AuditRow) -> Result<(), StoreError> {
        self.inner.record(self.row(row)).await
    }

    async fn enqueue(&self, row: AuditRow) -> Result<(), StoreError> {
        self.inner.enqueue(self.row(row)).await
    }

    async fn settle(&self) -> Result<(), StoreError> {
        self.inner.settle().await
    }

    async fn tail(&self, limit: usize) -> Result<Vec<(u64, u64, AuditRow)>, StoreError> {
        self.inner.tail(limit).await
    }
}
