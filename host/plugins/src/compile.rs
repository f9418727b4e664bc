//! From component bytes to native code, in a child process of our own binary.
//!
//! Compiling is where a hostile component can burn memory and time without limit,
//! and where a compiler bug would take the host down. So the host only sees a
//! `Compiler`: the binary brings one that runs `worker` in a confined child.

use crate::engine;
use crate::limits::{COMPILE_CPU_EACH_MIB, COMPILE_CPU_LEAST, COMPILE_CPU_MOST};
use async_trait::async_trait;

/// Why a component could not be compiled.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CompileError {
    /// The compiler looked at it and said no.
    #[error("it does not compile: {0}")]
    Rejected(String),
    /// It took more time or memory than a component may.
    #[error("compiling it went over a limit: {0}")]
    OverLimit(String),
    /// The child could not be started or broke off; not the component's fault.
    #[error("the compiler did not run: {0}")]
    Broken(String),
}

/// Compiles components.
#[async_trait]
pub trait Compiler: Send + Sync {
    /// Native code for this host's engine.
    async fn compile(&self, component: Vec<u8>) -> Result<Vec<u8>, CompileError>;
}

/// Compiles in this very process: for the child itself, for tests and benches.
#[derive(Debug, Clone, Copy, Default)]
pub struct InProcess;

#[async_trait]
impl Compiler for InProcess {
    async fn compile(&self, component: Vec<u8>) -> Result<Vec<u8>, CompileError> {
        let compiled = tokio::task::spawn_blocking(move || compile(&component)).await;
        compiled.map_err(|error| CompileError::Broken(error.to_string()))?
    }
}

/// Compiles one component.
pub fn compile(component: &[u8]) -> Result<Vec<u8>, CompileError> {
    let engine = engine::compiling_engine().map_err(|bug| CompileError::Broken(bug.to_string()))?;
    engine.precompile_component(component).map_err(|error| CompileError::Rejected(format!("{error:#}")))
}

/// CPU seconds that compiling so many bytes may take. Files are admitted one after the other, so a small one that
/// takes long is not worth the wait.
pub fn cpu_seconds(bytes: usize) -> u64 {
    let each = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(COMPILE_CPU_EACH_MIB) / (1024 * 1024);
    COMPILE_CPU_LEAST.saturating_add(each).min(COMPILE_CPU_MOST)
}

/// The child's whole work: a component on stdin, its code on stdout. Gives the
/// process's exit code: 0 compiled, 65 rejected (reason on stderr), 74 broken pipe.
pub fn worker(input: &mut dyn std::io::Read, output: &mut dyn std::io::Write, errors: &mut dyn std::io::Write) -> u8 {
    let mut component = Vec::new();
    if input.read_to_end(&mut component).is_err() {
        return 74;
    }
    match compile(&component) {
        Ok(artifact) => {
            let written = output.write_all(&artifact).and_then(|()| output.flush());
            if written.is_ok() { 0 } else { 74 }
        }
        Err(reason) => {
            let _ = write!(errors, "{reason}");
            65
        }
    }
}

/// Exit code of `worker` for a component that does not compile.
pub const REJECTED: i32 = 65;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_component_has_half_a_minute_and_only_a_large_one_has_all_the_time() {
        let mib = 1024 * 1024;
        let times: Vec<u64> = [0, 16 * 1024, mib, 4 * mib, 8 * mib, 20 * mib, usize::MAX].map(cpu_seconds).into();
        assert_eq!(times, [30, 30, 60, 150, 270, 300, 300]);
    }
}
