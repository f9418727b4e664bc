//! Whether the component comes from the source beside it, or only from its signer.
//!
//! Building runs what strangers wrote, so it is done elsewhere, in a job of its own
//! without any rights; here what came out is compared. A difference fails: whoever hands
//! in sources says that they are the plugin's.

use anyhow::{Context, Result};
use skynet_policy::release::strip;
use skynet_policy::sha256_hex;
use skynet_registry_client::author::Check;
use std::path::Path;

/// Compares what was built with what was handed in.
pub(super) fn check(file: &[u8], rebuilt: Option<&Path>, source: bool) -> Result<Check> {
    let Some(path) = rebuilt else {
        let why = if source { "the source was not built here, so" } else { "no source was handed in:" };
        return Ok(Check::skipped("rebuild", format!("{why} only the publisher's signature vouches for the component")));
    };
    let built = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let (ours, theirs) = (sha256_hex(strip(&built)), sha256_hex(strip(file)));
    Ok(Check::of(
        "rebuild",
        if ours == theirs {
            Ok(format!("the source gives this very component, sha256 {ours}"))
        } else {
            Err(format!(
                "the source gives another component: sha256 {ours}, and {theirs} was handed in. Build with the toolchain that the source names, or hand in no source"
            ))
        },
    ))
}
