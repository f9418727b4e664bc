//! Memory and tables, summed: per store against its limit, and over all stores
//! against the process's. A component with many memories gains nothing by it.

use crate::limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime::ResourceLimiter;

/// A guest asked for more than it may have. Carried through wasmtime as an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct OverLimit(pub(crate) String);

/// Bytes of linear memory in all stores together.
#[derive(Debug)]
pub(crate) struct ProcessMemory {
    used: AtomicU64,
    limit: u64,
}

impl ProcessMemory {
    /// So many bytes for all.
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { used: AtomicU64::new(0), limit })
    }

    fn take(&self, bytes: u64) -> bool {
        let take = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

/// The limiter of one store; gives its share back when dropped.
#[derive(Debug)]
pub(crate) struct Limiter {
    process: Arc<ProcessMemory>,
    memory: usize,
    memory_limit: usize,
    tables: usize,
}

impl Limiter {
    /// A store that may hold `memory_limit` bytes.
    pub(crate) fn new(process: Arc<ProcessMemory>, memory_limit: usize) -> Self {
        Self { process, memory: 0, memory_limit, tables: 0 }
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.process.give_back(self.memory as u64);
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let sum = self.memory.saturating_add(more);
        if sum > self.memory_limit {
            let reason = format!("it wanted {} MiB of memory and may have {} MiB", sum >> 20, self.memory_limit >> 20);
            return Err(wasmtime::Error::new(OverLimit(reason)));
        }
        if !self.process.take(more as u64) {
            let reason = "all plugins together use the memory that plugins.total_memory_bytes allows".to_owned();
            return Err(wasmtime::Error::new(OverLimit(reason)));
        }
        self.memory = sum;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let sum = self.tables.saturating_add(desired.saturating_sub(current));
        if sum > limits::TABLE_ELEMENTS {
            let reason = format!("it wanted {sum} table elements and may have {}", limits::TABLE_ELEMENTS);
            return Err(wasmtime::Error::new(OverLimit(reason)));
        }
        self.tables = sum;
        Ok(true)
    }

    fn instances(&self) -> usize {
        limits::CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        limits::TABLES as usize
    }

    fn memories(&self) -> usize {
        limits::MEMORIES as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_summed_and_given_back() {
        let process = ProcessMemory::new(3 << 20);
        let mut one = Limiter::new(Arc::clone(&process), 2 << 20);
        assert!(one.memory_growing(0, 1 << 20, None).unwrap());
        assert!(one.memory_growing(0, 1 << 20, None).unwrap());
        assert!(one.memory_growing(0, 1, None).is_err(), "a second memory does not double the limit");
        let mut two = Limiter::new(Arc::clone(&process), 2 << 20);
        assert!(two.memory_growing(0, 1 << 20, None).unwrap());
        let full = two.memory_growing(1 << 20, 2 << 20, None).unwrap_err();
        assert!(full.to_string().contains("total_memory_bytes"), "{full}");
        drop(one);
        assert!(two.memory_growing(1 << 20, 2 << 20, None).unwrap());
        drop(two);
        assert_eq!(process.used(), 0);
    }
}
