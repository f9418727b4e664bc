//! Whether a plugin and this host speak the same contract, and no step back.
//!
//! Messages name both sides: a plugin that "does not load" after an update of the
//! host is the commonest complaint in this field. Under 1.0 a minor step breaks.

use crate::imports::{interface_of, is_known_interface};
use crate::naming::plain_line;
use semver::{Version, VersionReq};

/// The package in `wit/`.
pub const WIT_PACKAGE: &str = "skynet:plugin";

/// The version of it that this host speaks.
pub const WIT_VERSION: &str = "0.1.0";

/// The range in which releases that the host writes itself say they work.
pub const WIT_RANGE: &str = "^0.1.0";

/// What every import of WASI must start with after its `@`.
const WASI_TRACK: &str = "0.2.";

/// Why a plugin cannot run on this host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// Not a range.
    #[error("`{0}` is not a version range; write one such as ^{WIT_VERSION}")]
    Malformed(String),
    /// Another version of the contract.
    #[error(
        "plugin asks for {WIT_PACKAGE} {0}, this host speaks {WIT_VERSION}. Get a release of the plugin for {WIT_VERSION}, or a skynet that speaks {0}"
    )]
    Unsupported(String),
    /// An interface that the contract does not have.
    #[error("the component names `{0}`, which {WIT_PACKAGE} {WIT_VERSION} does not have. Build it against the WIT files of this host")]
    UnknownInterface(String),
    /// Neither ours nor WASI.
    #[error(
        "the component names `{0}`, which this host does not offer: it offers {WIT_PACKAGE} {WIT_VERSION} and WASI 0.2. Build it for wasm32-wasip2"
    )]
    Foreign(String),
}

/// Whether the range that a plugin declares takes in this host's version.
pub fn check_range(range: &str) -> Result<(), RangeError> {
    let shown = || plain_line(range, 60);
    let asked = VersionReq::parse(range).map_err(|_| RangeError::Malformed(shown()))?;
    if asked.matches(&spoken()) { Ok(()) } else { Err(RangeError::Unsupported(shown())) }
}

/// Whether one import or export of a component can be served, by its full name
/// such as `skynet:plugin/log@0.1.0`. An import of a later patch version may use
/// functions that this host lacks, so it is refused here with both versions.
pub fn check_interface(import_name: &str) -> Result<(), RangeError> {
    let foreign = || RangeError::Foreign(plain_line(import_name, 100));
    let (path, version) = import_name.split_once('@').ok_or_else(foreign)?;
    let (package, _) = path.split_once('/').ok_or_else(foreign)?;
    if package == WIT_PACKAGE {
        let asked = Version::parse(version).map_err(|_| foreign())?;
        if !is_compatible(&asked, &spoken()) {
            return Err(RangeError::Unsupported(asked.to_string()));
        }
        let known = interface_of(import_name).is_some_and(is_known_interface);
        return if known { Ok(()) } else { Err(RangeError::UnknownInterface(plain_line(import_name, 100))) };
    }
    if package.starts_with("wasi:") && version.starts_with(WASI_TRACK) { Ok(()) } else { Err(foreign()) }
}

/// Same track, and not newer than what is spoken.
fn is_compatible(asked: &Version, spoken: &Version) -> bool {
    let track = |version: &Version| if version.major == 0 { (0, version.minor) } else { (version.major, 0) };
    track(asked) == track(spoken) && asked.cmp_precedence(spoken).is_le()
}

fn spoken() -> Version {
    // The constant is legal, as a test shows; a version that matches nothing would fail closed.
    Version::parse(WIT_VERSION).unwrap_or(Version::new(u64::MAX, 0, 0))
}

/// An older version than one that was served before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "version {candidate} is older than {highest}, which was served here before: going back could bring back a repaired hole. An owner can do it with `skynet plugin rollback`"
)]
pub struct RollbackError {
    /// The highest version served so far.
    pub highest: Version,
    /// The one that was dropped in.
    pub candidate: Version,
}

/// Refuses a step back. Build metadata does not order versions.
pub fn check_rollback(highest: Option<&Version>, candidate: &Version) -> Result<(), RollbackError> {
    match highest {
        Some(highest) if candidate.cmp_precedence(highest).is_lt() => {
            Err(RollbackError { highest: highest.clone(), candidate: candidate.clone() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_checked_against_what_this_host_speaks() {
        assert_eq!(spoken().to_string(), WIT_VERSION);
        for good in ["^0.1.0", "0.1", "=0.1.0", ">=0.1.0, <0.3", "*"] {
            assert_eq!(check_range(good), Ok(()), "{good}");
        }
        let error = check_range("^0.2.0").unwrap_err().to_string();
        assert!(error.starts_with("plugin asks for skynet:plugin ^0.2.0, this host speaks 0.1.0"), "{error}");
        assert!(matches!(check_range("^0.1.1"), Err(RangeError::Unsupported(_))));
        assert!(matches!(check_range("newest\n"), Err(RangeError::Malformed(_))));
    }

    #[test]
    fn interfaces_are_ours_or_wasi_of_the_right_track() {
        for good in ["skynet:plugin/log@0.1.0", "skynet:plugin/tool@0.1.0", "wasi:http/types@0.2.0", "wasi:cli/environment@0.2.12"] {
            assert_eq!(check_interface(good), Ok(()), "{good}");
        }
        let check = |name: &str, word: &str| {
            let error = check_interface(name).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        };
        check("skynet:plugin/log@0.2.0", "asks for skynet:plugin 0.2.0, this host speaks 0.1.0");
        check("skynet:plugin/log@0.1.1", "asks for skynet:plugin 0.1.1");
        check("skynet:plugin/log@0.0.9", "asks for skynet:plugin 0.0.9");
        check("skynet:plugin/telepathy@0.1.0", "does not have");
        for evil in
            ["skynet:plugin/log", "wasi:http/types@0.3.0", "acme:x/y@0.1.0", "env", "", "skynet:plugin@0.1.0", "wasi:http/types@0.20.0"]
        {
            check(evil, "does not offer");
        }
    }

    #[test]
    fn a_step_back_is_refused() {
        let version = |text: &str| Version::parse(text).unwrap();
        let check = |highest: &str, candidate: &str| check_rollback(Some(&version(highest)), &version(candidate)).is_ok();
        assert!(check("1.0.0", "1.0.0") && check("1.0.0", "1.0.1") && check("1.0.0+b", "1.0.0+a"));
        assert!(!check("1.10.0", "1.9.0") && !check("1.0.0", "1.0.0-rc.1"));
        assert_eq!(check_rollback(None, &version("0.0.1")), Ok(()));
    }
}
