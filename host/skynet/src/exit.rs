//! Exit codes, and how an error is shown.
//!
//! 0 done · 1 failed · 2 wrong usage (clap's, and ours) · 3 the host does not run ·
//! 4 refused or denied · 5 not found · 6 audit log damaged · 7 its end cut off ·
//! 8 it was built anew · 9 a part was done, and the error says which was not ·
//! 74 the disk is full · 75 try again later · 78 bad configuration.

use crate::output::Out;
use skynet_core::StoreError;
use skynet_registry_client::disk::DiskError;
use std::process::ExitCode;

/// What a script may want to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Words that cannot mean anything, whatever is there: no plugin has such an id.
    Usage,
    NotRunning,
    Refused,
    NotFound,
    LogDamaged,
    LogCut,
    LogRewritten,
    Partly,
    NoRoom,
    TryLater,
    BadConfig,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::NotRunning => 3,
            Self::Refused => 4,
            Self::NotFound => 5,
            Self::LogDamaged => 6,
            Self::LogCut => 7,
            Self::LogRewritten => 8,
            Self::Partly => 9,
            Self::NoRoom => 74,
            Self::TryLater => 75,
            Self::BadConfig => 78,
        }
    }

    /// What a process of this program meant by its exit code; none for 1, which says no more than that it failed.
    pub(crate) fn of(code: i32) -> Option<Self> {
        use Kind::{BadConfig, LogCut, LogDamaged, LogRewritten, NoRoom, NotFound, NotRunning, Partly, Refused, TryLater, Usage};
        let all = [Usage, NotRunning, Refused, NotFound, LogDamaged, LogCut, LogRewritten, Partly, NoRoom, TryLater, BadConfig];
        all.into_iter().find(|kind| i32::from(kind.code()) == code)
    }
}

/// An error with its exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
}

/// An error of that kind.
pub(crate) fn fail(kind: Kind, message: impl Into<String>) -> anyhow::Error {
    Failure { kind, message: message.into() }.into()
}

/// What kind of error it is, where that is known.
pub(crate) fn kind(error: &anyhow::Error) -> Option<Kind> {
    let said = error.chain().find_map(|cause| cause.downcast_ref::<Failure>()).map(|failure| failure.kind);
    said.or_else(|| error.chain().any(is_full).then_some(Kind::NoRoom)).or_else(|| error.chain().any(is_missing).then_some(Kind::NotFound))
}

/// A file, a folder or a program that somebody named.
fn is_missing(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

fn is_full(cause: &(dyn std::error::Error + 'static)) -> bool {
    let full = |error: &std::io::Error| matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
    matches!(cause.downcast_ref(), Some(DiskError::Full { .. }))
        || matches!(cause.downcast_ref(), Some(StoreError::Full(_)))
        || cause.downcast_ref().is_some_and(full)
}

/// How something ends of which parts failed. `rest`: whether another part was done; if none
/// was, it ends as its first fault would alone.
pub(crate) fn partly(faults: &[anyhow::Error], rest: bool) -> anyhow::Result<()> {
    let Some(first) = faults.first() else { return Ok(()) };
    let all: Vec<String> = faults.iter().map(|fault| format!("{fault:#}")).collect();
    let whole = kind(first).unwrap_or(Kind::TryLater);
    Err(fail(if rest { Kind::Partly } else { whole }, all.join("; ")))
}

/// Shows the error and gives its code.
pub(crate) fn report(out: &Out, error: &anyhow::Error) -> ExitCode {
    let code = kind(error).map_or(1, Kind::code);
    out.error(&format!("{error:#}"), code);
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_missing_file_have_their_codes_wherever_they_were_met() {
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        for error in [
            anyhow::Error::from(full()).context("a file cannot be written"),
            StoreError::Full("while committing".into()).into(),
            skynet_registry_client::disk::failed(std::path::Path::new("/"), full()).into(),
        ] {
            assert_eq!(kind(&error), Some(Kind::NoRoom), "{error:#}");
        }
        let missing = anyhow::Error::from(std::io::Error::from(std::io::ErrorKind::NotFound)).context("a file cannot be read");
        assert_eq!(kind(&missing), Some(Kind::NotFound));
        assert_eq!(kind(&anyhow::anyhow!("something else")), None);
    }

    #[test]
    fn what_failed_in_part_says_so_and_what_failed_whole_ends_as_its_first_fault() {
        let faults = || [fail(Kind::Refused, "one"), fail(Kind::TryLater, "two")];
        assert!(partly(&[], true).is_ok());
        let some = partly(&faults(), true).unwrap_err();
        assert_eq!((kind(&some), some.to_string().as_str()), (Some(Kind::Partly), "one; two"));
        assert_eq!(kind(&partly(&faults(), false).unwrap_err()), Some(Kind::Refused));
    }
}
