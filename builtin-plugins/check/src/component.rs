//! A built component: valid, and what it imports and exports.

use crate::manifest::Manifest;
use anyhow::{Context, Result, bail};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

/// Standard packages that a guest's libraries may import; most without use.
const STANDARD: &[&str] = &["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:http/", "wasi:io/", "wasi:random/"];

/// Imports that need a permission: the beginning of a name, and the key.
const PERMISSIONS: &[(&str, &str)] = &[
    ("wasi:http/", "net"),
    ("skynet:plugin/kv@", "kv"),
    ("skynet:plugin/memory@", "memory"),
    ("skynet:plugin/knowledge@", "memory"),
    ("skynet:plugin/schedule@", "schedule"),
    ("skynet:plugin/agent@", "agent"),
    ("skynet:plugin/messages@", "messages"),
    ("skynet:plugin/script@", "script"),
    ("skynet:plugin/secret-reveal@", "reveal"),
];

#[derive(Debug)]
pub(crate) struct Component {
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Component {
    /// Validates the bytes and reads the names at the outermost level.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        let features =
            WasmFeatures::default() & !(WasmFeatures::THREADS | WasmFeatures::MEMORY64 | WasmFeatures::EXCEPTIONS | WasmFeatures::GC);
        Validator::new_with_features(features).validate_all(bytes).context("it is not a valid component")?;
        let mut depth = 0_usize;
        let mut component = Self { imports: Vec::new(), exports: Vec::new() };
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        component.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        component.exports.push(export?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(component)
    }

    /// Holds the names against the manifest.
    pub(crate) fn matches(&self, manifest: &Manifest) -> Result<()> {
        // The bridge offers the tools of script plugins, and has a door of theirs without a permission of its own.
        let is_bridge = manifest.world == "script-bridge";
        let kind = if is_bridge { "tool" } else { manifest.world.strip_suffix("-plugin").context("`world` does not end in `-plugin`")? };
        for wanted in ["lifecycle", kind] {
            let start = format!("skynet:plugin/{wanted}@");
            if !self.exports.iter().any(|name| name.starts_with(&start)) {
                bail!("it does not export `{wanted}`, as its world `{}` says; it exports {}", manifest.world, self.exports.join(", "));
            }
        }
        for name in &self.imports {
            if !name.starts_with("skynet:plugin/") && !STANDARD.iter().any(|start| name.starts_with(start)) {
                bail!("it imports `{name}`, which no plugin is given");
            }
            if let Some((_, key)) =
                PERMISSIONS.iter().find(|(start, key)| name.starts_with(start) && !manifest.permissions.contains_key(*key))
            {
                bail!("it imports `{name}` and does not ask for the permission `{key}`");
            }
        }
        Ok(())
    }
}
