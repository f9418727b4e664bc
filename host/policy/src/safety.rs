//! What stands out in a command for a shell: advice for who reads it, never a control.
//!
//! The rules are those of the first skynet's checker, read on words instead of anywhere in the text, so that
//! `echo sudo` is no `sudo`. A shell has endless ways to say a thing: whoever wants to hide from this can. What a
//! command may do is decided by the cell that it runs in. Refuses nothing; takes any text.

mod words;

use crate::limits::LOOKED_THROUGH_BYTES;
use std::collections::BTreeMap;
use words::{Order, orders};

/// What is said of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It looks at something and changes nothing.
    Harmless,
    /// Nothing stands out.
    Unremarked,
    /// It looks like something that destroys, or that wants more rights.
    Dangerous(Danger),
}

/// What a command looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Danger {
    /// Removes a whole tree from the root or from a home.
    RemovesAll,
    /// Starts itself without end.
    ForkBomb,
    /// Runs what it was just sent.
    RunsWhatComes,
    /// Writes over a disk.
    WritesDisk,
    /// Makes a file system.
    MakesFileSystem,
    /// Opens or gives away the whole system.
    OpensSystem,
    /// Ends the machine.
    EndsMachine,
    /// Kills the first process, or all.
    KillsAll,
    /// Changes the system's settings.
    ChangesSystem,
    /// Hides a command in another language.
    HidesCommand,
    /// Asks for another user's rights.
    AsksForRights,
}

impl Danger {
    /// One sentence without its end.
    pub fn reason(self) -> &'static str {
        match self {
            Self::RemovesAll => "it removes everything below the root or a home folder",
            Self::ForkBomb => "it starts itself again and again",
            Self::RunsWhatComes => "it runs what another command sends it, unseen",
            Self::WritesDisk => "it writes over a disk",
            Self::MakesFileSystem => "it makes a file system, which empties the disk",
            Self::OpensSystem => "it changes the owner or the rights of the whole system",
            Self::EndsMachine => "it stops the machine",
            Self::KillsAll => "it kills the first process or all of them",
            Self::ChangesSystem => "it changes the settings of the system",
            Self::HidesCommand => "it gives a command to a shell from within another language",
            Self::AsksForRights => "it asks for the rights of another user",
        }
    }
}

impl Verdict {
    /// One word for programs and for the audit log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Harmless => "harmless",
            Self::Unremarked => "unremarked",
            Self::Dangerous(_) => "dangerous",
        }
    }

    /// Why it is dangerous, if it is.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Dangerous(danger) => Some(danger.reason()),
            Self::Harmless | Self::Unremarked => None,
        }
    }

    /// For a reader: the word, and why.
    pub fn advice(self) -> String {
        match self.reason() {
            Some(reason) => format!("{}: {reason}", self.word()),
            None => self.word().to_owned(),
        }
    }
}

/// Looks at a command, which may have many lines. One that is too long to be started is not read.
pub fn look(command: &str) -> Verdict {
    if command.len() > LOOKED_THROUGH_BYTES {
        return Verdict::Unremarked;
    }
    if is_fork_bomb(command) {
        return Verdict::Dangerous(Danger::ForkBomb);
    }
    let orders = orders(command);
    if let Some(danger) = orders.iter().find_map(danger) {
        return Verdict::Dangerous(danger);
    }
    match orders.as_slice() {
        [only] if is_harmless(only) => Verdict::Harmless,
        _ => Verdict::Unremarked,
    }
}

/// A function that pipes itself into itself behind one's back, whatever its name. Each character is read a few
/// times at most: a stranger may have written the text.
fn is_fork_bomb(command: &str) -> bool {
    let text: String = command.chars().filter(|character| !character.is_whitespace()).collect();
    // Where `NAME|NAME&` stands last, by name.
    let mut bombs = BTreeMap::new();
    for (at, _) in text.match_indices('|') {
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
        let length = after.find(|c| !is_of_a_name(c)).unwrap_or(after.len());
        let (name, rest) = after.split_at_checked(length).unwrap_or_default();
        if !name.is_empty() && rest.starts_with('&') && before.ends_with(name) {
            bombs.insert(name, at);
        }
    }
    !bombs.is_empty()
        && text.match_indices("(){").any(|(at, _)| {
            let before = text.get(..at).unwrap_or_default();
            let name = before.rsplit(|c| !is_of_a_name(c)).next().unwrap_or_default();
            let name = name.strip_prefix("function").filter(|rest| !rest.is_empty()).unwrap_or(name);
            bombs.get(name).is_some_and(|bomb| *bomb > at)
        })
}

fn is_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, ':' | '_' | '.')
}

/// Programs that run another one, which follows.
const BEFORE: [&str; 10] = ["env", "nohup", "time", "exec", "command", "builtin", "nice", "xargs", "setsid", "stdbuf"];

/// Words of an order from the program on, past assignments and programs that run another one.
fn program(order: &Order) -> &[String] {
    let mut words = order.words.as_slice();
    while let [first, rest @ ..] = words {
        let assigns =
            first.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_'));
        let is_option_of_one = words.len() < order.words.len() && first.starts_with('-');
        if assigns || is_option_of_one || BEFORE.contains(&name(first)) {
            words = rest;
        } else {
            return words;
        }
    }
    words
}

/// A program without its folder.
fn name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

