//! A program of ours that is started before the host's wall is up, and is fed from behind it.
//!
//! For the little that a confined host cannot do itself. It inherits the few variables of
//! `system`, reads what it is given, and ends when its input does: with the host, however
//! that ends.

use crate::ending::wait_or_kill;
use crate::system::inherited;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// It, as long as it is wanted.
#[derive(Debug)]
pub struct Early {
    input: Option<ChildStdin>,
    child: Child,
}

impl Early {
    /// Starts it. Its complaints go where this process's do.
    pub fn start(program: &Path, arguments: &[&str]) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(inherited()).current_dir("/");
        // A Ctrl-C at the host's terminal is not for it: it ends with its input.
        command.process_group(0);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        Ok(Self { input: child.stdin.take(), child })
    }

    /// Hands it bytes; an error when it has ended.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        input.write_all(bytes)?;
        input.flush()
    }
}

impl Drop for Early {
    /// Ends its input and waits, within bounds, until it has done what it was given.
    fn drop(&mut self) {
        drop(self.input.take());
        wait_or_kill(&mut self.child, "a process that was started early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_what_it_was_given_before_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kept");
        let mut early = Early::start(Path::new("/bin/sh"), &["-c", &format!("cat > '{}'", file.display())]).unwrap();
        early.write(b"one\n").unwrap();
        early.write(b"two\n").unwrap();
        drop(early);
        assert_eq!(std::fs::read_to_string(file).unwrap(), "one\ntwo\n");
    }
}
