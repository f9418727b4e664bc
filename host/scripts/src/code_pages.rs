//! The program's own code in memory, given back once a start is over.
//!
//! A start runs once through code from all over the program, and the kernel maps 64 KiB
//! around each place: more than half of what a host holds at rest would be code that it
//! does not run again. These pages are clean copies of the program's file; what is
//! wanted later comes back by itself. Refuses everything but code of this very program.
#![allow(unsafe_code, reason = "decision 0016: no crate in use offers this call safely")]

use std::io;
use std::path::Path;

/// Where the code lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodePages {
    start: usize,
    length: usize,
}

impl CodePages {
    /// Looks where it lies, in `/proc`: before the wall, which hides that. `None` where there is no such place.
    pub fn find() -> Option<Self> {
        let program = std::fs::read_link("/proc/self/exe").ok()?;
        Self::of(&std::fs::read_to_string("/proc/self/maps").ok()?, &program)
    }

    /// The line of `maps` with code of that program: `START-END r-xp OFFSET DEVICE INODE PATH`.
    fn of(maps: &str, program: &Path) -> Option<Self> {
        let mut lines = maps.lines().map(|line| line.splitn(6, ' ').map(str::trim).collect::<Vec<_>>());
        lines.find_map(|fields| {
            let [range, "r-xp", _, _, _, path] = fields.as_slice() else { return None };
            let (start, end) = range.split_once('-')?;
            let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
            let length = end.checked_sub(start).filter(|length| *length > 0)?;
            (Path::new(path) == program).then_some(Self { start, length })
        })
    }

    /// Gives it back. What runs meanwhile fetches again what it needs.
    #[cfg(target_os = "linux")]
    pub fn give_back(self) -> io::Result<()> {
        let start = std::ptr::with_exposed_provenance_mut(self.start);
        // SAFETY: the range is that of a private mapping of this program's file that cannot be written to (`r-xp`), as
        // the kernel told it, and a program's code stays mapped until it ends. Pages that are dropped from such a mapping
        // are read from the file again, the same as they were: nothing that is read, or run, changes.
        unsafe { rustix::mm::madvise(start, self.length, rustix::mm::Advice::LinuxDontNeed) }.map_err(Into::into)
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

    fn of(line: &str) -> Option<CodePages> {
        CodePages::of(line, Path::new("/opt/my programs/skynet"))
    }

    #[test]
    fn only_code_of_this_program_is_found() {
        let code = "7f0000001000-7f0000003000 r-xp 00001000 fe:00 42                  /opt/my programs/skynet";
        assert_eq!(of(code), Some(CodePages { start: 0x7f00_0000_1000, length: 0x2000 }));
        assert_eq!(of(&format!("{}\n{code}", code.replace("r-xp", "r--p"))), of(code), "the one that is run");
        for other in [
            code.replace("r-xp", "rwxp"),
            code.replace("r-xp", "r-xs"),
            code.replace("skynet", "skynet (deleted)"),
            code.replace("/opt/my programs/skynet", "/usr/lib/libc.so.6"),
            code.replace("7f0000003000", "7f0000001000"),
            code.replace("7f0000003000", "7f0000000000"),
            code.replace("7f0000001000-", "xyz-"),
            "7f0000001000-7f0000003000 r-xp 00000000 00:00 0".into(),
            String::new(),
        ] {
            assert_eq!(of(&other), None, "{other}");
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
    }
}
