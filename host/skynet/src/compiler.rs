//! Compiling in a child of this very binary: `skynet --compile-worker SECONDS` reads a
//! component, writes native code, and can do nothing else for long. The seconds are those
//! of its CPU, by the size of the component; without them it does nothing.

use crate::limits::MAX_ARTIFACT;
use async_trait::async_trait;
use skynet_plugins::compile::{self, CompileError, Compiler};
use skynet_plugins::limits;
use skynet_scripts::confine::{WorkerLimits, confine_worker};
use skynet_scripts::worker::{End, WorkerError, WorkerSpec, run_worker};
use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

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

    fn spec(&self, component: Vec<u8>) -> WorkerSpec {
        WorkerSpec {
            program: self.program.clone(),
            args: vec![WORKER.into(), compile::cpu_seconds(component.len()).to_string()],
            input: component,
            deadline: limits::COMPILE_WALL,
            max_output: MAX_ARTIFACT,
        }
    }
}

#[async_trait]
impl Compiler for ChildCompiler {
    async fn compile(&self, component: Vec<u8>) -> Result<Vec<u8>, CompileError> {
        match run_worker(self.spec(component)).await {
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

/// Exit code of the child when it could not bound itself.
const UNBOUND: u8 = 71;

/// The child. `seconds` is its second argument.
pub(crate) fn worker_main(seconds: Option<OsString>) -> ExitCode {
    let mut errors = std::io::stderr().lock();
    let seconds = seconds.and_then(|seconds| seconds.to_str()?.parse::<u64>().ok()).filter(|seconds| *seconds <= limits::COMPILE_CPU_MOST);
    let Some(cpu_seconds) = seconds else {
        let _ = write!(errors, "how many seconds of CPU the compiler may take was not said");
        return ExitCode::from(UNBOUND);
    };
    // A component that keeps the compiler busy for minutes must not slow down what serves.
    let _ = rustix::process::setpriority_process(None, limits::COMPILE_NICE);
    // A list of processes would show it as `exe`, after the link it was started by.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(c"skynet-compile");
    let confined = confine_worker(WorkerLimits { address_space: limits::COMPILE_MEMORY, cpu_seconds, file_size: 0, open_files: 16 });
    if let Err(error) = confined {
        let _ = write!(errors, "{error}");
        return ExitCode::from(UNBOUND);
    }
    ExitCode::from(compile::worker(&mut std::io::stdin().lock(), &mut std::io::stdout().lock(), &mut errors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_of_a_small_component_is_given_little_time() {
        let compiler = ChildCompiler::new().unwrap();
        let seconds = |bytes: usize| compiler.spec(vec![0; bytes]).args.last().cloned().unwrap();
        assert_eq!((seconds(16 * 1024), seconds(20 * 1024 * 1024)), ("30".to_owned(), "300".to_owned()));
    }
}
