//! The one place where a proposal's plugin is run: by the conformance test, in the sandbox.
//!
//! A registry's review calls nothing else that runs a component. Until there is such a
//! test in this binary the check says that nobody ran it.

use skynet_registry_client::author::Check;

/// Whether the plugin does what its kind promises.
pub(super) fn check(_: &[u8]) -> Check {
    Check::skipped("conformance", "nobody ran it: this version of skynet has no conformance test")
}
