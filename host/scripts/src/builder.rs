//! Runs a tool of an author, such as a compiler, in the author's folder.
//!
//! It is the author's own program on the author's own files, so it has the environment that
//! it would have in their shell, but for what is named `SKYNET_…`: where this host keeps its
//! secrets is no matter of a build script. Both outputs come line by line as they are said.
//! Has a deadline; nothing of its process group outlives the call, also when that is dropped, and
//! with a guard not this process either, however it ends.

use crate::group::Group;
use crate::guard::GUARD;
use crate::limits::{BUILDER_LINE_BYTES, BUILDER_TAIL_LINES};
use crate::system::ToolError;
use crate::worker::End;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// What to run.
#[derive(Debug, Clone)]
pub struct Builder {
    /// A name that PATH knows, or a path.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Where it works.
    pub folder: PathBuf,
    /// Variables beside those of this process.
    pub environment: Vec<(String, OsString)>,
    /// When it is killed.
    pub deadline: Duration,
    /// Our binary, whose `guard_main` ends it with this process. Without one it is for questions
    /// that take a moment: what kills this process leaves it running until it answered.
    pub guard: Option<PathBuf>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Its exit code.
    pub code: i32,
    /// The last lines that it said.
    pub last: Vec<String>,
}

/// Runs it to its end, without input; `heard` gets each line of both outputs.
pub async fn run_builder(builder: &Builder, mut heard: impl FnMut(&str)) -> Result<Built, ToolError> {
    let name = || builder.program.to_string_lossy().into_owned();
    let mut command = command(builder)?;
    let mut group = Group::start(&mut command).map_err(|source| not_started(builder, source))?;
    let child = group.child();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    // Open for as long as the guard shall stand.
    let lifeline = child.stdin.take();
    // Bounded: a talkative tool waits for whoever reads.
    let (say, mut said) = mpsc::channel(64);
    let (leader, ends) = group.watch();
    let mut last = VecDeque::new();
    let work = async {
        let told = say.clone();
        let out = lines(stdout, told);
        let err = lines(stderr, say);
        let ended = Group::ended(leader, ends);
        let hear = async {
            while let Some(line) = said.recv().await {
                heard(&line);
                last.push_back(line);
                if last.len() > BUILDER_TAIL_LINES {
                    last.pop_front();
                }
            }
            Ok(())
        };
        tokio::try_join!(out, err, ended, hear)
    };
    let outcome = timeout(builder.deadline, work).await;
    let status = group.finish().await;
    drop(lifeline);
    match outcome {
        Err(_) => return Err(ToolError::Deadline { program: name(), after: builder.deadline }),
        Ok(Err(source)) => return Err(ToolError::Lost { program: name(), source }),
        Ok(Ok(_)) => {}
    }
    match End::from(status.map_err(|source| ToolError::Lost { program: name(), source })?) {
        End::Code(code) => Ok(Built { code, last: last.into() }),
        end @ End::Signal(_) => Err(ToolError::Killed { program: name(), end }),
    }
}

/// All of it but the start.
fn command(builder: &Builder) -> Result<Command, ToolError> {
    let program = located(&builder.program)?;
    let (mut command, input) = match &builder.guard {
        Some(guard) => {
            let mut command = Command::new(guard);
            command.arg(GUARD).arg(program);
            (command, Stdio::piped())
        }
        None => (Command::new(program), Stdio::null()),
    };
    command.args(&builder.args).current_dir(&builder.folder).envs(builder.environment.iter().map(|(name, value)| (name, value)));
    for (variable, _) in std::env::vars_os().filter(|(variable, _)| is_ours(variable)) {
        command.env_remove(variable);
    }
    command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

/// The program as it is started: not by its name, which is looked up once more and elsewhere then.
fn located(program: &OsStr) -> Result<OsString, ToolError> {
    let name = program.to_string_lossy();
    if name.contains('/') {
        return Ok(program.to_owned());
    }
    find(&name).map(OsString::from).ok_or_else(|| ToolError::NotInstalled(name.into_owned()))
}

fn is_ours(variable: &OsStr) -> bool {
    variable.to_string_lossy().starts_with("SKYNET_")
}

fn not_started(builder: &Builder, source: io::Error) -> ToolError {
    let program = builder.program.to_string_lossy().into_owned();
    // A folder that is gone gives the same error as a program that is.
    if source.kind() == io::ErrorKind::NotFound && builder.folder.is_dir() {
        return ToolError::NotInstalled(program);
    }
    ToolError::Spawn { program, source }
}

/// Whether PATH, or the path itself, leads to a program.
pub fn is_there(program: &str) -> bool {
    find(program).is_some()
}

/// Where PATH leads to. A folder on it that is not named from the root is passed over: it would be
/// another one in each folder that somebody works in, and not all of those are their own.
pub fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| path.is_file());
    }
    find_on(&std::env::var_os("PATH")?, program)
}

