//! Compiling in a child of this very binary: `skynet --compile-worker` reads a
//! component, writes native code, and can do nothing else for long.

use crate::limits::MAX_ARTIFACT;
use async_trait::async_trait;
use skynet_plugins::compile::{self, CompileError, Compiler};
use skynet_plugins::limits;
use skynet_scripts::confine::{WorkerLimits, confine_worker};
use skynet_scripts::worker::{End, WorkerError, WorkerSpec, run_worker};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// The argument that makes this binary the compiling child.
pub(crate) const WORKER: &str = "--compile-worker";

/// Runs the child for each component.
pub(crate) struct ChildCompiler {
    program: PathBuf,
}

/// This program, for children of its own. On Linux the very file that runs, also after another
/// was put in its place: the wall knows it alone, and its code fits this host's engine.
pub(crate) fn own_program() -> std::io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

impl ChildCompiler {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { program: own_program()? })
    }
}

#[async_trait]
impl Compiler for ChildCompiler {
    async fn compile(&self, component: Vec<u8>) -> Result<Vec<u8>, CompileError> {
        let spec = WorkerSpec {
            program: self.program.clone(),
            args: vec![WORKER.into()],
            input: component,
            deadline: Duration::from_secs(limits::COMPILE_CPU_SECONDS),
            max_output: MAX_ARTIFACT,
        };
        match run_worker(spec).await {
            Ok(output) => Ok(output.stdout),
            Err(WorkerError::Exited { end: End::Code(compile::REJECTED), stderr }) => Err(CompileError::Rejected(stderr)),
            Err(
                error @ (WorkerError::Deadline { .. }
                | WorkerError::OutputTooLarge { .. }
                | WorkerError::Exited { end: End::Signal(_), .. }),
            ) => Err(CompileError::OverLimit(error.to_string())),
            Err(error) => Err(CompileError::Broken(error.to_string())),
        }
    }
}

/// The child.
pub(crate) fn worker_main() -> ExitCode {
    // A component that keeps the compiler busy for minutes must not slow down what serves.
    let _ = rustix::process::setpriority_process(None, limits::COMPILE_NICE);
    // A list of processes would show it as `exe`, after the link it was started by.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(c"skynet-compile");
    let confined = confine_worker(WorkerLimits {
        address_space: limits::COMPILE_MEMORY,
        cpu_seconds: limits::COMPILE_CPU_SECONDS,
        file_size: 0,
        open_files: 16,
    });
    let mut errors = std::io::stderr().lock();
    if let Err(error) = confined {
        use std::io::Write;
        let _ = write!(errors, "{error}");
        return ExitCode::from(71);
    }
    ExitCode::from(compile::worker(&mut std::io::stdin().lock(), &mut std::io::stdout().lock(), &mut errors))
}
