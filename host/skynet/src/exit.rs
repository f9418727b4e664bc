//! Exit codes, and how an error is shown.
//!
//! 0 done · 1 failed · 2 wrong usage (clap) · 3 the host does not run ·
//! 4 refused or denied · 5 not found · 6 audit log damaged · 7 its end cut off ·
//! 8 it was built anew · 75 try again later · 78 bad configuration.

use crate::output::Out;
use std::process::ExitCode;

/// What a script may want to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    NotRunning,
    Refused,
    NotFound,
    LogDamaged,
    LogCut,
    LogRewritten,
    TryLater,
    BadConfig,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::NotRunning => 3,
            Self::Refused => 4,
            Self::NotFound => 5,
            Self::LogDamaged => 6,
            Self::LogCut => 7,
            Self::LogRewritten => 8,
            Self::TryLater => 75,
            Self::BadConfig => 78,
        }
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

/// Shows the error and gives its code.
pub(crate) fn report(out: &Out, error: &anyhow::Error) -> ExitCode {
    let code = error.chain().find_map(|cause| cause.downcast_ref::<Failure>()).map_or(1, |failure| failure.kind.code());
    out.error(&format!("{error:#}"), code);
    ExitCode::from(code)
}
