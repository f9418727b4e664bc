//! The program's own code and constants in memory, given back once a start is over.
//!
//! A start runs once through code from all over the program, and the kernel maps 64 KiB
//! around each place: more than half of what a host holds at rest would be code that it
//! does not run again. These pages are clean copies of the program's file; what is
//! wanted later comes back by itself. Refuses everything but parts of this very program that
//! cannot be written to and that nothing was written to.
#![allow(unsafe_code, reason = "decision 0016: no crate in use offers this call safely")]

use std::io;
use std::path::Path;

/// Where they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodePages(Vec<Span>);

/// Of one mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: usize,
    length: usize,
}

impl CodePages {
    /// Looks where they lie, in `/proc`: before the wall, which hides that. `None` where there is no such place.
    pub fn find() -> Option<Self> {
        let program = std::fs::read_link("/proc/self/exe").ok()?;
        let spans = Self::of(&std::fs::read_to_string("/proc/self/smaps").ok()?, &program);
        (!spans.0.is_empty()).then_some(spans)
    }

    /// The mappings in `smaps` that are of that program, and whole as in its file. Each is a line
    /// `START-END PERMISSIONS OFFSET DEVICE INODE PATH` and then lines `NAME: NUMBER kB`.
    fn of(smaps: &str, program: &Path) -> Self {
        let mut spans = Vec::new();
        let mut last = None;
        for line in smaps.lines() {
            match line.split_once(": ") {
                // Pages that are no longer the file's: the loader wrote there, and closed it afterwards.
                Some(("Anonymous" | "Swap", size)) if size.trim() != "0 kB" => last = None,
                // The last line of each.
                Some(("VmFlags", _)) => spans.extend(last.take()),
                Some((name, _)) if !name.contains(' ') => {}
                _ => last = Self::span(line, program),
            }
        }
        Self(spans)
    }

    fn span(line: &str, program: &Path) -> Option<Span> {
        let fields: Vec<&str> = line.splitn(6, ' ').map(str::trim).collect();
        let [range, "r-xp" | "r--p", _, _, _, path] = fields.as_slice() else { return None };
        let (start, end) = range.split_once('-')?;
        let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        let length = end.checked_sub(start).filter(|length| *length > 0)?;
        (Path::new(path) == program).then_some(Span { start, length })
    }

    /// Gives them back. What runs meanwhile fetches again what it needs.
    #[cfg(target_os = "linux")]
    pub fn give_back(self) -> io::Result<()> {
        self.0.into_iter().try_for_each(|span| {
            let start = std::ptr::with_exposed_provenance_mut(span.start);
            // SAFETY: the range is that of a private mapping of this program's file that cannot be written to (`r-xp`, `r--p`)
            // and of which no page was another than the file's, as the kernel told it; nothing makes it writable after the loader,
            // and a program's code and constants stay mapped until it ends. Pages that are dropped from such a mapping
            // are read from the file again, the same as they were: nothing that is read, or run, changes.
            unsafe { rustix::mm::madvise(start, span.length, rustix::mm::Advice::LinuxDontNeed) }.map_err(Into::into)
        })
    }

    /// Nothing to do where mappings are not known.
    #[cfg(not(target_os = "linux"))]
    pub fn give_back(self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "7f0000001000-7f0000003000 r-xp 00001000 fe:00 42                  /opt/my programs/skynet";

    /// What is found of a mapping with this first line and so much of its own.
    fn of(line: &str, own: &str) -> Vec<Span> {
        let sizes = format!("Rss: 8 kB\nAnonymous: {own}\nSwap: 0 kB\nVmFlags: rd ex mr");
        CodePages::of(&format!("{line}\n{sizes}\n"), Path::new("/opt/my programs/skynet")).0
    }

    #[test]
    fn only_untouched_parts_of_this_program_that_cannot_be_written_to_are_found() {
        let span = Span { start: 0x7f00_0000_1000, length: 0x2000 };
        assert_eq!(of(CODE, "0 kB"), [span]);
        assert_eq!(of(&CODE.replace("r-xp", "r--p"), "0 kB"), [span], "constants");
        assert_eq!(of(CODE, "4 kB"), [], "what was relocated");
        let two = format!("{CODE}\nAnonymous: 4 kB\nVmFlags: rd\n{CODE}\nSwap: 4 kB\nVmFlags: rd\n{CODE}\nSwap: 0 kB\nVmFlags: rd");
        assert_eq!(CodePages::of(&two, Path::new("/opt/my programs/skynet")).0, [span], "each by its own sizes");
        for other in [
            CODE.replace("r-xp", "rwxp"),
            CODE.replace("r-xp", "rw-p"),
            CODE.replace("r-xp", "r-xs"),
            CODE.replace("skynet", "skynet (deleted)"),
            CODE.replace("/opt/my programs/skynet", "/usr/lib/libc.so.6"),
            CODE.replace("7f0000003000", "7f0000001000"),
            CODE.replace("7f0000003000", "7f0000000000"),
            CODE.replace("7f0000001000-", "xyz-"),
            "7f0000001000-7f0000003000 r-xp 00000000 00:00 0".into(),
            String::new(),
        ] {
            assert_eq!(of(&other, "0 kB"), [], "{other}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_runs_on_after_its_code_was_given_back() {
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("RssFile:")).unwrap().trim().to_owned();
            line.trim_end_matches(" kB").parse::<u64>().unwrap()
        };
        let code = CodePages::find().unwrap();
        let before = resident();
        code.give_back().unwrap();
        assert!(resident() < before, "{} of {before} kB stayed", resident());
        assert_eq!((0..1000_u64).map(|n| n * n).sum::<u64>(), 332_833_500);
        // What the loader wrote is still there: this goes by a table of functions.
        let text: Box<dyn std::fmt::Display> = Box::new(7);
        assert_eq!(text.to_string(), "7");
    }
}
