//! `release.json`: what a publisher says about one version, and signs.
//!
//! Read only after its signature was checked, in the exact bytes that were signed.
//! Refuses repeated keys, trailing bytes, schemas and keys that it does not know,
//! and permission requests with faults.

mod envelope;

pub use envelope::{RELEASE_SECTION, Split, join, split, strip};

use crate::digest::{is_sha256_hex, sha256_hex};
use crate::limits::{RELEASE_JSON_BYTES, SUMMARY_CHARS};
use crate::manifest::World;
use crate::naming::{is_plain_line, is_tool_name, plain_line};
use crate::permission::Permissions;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use skynet_core::{Annotations, PluginId};
use std::collections::BTreeSet;

/// The only schema that this host reads.
pub const RELEASE_SCHEMA: u32 = 1;

/// One signed version of one plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// 1.
    pub schema: u32,
    /// Whose.
    pub id: PluginId,
    /// Which.
    pub version: semver::Version,
    /// All bytes before the release section.
    pub component: ComponentDigest,
    /// What it says it speaks.
    pub wit: WitDeclaration,
    /// The whole request.
    #[serde(default)]
    pub permissions: Permissions,
    /// One line for lists.
    pub summary: String,
    /// SHA-256 of the `release.json` before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<String>,
    /// RFC 3339.
    pub created: String,
    /// Readme, SBOM and the like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileDigest>,
    /// JSON Schema of the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<Value>,
    /// What its tools claim to do to the world.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolNote>,
}

/// The component's bytes by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentDigest {
    /// Hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// World, range, imports and exports as the publisher declares them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitDeclaration {
    /// `tool-plugin` and so on.
    pub world: String,
    /// Versions of the WIT package that it works with.
    pub range: String,
    /// Full names.
    pub imports: Vec<String>,
    /// Full names.
    pub exports: Vec<String>,
}

/// A file beside the component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// A plain name.
    pub name: String,
    /// Hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// A tool and its claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolNote {
    /// As the plugin names it.
    pub name: String,
    /// Claims.
    #[serde(default)]
    pub annotations: Annotations,
}

/// Why a file or its `release.json` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// Not WebAssembly at all.
    #[error("the file is not WebAssembly: it does not start with its magic bytes. Drop the .wasm file that `skynet plugin pack` wrote")]
    NotWasm,
    /// A core module.
    #[error("the file is a core WebAssembly module, not a component. Build for wasm32-wasip2, or wrap it with `wasm-tools component new`")]
    CoreModule,
    /// Native code.
    #[error("the file is precompiled native code. The host compiles components itself and takes no native code; drop the .wasm file")]
    Precompiled,
    /// It ends inside a section.
    #[error("the file ends in the middle of a section at byte {at}: the copy is incomplete. Copy it again, under another name first")]
    Truncated {
        /// Where the section starts.
        at: usize,
    },
    /// No release section.
    #[error("the component is not signed: it has no `skynet:release` section. Sign it with `skynet plugin pack` and `skynet plugin sign`")]
    Unsigned,
    /// Sections after the release section.
    #[error("bytes follow the `skynet:release` section, which must be last: they would run unsigned. Pack the component again")]
    Trailing,
    /// Bytes after the two documents of the section.
    #[error("the `skynet:release` section has bytes after its two documents. Pack the component again")]
    TrailingInSection,
    /// The scan's budget is spent.
    #[error("the component has more than {0} sections; no compiler writes that many")]
    TooManySections(usize),
    /// A document is larger than any honest one.
    #[error("{what} has {size} bytes; at most {max} are read")]
    TooLarge {
        /// Which.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// The bytes are not what they should be.
    #[error("the file is malformed: {0}. Pack the component again")]
    Malformed(String),
    /// Made for another host.
    #[error("release.json has schema {0}; this host reads schema 1. Update skynet, or get a release for this version")]
    UnknownSchema(u64),
    /// The text is not the document it should be.
    #[error("release.json is refused: {0}. Pack the component again")]
    Json(String),
    /// Single fields.
    #[error("release.json is refused: {}. Correct plugin.toml and pack again", .0.join("; "))]
    Faults(Vec<String>),
    /// The bytes are not the signed ones.
    #[error(
        "the component has sha256 {actual_sha256} and {actual_size} bytes, but sha256 {sha256} and {size} bytes were signed. Get the file again"
    )]
    WrongComponent {
        /// Signed.
        sha256: String,
        /// Signed.
        size: u64,
        /// Found.
        actual_sha256: String,
        /// Found.
        actual_size: usize,
    },
}

