//! A throw-away data folder with a host of its own, driven by its command line.

#[path = "compiled.rs"]
mod compiled;

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Far above what anything here takes, so that only a hang fails by it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Household {
    folder: tempfile::TempDir,
    host: Option<Child>,
    /// Whether its hosts take code from those of other tests, and leave them theirs.
    shares_code: bool,
}

/// What a command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Said {
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.out, self.err);
        self.out
    }

    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.done()).expect("one JSON value on stdout")
    }

    #[track_caller]
    pub(crate) fn refused(self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        for word in words {
            assert!(self.err.contains(word), "`{word}` is not in: {}", self.err);
        }
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// A built component of the guest workspace.
pub(crate) fn guest(name: &str) -> PathBuf {
    let built = std::env::var_os("SKYNET_GUEST_DIR")
        .map_or_else(|| repository().join("builtin-plugins/target/wasm32-wasip2/release"), PathBuf::from);
    let path = built.join(format!("{}.wasm", name.replace('-', "_")));
    assert!(path.is_file(), "{} is not built; `./setup.sh test` builds the guests first", path.display());
    path
}

impl Household {
    /// A fresh folder, initialised, listening on a free port once started.
    pub(crate) fn new() -> Self {
        let private = std::fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().permissions(private).tempdir().expect("a folder");
        let household = Self { folder, host: None, shares_code: true };
        household.run(&["init"]).done();
        household.run(&["config", "set", "gateway.port", "0"]).done();
        household.run(&["config", "set", "plugins.scan_interval_ms", "200"]).done();
        household
    }

    /// The same, and what runs there is compiled there.
    pub(crate) fn compiling() -> Self {
        let mut household = Self::new();
        household.shares_code = false;
        household
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skynet"));
        command.args(arguments).env_clear().env("SKYNET_HOME", self.home()).env("HOME", self.folder.path()).env("SKYNET_NO_SERVICE", "1");
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.command(arguments).output().expect("the binary runs").into()
    }

    /// The same with this on stdin.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Said {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        // A command that refuses does not read.
        drop(child.stdin.take().expect("a pipe").write_all(input.as_bytes()));
        child.wait_with_output().expect("it ends").into()
    }

    /// Packs and signs a guest with the dev key; gives the file.
    pub(crate) fn packed(&self, name: &str) -> PathBuf {
        let out = self.folder.path().join(format!("{name}.packed.wasm"));
        let manifest = repository().join("builtin-plugins").join(name).join("plugin.toml");
        self.pack(&guest(name), &manifest, &out);
        out
    }

    /// The same with another manifest.
    pub(crate) fn pack(&self, component: &Path, manifest: &Path, out: &Path) {
        let path = |path: &Path| path.to_str().expect("a plain path").to_owned();
        self.run(&["plugin", "pack", &path(component), "-m", &path(manifest), "-o", &path(out)]).done();
        self.run(&["plugin", "sign", &path(out)]).done();
    }

    /// Puts a file into the plugins folder at once.
    pub(crate) fn drop_file(&self, from: &Path, name: &str) {
        let folder = self.home().join("plugins");
        let hidden = folder.join(format!(".{name}.tmp"));
        std::fs::copy(from, &hidden).expect("copied");
        std::fs::rename(hidden, folder.join(name)).expect("renamed");
    }

    pub(crate) fn install(&self, name: &str) {
        self.drop_file(&self.packed(name), &format!("{name}.wasm"));
    }

    /// Installs a guest as the host's own, signed by the release key of this build.
    pub(crate) fn install_built_in(&self, name: &str, file: &str) {
        let key = self.folder.path().join("release.key").to_str().expect("a plain path").to_owned();
        if !Path::new(&key).exists() {
            let made = self.run(&["--json", "key", "new", "release", "--out", &key]).json();
            let public = made["public"].as_str().expect("a key");
            self.run(&["key", "trust", public, "--name", "this build", "--namespace", "skynet", "--builtin"]).done();
        }
        let out = self.folder.path().join(format!("{name}.built-in.wasm"));
        let manifest = repository().join("builtin-plugins").join(name).join("plugin.toml");
        let path = |path: &Path| path.to_str().expect("a plain path").to_owned();
        self.run(&["plugin", "pack", &path(&guest(name)), "-m", &path(&manifest), "-o", &path(&out)]).done();
        self.run(&["plugin", "sign", &path(&out), "--key", &key]).done();
        self.drop_file(&out, file);
    }

    /// Starts the host in the foreground and waits for its address.
    pub(crate) fn start(&mut self) {
        let command = self.command(&["--json", "start"]);
        self.start_as(command, Stdio::null());
    }

    /// The same, with its log in a file.
    pub(crate) fn start_logging(&mut self, log: &Path, level: &str) {
        let mut command = self.command(&["--json", "start"]);
        command.env("SKYNET_LOG", level);
        self.start_as(command, std::fs::File::create(log).expect("a log").into());
    }

    fn start_as(&mut self, mut command: Command, log: Stdio) {
        if self.shares_code {
            compiled::take(&self.home());
        }
        let mut host = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the host starts");
        let mut line = String::new();
        BufReader::new(host.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        assert!(line.contains("address"), "the host said: {line:?}");
        self.host = Some(host);
    }

    /// Ends the host as a crash would.
    pub(crate) fn kill(&mut self) {
        let mut host = self.host.take().expect("a host");
        host.kill().expect("killed");
        host.wait().expect("waited");
    }

    /// Asks the host to end and gives its exit code.
    pub(crate) fn terminate(&mut self) -> i32 {
        let mut host = self.host.take().expect("a host");
        let pid = rustix::process::Pid::from_raw(i32::try_from(host.id()).expect("a pid")).expect("a pid");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("signalled");
        host.wait().expect("waited").code().unwrap_or(-1)
    }

    /// Repeats a look until it gives something.
    #[track_caller]
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            let list = || self.run(&["plugin", "list"]).out;
            assert!(begun.elapsed() < PATIENCE, "{what} did not happen; plugins: {}", list());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The plugin's line of `plugin list`.
    pub(crate) fn plugin(&self, name: &str) -> Option<Value> {
        let list: Value = serde_json::from_str(&self.run(&["--json", "plugin", "list"]).out).ok()?;
        list.as_array()?.iter().find(|plugin| plugin["name"] == name).cloned()
    }

    #[track_caller]
    pub(crate) fn until_state(&self, plugin: &str, state: &str) -> Value {
        self.until(&format!("{plugin} {state}"), |home| home.plugin(plugin).filter(|line| line["state"] == state))
    }

    #[track_caller]
    pub(crate) fn until_model(&self) {
        self.until("a model", |home| {
            let status: Value = serde_json::from_str(&home.run(&["--json", "status"]).out).ok()?;
            status["model"].as_str().map(drop)
        });
    }
}

impl Drop for Household {
    fn drop(&mut self) {
        if let Some(mut host) = self.host.take() {
            let _ = host.kill();
            let _ = host.wait();
        }
        if self.shares_code {
            compiled::give(&self.home());
        }
    }
}
