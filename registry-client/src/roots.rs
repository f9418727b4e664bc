//! One root after another: each signs itself, and enough keys of the one before it sign it.

use tough::schema::{Root, Signed};

/// Reads a root that follows `before`, or that everything begins with.
pub(crate) fn follow(before: Option<&Signed<Root>>, bytes: &[u8]) -> Result<Signed<Root>, String> {
    let root: Signed<Root> = serde_json::from_slice(bytes).map_err(|error| format!("it is malformed: {error}"))?;
    root.signed.verify_role(&root).map_err(|error| format!("it does not sign itself: {error}"))?;
    if let Some(before) = before {
        if before.signed.version.checked_add(1) != Some(root.signed.version) {
            return Err(format!("it is version {} and comes after {}", root.signed.version, before.signed.version));
        }
        before.signed.verify_role(&root).map_err(|error| format!("the root before it did not sign it: {error}"))?;
    }
    Ok(root)
}
