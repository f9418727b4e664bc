//! The file that holds an agent: an uncompressed tar of plain files with fixed names.
//!
//! Read within memory, never unpacked: `agent.json`, `agent.sig`, `files/NAME` and
//! `plugins/DIGEST.wasm`. Refuses all other names, links, folders, second files of a name,
//! sizes beyond the archive's own, files that `agent.json` does not list or lists otherwise,
//! and anything behind the end.

use super::{AgentError, AgentManifest, PROMPT_FILES, malformed};
use crate::digest::{is_sha256_hex, sha256_hex};
use crate::limits::{AGENT_BUNDLE_BYTES, AGENT_FILE_BYTES, AGENT_PLUGINS};
use crate::registry::archive::{BLOCK, read_plain_header, write_header};
use crate::release;
use std::collections::BTreeMap;

const MANIFEST: &str = "agent.json";
const SIGNATURES: &str = "agent.sig";

/// Largest number of entries: manifest, signatures, prompt files, plugins.
const ENTRIES: usize = 2 + PROMPT_FILES.len() + AGENT_PLUGINS;

/// What a bundle holds. Signatures have yet to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// What it says of itself.
    pub manifest: AgentManifest,
    /// The bytes that are signed.
    pub manifest_json: Vec<u8>,
    /// The signatures, as they lie there.
    pub signatures_json: Vec<u8>,
    /// Prompt files, by name: those that the manifest lists, as it lists them.
    pub files: BTreeMap<String, String>,
    /// Signed plugin files that came along, by the digest of their release.
    pub plugins: BTreeMap<String, Vec<u8>>,
}

fn is_known(name: &str) -> bool {
    match name.split_once('/') {
        None => name == MANIFEST || name == SIGNATURES,
        Some(("files", file)) => PROMPT_FILES.contains(&file),
        Some(("plugins", file)) => file.strip_suffix(".wasm").is_some_and(is_sha256_hex),
        Some(_) => false,
    }
}

fn entries(archive: &[u8]) -> Result<BTreeMap<String, &[u8]>, String> {
    let mut entries = BTreeMap::new();
    let mut rest = archive;
    loop {
        let (block, behind) = rest.split_first_chunk::<BLOCK>().ok_or("it ends in the middle")?;
        if block.iter().all(|byte| *byte == 0) {
            let ends = behind.len() == BLOCK && behind.iter().all(|byte| *byte == 0);
            return if ends { Ok(entries) } else { Err("something follows its end, or the end is not whole".into()) };
        }
        let (name, size) = read_plain_header(block)?;
        if !is_known(&name) {
            return Err(format!("`{name}` is no file of an agent"));
        }
        let too_large = || format!("`{name}` is said to be larger than the bundle");
        let size = usize::try_from(size).map_err(|_| too_large())?;
        let padded = size.checked_next_multiple_of(BLOCK).ok_or_else(too_large)?;
        let (content, next) = behind.split_at_checked(padded).ok_or_else(too_large)?;
        let content = content.get(..size).unwrap_or_default();
        if entries.len() >= ENTRIES {
            return Err(format!("it has more than {ENTRIES} files"));
        }
        if entries.insert(name.clone(), content).is_some() {
            return Err(format!("it has `{name}` twice"));
        }
        rest = next;
    }
}

fn prompt_files(manifest: &AgentManifest, entries: &BTreeMap<String, &[u8]>) -> Result<BTreeMap<String, String>, String> {
    let mut files = BTreeMap::new();
    for listed in &manifest.files {
        let name = &listed.name;
        let bytes = entries.get(&format!("files/{name}")).ok_or_else(|| format!("`{name}` is listed and not there"))?;
        if bytes.len() > AGENT_FILE_BYTES {
            return Err(format!("`{name}` has {} bytes; at most {AGENT_FILE_BYTES} are read", bytes.len()));
        }
        if sha256_hex(bytes) != listed.sha256 || u64::try_from(bytes.len()) != Ok(listed.size) {
            return Err(format!("`{name}` is not the file that was signed"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| format!("`{name}` is no text"))?;
        files.insert(name.clone(), text.to_owned());
    }
    Ok(files)
}

fn plugin_files(manifest: &AgentManifest, entries: &BTreeMap<String, &[u8]>) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut files = BTreeMap::new();
    for (name, bytes) in entries {
        let Some(digest) = name.strip_prefix("plugins/").and_then(|file| file.strip_suffix(".wasm")) else { continue };
        if !manifest.plugins.iter().any(|plugin| plugin.release == digest) {
            return Err(format!("the plugin {digest} came along and is not listed"));
        }
        let parts = release::split(bytes).map_err(|error| format!("the plugin {digest}: {error}"))?;
        if sha256_hex(parts.release_json) != digest {
            return Err(format!("the plugin {digest} is another than its name says"));
        }
        files.insert(digest.to_owned(), bytes.to_vec());
    }
    Ok(files)
}

/// Reads a bundle and holds its files against its manifest.
pub fn read(archive: &[u8]) -> Result<Bundle, AgentError> {
    if archive.len() > AGENT_BUNDLE_BYTES {
        return Err(malformed(format!("it has {} bytes; at most {AGENT_BUNDLE_BYTES} are read", archive.len())));
    }
    let entries = entries(archive).map_err(malformed)?;
    let part = |name: &str| entries.get(name).copied().ok_or_else(|| malformed(format!("`{name}` is not there")));
    let (manifest_json, signatures_json) = (part(MANIFEST)?.to_vec(), part(SIGNATURES)?.to_vec());
    let manifest = AgentManifest::parse(&manifest_json)?;
    let listed = |file: &str| manifest.files.iter().any(|known| known.name == file);
    if let Some(name) = entries.keys().filter_map(|name| name.strip_prefix("files/")).find(|name| !listed(name)) {
        return Err(malformed(format!("`{name}` came along and is not listed")));
    }
    let files = prompt_files(&manifest, &entries).map_err(malformed)?;
    let plugins = plugin_files(&manifest, &entries).map_err(malformed)?;
    Ok(Bundle { manifest, manifest_json, signatures_json, files, plugins })
}

/// Writes one: always the same bytes for the same contents.
pub fn write(bundle: &Bundle) -> Vec<u8> {
    let mut archive = Vec::new();
    put(&mut archive, MANIFEST, &bundle.manifest_json);
    put(&mut archive, SIGNATURES, &bundle.signatures_json);
    bundle.files.iter().for_each(|(name, text)| put(&mut archive, &format!("files/{name}"), text.as_bytes()));
    bundle.plugins.iter().for_each(|(digest, bytes)| put(&mut archive, &format!("plugins/{digest}.wasm"), bytes));
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

fn put(archive: &mut Vec<u8>, name: &str, bytes: &[u8]) {
    archive.extend(write_header(name, u64::try_from(bytes.len()).unwrap_or(u64::MAX)));
    archive.extend(bytes);
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
}
