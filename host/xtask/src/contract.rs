//! Reads `wit/` and prints the whole contract back in one canonical text.
//!
//! The text goes through the binary encoding and back, so that it holds what
//! the two sides really link against: comments of a moved line do not matter,
//! a changed field does. It refuses a package that does not encode.

use anyhow::{Context, Result, bail};
use std::path::Path;
use wit_component::{DecodedWasm, WitPrinter};
use wit_parser::{PackageId, Resolve};

/// The first lines of the committed snapshot: what a difference means.
pub(crate) const SNAPSHOT_HEADER: &str = "\
// The contract as both sides link it, printed from its binary encoding by
// `cargo xtask wit`. A difference in this file is a change of the contract:
// added functions of imported interfaces are fine, anything else in an exported
// interface, a record or a variant breaks every plugin built before (README.md).
";

/// Parses `wit/` with the standard packages in `wit/deps`.
pub(crate) fn load(root: &Path) -> Result<(Resolve, PackageId)> {
    let folder = root.join("wit");
    let mut resolve = Resolve::default();
    match resolve.push_dir(&folder) {
        Ok((package, _)) => Ok((resolve, package)),
        // Only the resolver knows the place that an error speaks of.
        Err(error) => bail!("reading the WIT package in {}: {}", folder.display(), resolve.render_error(&error)),
    }
}

/// The canonical text of our own package.
pub(crate) fn snapshot(root: &Path) -> Result<String> {
    let (resolve, package) = load(root)?;
    let bytes = wit_component::encode(&resolve, package, false).context("encoding skynet:plugin")?;
    let DecodedWasm::WitPackage(decoded, package) = wit_component::decode(&bytes).context("decoding skynet:plugin")? else {
        bail!("the encoded contract decodes to a component instead of a WIT package");
    };
    let mut printer = WitPrinter::default();
    printer.emit_docs(false);
    printer.print(&decoded, package, &[]).context("printing skynet:plugin")?;
    Ok(format!("{SNAPSHOT_HEADER}\n{}", printer.output))
}
