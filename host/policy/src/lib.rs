//! What may be loaded, granted and dialled: pure decisions, no I/O.
//!
//! Owns: the manifest, permissions and their sentences, grants, the permission
//! diff, egress verdicts, the one-file release format, signatures and trust, the
//! audit log's hashes, the documents of registries, whole agents, what stands out in a command, versions and names. Everything
//! here is a function of its arguments, so all of it can be fuzzed. Refuses: sockets, files, clocks, async, the engine.

pub mod agent;
pub mod audit;
pub mod diff;
pub mod digest;
pub mod egress;
pub mod grant;
pub mod host_name;
pub mod imports;
pub mod limits;
pub mod manifest;
pub mod naming;
pub mod open;
pub mod permission;
pub mod registry;
pub mod release;
pub mod safety;
#[cfg(test)]
mod sampling;
pub mod script;
pub mod scrub;
pub mod secret;
pub mod signature;
pub mod tree;
pub mod trust;
mod unique_keys;
pub mod version;

pub use diff::{PermissionDiff, diff};
pub use digest::sha256_hex;
pub use egress::{AddressClass, Destination, EgressRefusal, check_addresses, classify, match_rule, secret_for};
pub use grant::{beyond, effective, exceeds, resolve_settings};
pub use host_name::{Host, HostFault, HostPattern};
pub use manifest::{Manifest, ManifestError, World};
pub use open::{OpenError, Opened, open};
pub use permission::{Access, AgentRule, FsRule, KvRule, Limits, NetRule, NetTarget, Permissions, Scheme, SecretRule};
pub use release::{ComponentDigest, FileDigest, Release, ReleaseError, Split, ToolNote, WitDeclaration, join, split, strip};
pub use signature::{KeyId, PublicKey, SecretKey, SignatureError, Signatures, Verified, sign_release, verify_release};
pub use trust::{Tier, TrustError, TrustStore, TrustedKey};
