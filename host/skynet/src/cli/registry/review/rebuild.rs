//! Whether the component comes from the source beside it, or only from its signer.
//!
//! Building runs what strangers wrote, so it is done elsewhere, in a job of its own
//! without any rights; here what came out is compared. A difference fails: whoever hands
//! in sources says that they are the plugin's.

use crate::exit::{Kind, fail};
use anyhow::{Context, Result};
use skynet_policy::digest::is_sha256_hex;
use skynet_policy::release::strip;
use skynet_policy::sha256_hex;
use skynet_registry_client::author::Check;
use std::path::Path;

/// What somebody built from the source.
pub(super) enum Rebuilt {
    /// The source was not built, or there is none.
    Not,
    /// The digest of the component that came out, hex.
    As(String),
}

impl Rebuilt {
    /// From a file, or from a digest that was handed on.
    pub(super) fn of(file: Option<&Path>, digest: Option<&str>) -> Result<Self> {
        Ok(match (file, digest) {
            (Some(path), _) => {
                let built = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
                Self::As(sha256_hex(strip(&built)))
            }
            (None, Some(digest)) if is_sha256_hex(digest) => Self::As(digest.to_owned()),
            (None, Some(digest)) => return Err(fail(Kind::Refused, format!("`{digest}` is no sha256: 64 lower-case hex digits"))),
            (None, None) => Self::Not,
        })
    }
}

/// Compares what was built with what was handed in.
pub(super) fn check(file: &[u8], rebuilt: &Rebuilt, source: bool) -> Check {
    let Rebuilt::As(ours) = rebuilt else {
        let why = if source { "the source was not built here, so" } else { "no source was handed in:" };
        return Check::skipped("rebuild", format!("{why} only the publisher's signature vouches for the component"));
    };
    let theirs = sha256_hex(strip(file));
    Check::of(
        "rebuild",
        if *ours == theirs {
            Ok(format!("the source gives this very component, sha256 {ours}"))
        } else {
            Err(format!(
                "the source gives another component: sha256 {ours}, and {theirs} was handed in. Build with the toolchain that the source names, or hand in no source"
            ))
        },
    )
}
