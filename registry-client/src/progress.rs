//! What a person sees of a long download.

/// Told as bytes come. Called from the task that downloads; must not block.
pub trait Progress: Send + Sync {
    /// A file begins: its name, all its bytes, and those that were there already.
    fn begin(&self, what: &str, total: u64, there: u64);
    /// So many more bytes.
    fn advance(&self, bytes: u64);
    /// It is whole, or will not come.
    fn end(&self);
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn begin(&self, _: &str, _: u64, _: u64) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
}