fn danger(order: &Order) -> Option<Danger> {
    if let Some(danger) = order.writes.iter().find_map(|target| written(target)) {
        return Some(danger);
    }
    let [program, arguments @ ..] = program(order) else { return None };
    let says = |word: &str| arguments.iter().any(|argument| argument == word);
    let starts = |start: &str| arguments.iter().find_map(|argument| argument.strip_prefix(start));
    match name(program) {
        "rm" => removes_all(arguments).then_some(Danger::RemovesAll),
        "find" => (says("-delete") && arguments.iter().take_while(|word| !word.starts_with('-')).any(|path| is_everything(path)))
            .then_some(Danger::RemovesAll),
        "sh" | "bash" | "zsh" | "dash" | "ksh" if order.is_fed && arguments.iter().all(|word| word.starts_with('-')) => {
            Some(Danger::RunsWhatComes)
        }
        "dd" => starts("of=").and_then(written).filter(|danger| *danger == Danger::WritesDisk),
        "tee" => arguments.iter().find_map(|target| written(target)),
        "wipefs" | "blkdiscard" => Some(Danger::WritesDisk),
        "shred" => arguments.iter().find_map(|target| written(target)).filter(|danger| *danger == Danger::WritesDisk),
        program if program == "mkfs" || program.starts_with("mkfs.") => Some(Danger::MakesFileSystem),
        "chmod" => (says("/") && arguments.iter().any(|mode| opens(mode))).then_some(Danger::OpensSystem),
        "chown" | "chgrp" => says("/").then_some(Danger::OpensSystem),
        "shutdown" | "reboot" | "halt" | "poweroff" => Some(Danger::EndsMachine),
        "systemctl" | "init" | "telinit" => {
            ["reboot", "halt", "poweroff", "kexec", "0", "6"].into_iter().any(says).then_some(Danger::EndsMachine)
        }
        "kill" => kills_all(arguments).then_some(Danger::KillsAll),
        "sudo" | "doas" | "su" | "pkexec" => Some(Danger::AsksForRights),
        "python" | "python3" | "perl" | "ruby" | "node" => arguments
            .iter()
            .any(|text| ["os.system(", "os.popen(", "subprocess.", "child_process"].iter().any(|idiom| text.contains(idiom)))
            .then_some(Danger::HidesCommand),
        _ => None,
    }
}

fn is_everything(path: &str) -> bool {
    let path = path.strip_suffix("/*").or_else(|| path.strip_suffix("/.")).unwrap_or(path);
    let path = path.trim_end_matches('/');
    matches!(path, "" | "~" | "$HOME" | "${HOME}" | "/home" | "/root" | "/usr" | "/etc" | "/var" | "/*")
}

fn removes_all(arguments: &[String]) -> bool {
    let short = |letter: char| move |word: &String| word.starts_with('-') && !word.starts_with("--") && word.contains(letter);
    let is_recursive = arguments.iter().any(|word| word == "--recursive" || short('r')(word) || short('R')(word));
    is_recursive && arguments.iter().any(|word| word == "--no-preserve-root" || (!word.starts_with('-') && is_everything(word)))
}

/// What writing there would be.
fn written(target: &str) -> Option<Danger> {
    if target.starts_with("/etc/") {
        return Some(Danger::ChangesSystem);
    }
    let device = target.strip_prefix("/dev/")?;
    let disk = ["sd", "hd", "vd", "xvd", "nvme", "mmcblk", "disk", "mapper/", "md"].iter().any(|kind| device.starts_with(kind));
    if disk { Some(Danger::WritesDisk) } else { None }
}

fn opens(mode: &str) -> bool {
    let mode = mode.trim_start_matches('0');
    matches!(mode, "777" | "666" | "a+w" | "a+rwx" | "o+w" | "ugo+rwx" | "+w" | "a=rwx")
}

fn kills_all(arguments: &[String]) -> bool {
    // `-1` is everybody only behind a signal or `--`; in front it is a signal.
    let everybody = arguments.iter().skip(1).any(|word| word == "-1");
    let first = arguments.iter().any(|word| word == "1");
    let is_gentle = arguments.iter().any(|word| matches!(word.as_str(), "-0" | "-l" | "-L"));
    !is_gentle && (everybody || first)
}

/// Programs that only look, whatever they are given. Those that run a project's own code are not among them.
const LOOKS: [&str; 17] =
    ["ls", "pwd", "echo", "cat", "head", "tail", "wc", "date", "whoami", "hostname", "uname", "grep", "file", "stat", "du", "df", "id"];

/// Options by which a program that looks does more.
const DOES_MORE: [&str; 12] =
    ["-delete", "-exec", "-execdir", "-ok", "-okdir", "-fprint", "-fprintf", "-fls", "--pre", "-x", "--exec", "--exec-batch"];

fn is_harmless(order: &Order) -> bool {
    if !order.is_plain {
        return false;
    }
    let [first, arguments @ ..] = order.words.as_slice() else { return false };
    let second = arguments.first().map(String::as_str).unwrap_or_default();
    match first.as_str() {
        "hostname" => arguments.is_empty(),
        "date" => !arguments.iter().any(|word| word.starts_with("-s") || word.starts_with("--s")),
        looks if LOOKS.contains(&looks) => true,
        "find" | "rg" | "fd" => !arguments
            .iter()
            .any(|word| DOES_MORE.iter().any(|more| word == more || word.strip_prefix(more).is_some_and(|rest| rest.starts_with('=')))),
        "git" => match second {
            "log" | "status" | "diff" => !arguments.iter().any(|word| word.starts_with("--output") || word == "--ext-diff"),
            "branch" => {
                arguments.iter().skip(1).all(|word| matches!(word.as_str(), "-a" | "-r" | "-v" | "-vv" | "--list" | "--show-current"))
            }
            _ => false,
        },
        "npm" => matches!(second, "list" | "ls" | "info" | "view"),
        "node" | "rustc" | "cargo" | "python" | "python3" => arguments.len() == 1 && matches!(second, "--version" | "-V" | "-v"),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
