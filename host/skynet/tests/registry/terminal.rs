//! At a terminal: the question, the bar and the colours, and what ctrl-c leaves. The terminal
//! is a real one, made by `script`.

use crate::household::PATIENCE;
use crate::keeper::{CLOCK, Keeper, NET};
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Draws and erases; colours are of the same kind.
const ESCAPE: char = '\u{1b}';

/// A command at a terminal of its own.
struct Terminal {
    child: Child,
    keyboard: Option<ChildStdin>,
    screen: Arc<Mutex<String>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Terminal {
    fn of(keeper: &Keeper, arguments: &[&str], more: &[(&str, &str)]) -> Self {
        let inner = keeper.home.command(arguments);
        let words: Vec<String> =
            std::iter::once(inner.get_program()).chain(inner.get_args()).map(|word| format!("'{}'", word.to_str().unwrap())).collect();
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--flush", "--command", &format!("exec {}", words.join(" ")), "/dev/null"]).env_clear();
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?)))).envs(more.iter().copied());
        command.env("PATH", "/usr/bin:/bin").env("TERM", "xterm").env("SHELL", "/bin/sh");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (keyboard, mut out, screen) = (child.stdin.take(), child.stdout.take().unwrap(), Arc::<Mutex<String>>::default());
        let shared = Arc::clone(&screen);
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut bytes) {
                shared.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { child, keyboard, screen, reader: Some(reader) }
    }

    fn screen(&self) -> String {
        self.screen.lock().unwrap().clone()
    }

    #[track_caller]
    fn until(&self, text: &str) {
        let begun = Instant::now();
        while !self.screen().contains(text) {
            assert!(begun.elapsed() < PATIENCE, "`{text}` does not appear: {:?}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn types(&mut self, keys: &str) {
        let keyboard = self.keyboard.as_mut().unwrap();
        keyboard.write_all(keys.as_bytes()).unwrap();
        keyboard.flush().unwrap();
    }

    /// Its exit code, and all that stood on the screen.
    fn ended(mut self) -> (i32, String) {
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        self.reader.take().unwrap().join().unwrap();
        (code, self.screen())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_yes_at_the_prompt_installs_and_anything_else_does_not() {
    let keeper = Keeper::new();
    keeper.publish("1.0.0", NET);
    for answer in ["n\n", "\n", "yes please\n"] {
        let mut terminal = Terminal::of(&keeper, &["plugin", "install", CLOCK], &[]);
        terminal.until("Do this? [y/N]");
        assert!(terminal.screen().contains("permission-unused"), "findings stand above the question: {:?}", terminal.screen());
        terminal.types(answer);
        let (code, screen) = terminal.ended();
        assert!(code == 4 && screen.contains("you did not agree"), "{code} {screen:?}");
        assert_eq!((keeper.locked(), keeper.in_folder()), (None, None));
    }
    let mut terminal = Terminal::of(&keeper, &["plugin", "install", CLOCK], &[]);
    terminal.until("Do this? [y/N]");
    terminal.types("y\n");
    let (code, screen) = terminal.ended();
    assert!(code == 0 && screen.contains("acme/clock 1.0.0 is installed"), "{code} {screen:?}");
    assert_eq!(keeper.locked().as_deref(), Some("1.0.0"));
}

#[test]
fn a_bar_is_drawn_at_a_terminal_and_ctrl_c_leaves_nothing_half_done() {
    let keeper = Keeper::new();
    keeper.publish("1.0.0", "");
    let half = keeper.server.stall("blobs/");
    let mut terminal = Terminal::of(&keeper, &["plugin", "install", CLOCK, "--yes"], &[]);
    half.recv().unwrap();
    terminal.until("acme/clock 1.0.0 ");
    terminal.until("░");
    terminal.types("\u{3}");
    let (code, screen) = terminal.ended();
    assert!(code != 0 && screen.contains(ESCAPE), "{code} {screen:?}");
    assert_eq!((keeper.locked(), keeper.in_folder()), (None, None));
    assert!(!keeper.home.home().join("registries/intent.json").exists());

    keeper.server.behave();
    let said = keeper.home.run(&["plugin", "install", CLOCK, "--yes", "--unseen"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "no bar where nobody sees it");
    assert!(!said.out.contains(ESCAPE) && !said.out.contains('█'), "{:?}", said.out);
    assert_eq!(keeper.locked().as_deref(), Some("1.0.0"));
}

#[test]
fn colours_are_for_terminals_and_for_those_who_want_them() {
    let keeper = Keeper::new();
    keeper.publish("1.0.0", NET);
    let plan = ["plugin", "install", CLOCK, "--plan"];
    let coloured = |screen: &str| screen.contains("\u{1b}[33mmedium\u{1b}[0m");
    let (code, screen) = Terminal::of(&keeper, &plan, &[]).ended();
    assert!(code == 0 && coloured(&screen), "{screen:?}");
    let (_, screen) = Terminal::of(&keeper, &plan, &[("NO_COLOR", "1")]).ended();
    assert!(screen.contains("medium") && !coloured(&screen), "{screen:?}");
    assert!(!keeper.home.run(&plan).done().contains(ESCAPE));
}