fn find_on(path: &OsStr, program: &str) -> Option<PathBuf> {
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

async fn lines(stream: Option<impl AsyncRead + Unpin>, say: mpsc::Sender<String>) -> io::Result<()> {
    let Some(stream) = stream else { return Ok(()) };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A longer line comes in pieces.
        if (&mut reader).take(BUILDER_LINE_BYTES).read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if say.send(text).await.is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(script: &str, deadline: Duration) -> (Result<Built, ToolError>, Vec<String>) {
        let builder = Builder {
            program: "sh".into(),
            args: vec!["-c".into(), script.into()],
            folder: std::env::temp_dir(),
            environment: vec![("GIVEN".to_owned(), "yes".into())],
            deadline,
            guard: None,
        };
        let mut heard = Vec::new();
        let ended = run_builder(&builder, |line| heard.push(line.to_owned())).await;
        (ended, heard)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn every_line_is_heard_and_the_code_is_given() {
        let (ended, mut heard) = shell("echo out; echo $GIVEN >&2; pwd >/dev/null; exit 3", LONG).await;
        heard.sort();
        assert_eq!((ended.unwrap().code, heard), (3, vec!["out".to_owned(), "yes".to_owned()]));
    }

    #[tokio::test]
    async fn a_line_without_end_comes_in_pieces_and_only_the_last_lines_are_kept() {
        let (ended, heard) = shell("head -c 20000 /dev/zero | tr '\\0' x; echo; seq 100", LONG).await;
        assert!(
            heard.iter().all(|line| line.len() as u64 <= BUILDER_LINE_BYTES),
            "{:?}",
            heard.iter().map(String::len).collect::<Vec<_>>()
        );
        let last = ended.unwrap().last;
        assert_eq!((last.len(), last.last().map(String::as_str)), (BUILDER_TAIL_LINES, Some("100")));
    }

    #[tokio::test]
    async fn what_does_not_end_is_killed_with_what_it_started() {
        let (ended, _) = shell("sleep 1000 & sleep 1000", Duration::from_millis(50)).await;
        assert!(matches!(ended, Err(ToolError::Deadline { .. })), "{ended:?}");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let missing = Builder {
            program: "no-such-compiler".into(),
            args: Vec::new(),
            folder: std::env::temp_dir(),
            environment: Vec::new(),
            deadline: LONG,
            guard: None,
        };
        let ended = run_builder(&missing, |_| {}).await;
        assert!(matches!(&ended, Err(ToolError::NotInstalled(name)) if name == "no-such-compiler"), "{ended:?}");
    }

    #[test]
    fn a_folder_on_path_that_is_another_one_everywhere_leads_to_no_program() {
        let here = std::env::current_dir().unwrap();
        assert!(here.join("Cargo.toml").is_file(), "it could be found from here");
        for path in ["", ".", ":", "relative:.", "../scripts"] {
            assert_eq!(find_on(path.as_ref(), "Cargo.toml"), None, "{path}");
        }
        let named = format!(".:{}", here.display());
        assert_eq!(find_on(named.as_ref(), "Cargo.toml"), Some(here.join("Cargo.toml")));
    }

    #[test]
    fn variables_of_the_host_stay_with_it() {
        assert!(is_ours("SKYNET_PASSPHRASE_FILE".as_ref()) && !is_ours("CARGO_HOME".as_ref()));
    }
}