impl Release {
    /// Reads the exact bytes that were signed. Check the signature first.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReleaseError> {
        if bytes.len() > RELEASE_JSON_BYTES {
            return Err(ReleaseError::TooLarge { what: "release.json", size: bytes.len(), max: RELEASE_JSON_BYTES });
        }
        let json = |reason: String| ReleaseError::Json(plain_line(&reason, 300));
        crate::unique_keys::check(bytes).map_err(json)?;
        check_schema(bytes)?;
        let release: Self = serde_json::from_slice(bytes).map_err(|error| json(error.to_string()))?;
        let faults = release.faults();
        if faults.is_empty() { Ok(release) } else { Err(ReleaseError::Faults(faults)) }
    }

    /// The document's bytes, to be signed as they are.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Only a map with keys that are not text can fail here, and there is none.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether these are the bytes that were signed.
    pub fn check_component(&self, component: &[u8]) -> Result<(), ReleaseError> {
        let found = sha256_hex(component);
        if found == self.component.sha256 && u64::try_from(component.len()) == Ok(self.component.size) {
            return Ok(());
        }
        Err(ReleaseError::WrongComponent {
            sha256: self.component.sha256.clone(),
            size: self.component.size,
            actual_sha256: found,
            actual_size: component.len(),
        })
    }

    /// What the types cannot say: one sentence per fault, naming its key.
    pub fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = self.permissions.request_faults().into_iter().map(|fault| format!("permissions.{fault}")).collect();
        let mut unless = |legal: bool, fault: &str| {
            if !legal {
                faults.push(fault.to_owned());
            }
        };
        unless(self.schema == RELEASE_SCHEMA, "schema must be 1");
        unless(is_sha256_hex(&self.component.sha256), "component.sha256 must be 64 lower-case hex digits");
        unless(self.component.size > 0, "component.size must not be 0");
        unless(
            World::parse(&self.wit.world).is_some(),
            "wit.world must be tool-plugin, provider-plugin, channel-plugin, hook-plugin, script-plugin or script-bridge",
        );
        unless(semver::VersionReq::parse(&self.wit.range).is_ok(), "wit.range must be a semantic version range such as ^0.1.0");
        let names = || self.wit.imports.iter().chain(&self.wit.exports);
        unless(names().all(|name| is_plain_line(name, 200) && !name.is_empty()), "wit.imports and wit.exports must be plain names");
        unless(
            is_plain_line(&self.summary, SUMMARY_CHARS) && !self.summary.is_empty(),
            "summary must be one plain line of at most 200 characters",
        );
        unless(self.prev.as_deref().is_none_or(is_sha256_hex), "prev must be 64 lower-case hex digits");
        unless(is_timestamp(&self.created), "created must be a time as in RFC 3339");
        let unique_files: BTreeSet<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
        let plain = self.files.iter().all(|file| is_file_name(&file.name) && is_sha256_hex(&file.sha256));
        unless(plain && unique_files.len() == self.files.len(), "files must have different plain names and sha256 digests");
        let unique_tools: BTreeSet<&str> = self.tools.iter().map(|tool| tool.name.as_str()).collect();
        let named = self.tools.iter().all(|tool| is_tool_name(&tool.name));
        unless(named && unique_tools.len() == self.tools.len(), "tools must have different names of a-z, 0-9 and _");
        let schema_is_object = self.config_schema.as_ref().is_none_or(Value::is_object);
        unless(schema_is_object, "config_schema must be an object");
        faults
    }
}

/// A later schema may have keys that this host does not know; saying so helps more
/// than naming the first such key.
fn check_schema(bytes: &[u8]) -> Result<(), ReleaseError> {
    #[derive(Deserialize)]
    struct Head {
        schema: u64,
    }
    match serde_json::from_slice::<Head>(bytes) {
        Ok(head) if head.schema == u64::from(RELEASE_SCHEMA) => Ok(()),
        Ok(head) => Err(ReleaseError::UnknownSchema(head.schema)),
        Err(error) => Err(ReleaseError::Json(plain_line(&error.to_string(), 300))),
    }
}

/// Whether this is a time as in RFC 3339, and nothing else that a terminal would obey.
pub(crate) fn is_timestamp(text: &str) -> bool {
    text.len() <= 35 && text.is_ascii() && text.parse::<jiff::Timestamp>().is_ok()
}

fn is_file_name(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    !text.is_empty() && text.len() <= 100 && !text.starts_with('.') && text.bytes().all(legal)
}

#[cfg(test)]
mod tests;
