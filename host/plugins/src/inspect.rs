//! A look into a component's bytes before anything else touches them: what kind of
//! file it is, how much is in it, what it imports and exports.
//!
//! Counting comes before validating, because validating a bomb is what the bomb
//! wants. Whole parse, whole validation; a file that passes cannot surprise the
//! compiler's parser.

use crate::limits;
use skynet_core::plugin::PluginKind;
use wasmparser::{ComponentExternalKind, Encoding, Parser, Payload, Validator, WasmFeatures};

/// What is in a component.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Names of what it imports at the top, such as `wasi:io/streams@0.2.6`.
    pub(crate) imports: Vec<String>,
    /// Names of what it exports at the top.
    pub(crate) exports: Vec<String>,
}

/// Why a file is not a component that could run here.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Unfit {
    /// A core module.
    #[error("it is a core module, not a component; build for wasm32-wasip2, or wrap it with `wasm-tools component new`")]
    CoreModule,
    /// Too much of something.
    #[error("it has more than {limit} {what}; nothing that a person wrote has")]
    TooMany { what: &'static str, limit: u64 },
    /// It does not parse or validate.
    #[error("it is no valid component: {0}")]
    Invalid(String),
}

impl Contents {
    /// What the component can be, from its exports, whatever their patch version.
    pub(crate) fn kinds(&self) -> Vec<PluginKind> {
        let exports = |interface: &str| self.exports.iter().any(|name| name.split('@').next() == Some(interface));
        let mut kinds = Vec::new();
        for (interface, kind) in [
            ("skynet:plugin/tool", PluginKind::Tool),
            ("skynet:plugin/provider", PluginKind::Provider),
            ("skynet:plugin/channel", PluginKind::Channel),
            ("skynet:plugin/hook", PluginKind::Hook),
        ] {
            if exports(interface) {
                kinds.push(kind);
            }
        }
        kinds
    }
}

fn features() -> WasmFeatures {
    let mut features = WasmFeatures::empty();
    features |= WasmFeatures::MUTABLE_GLOBAL | WasmFeatures::SATURATING_FLOAT_TO_INT | WasmFeatures::SIGN_EXTENSION;
    features |= WasmFeatures::REFERENCE_TYPES | WasmFeatures::MULTI_VALUE | WasmFeatures::BULK_MEMORY | WasmFeatures::SIMD;
    features |= WasmFeatures::FLOATS | WasmFeatures::EXTENDED_CONST | WasmFeatures::COMPONENT_MODEL;
    features | WasmFeatures::GC_TYPES | WasmFeatures::CALL_INDIRECT_OVERLONG | WasmFeatures::BULK_MEMORY_OPT
}

fn spend(budget: &mut u64, count: u64, what: &'static str, limit: u64) -> Result<(), Unfit> {
    *budget = budget.checked_sub(count).ok_or(Unfit::TooMany { what, limit })?;
    Ok(())
}

/// Headers only: sums up how much there is, without building anything.
fn count(component: &[u8]) -> Result<(), Unfit> {
    let (mut functions, mut items) = (limits::FUNCTIONS, limits::ITEMS);
    let mut depth: u32 = 0;
    let mut first = true;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(|error| Unfit::Invalid(error.to_string()))?;
        let too_many_items = |budget: &mut u64, count: u32| spend(budget, u64::from(count), "types, imports and exports", limits::ITEMS);
        match payload {
            Payload::Version { encoding, .. } => {
                if first && encoding == Encoding::Module {
                    return Err(Unfit::CoreModule);
                }
                first = false;
                depth += 1;
                if depth > limits::NESTING {
                    return Err(Unfit::TooMany { what: "components inside one another", limit: u64::from(limits::NESTING) });
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::FunctionSection(section) => spend(&mut functions, u64::from(section.count()), "functions", limits::FUNCTIONS)?,
            Payload::CodeSectionStart { count, .. } => {
                let mut bodies = limits::FUNCTIONS;
                spend(&mut bodies, u64::from(count), "functions", limits::FUNCTIONS)?;
            }
            Payload::TypeSection(section) => too_many_items(&mut items, section.count())?,
            Payload::ImportSection(section) => too_many_items(&mut items, section.count())?,
            Payload::ExportSection(section) => too_many_items(&mut items, section.count())?,
            Payload::GlobalSection(section) => too_many_items(&mut items, section.count())?,
            Payload::ElementSection(section) => too_many_items(&mut items, section.count())?,
            Payload::DataSection(section) => too_many_items(&mut items, section.count())?,
            Payload::TableSection(section) => too_many_items(&mut items, section.count())?,
            Payload::MemorySection(section) => too_many_items(&mut items, section.count())?,
            Payload::CoreTypeSection(section) => too_many_items(&mut items, section.count())?,
            Payload::InstanceSection(section) => too_many_items(&mut items, section.count())?,
            Payload::ComponentTypeSection(section) => too_many_items(&mut items, section.count())?,
            Payload::ComponentImportSection(section) => too_many_items(&mut items, section.count())?,
            Payload::ComponentExportSection(section) => too_many_items(&mut items, section.count())?,
            Payload::ComponentInstanceSection(section) => too_many_items(&mut items, section.count())?,
            Payload::ComponentAliasSection(section) => too_many_items(&mut items, section.count())?,
            Payload::ComponentCanonicalSection(section) => too_many_items(&mut items, section.count())?,
            Payload::CustomSection(_) => spend(&mut items, 1, "types, imports and exports", limits::ITEMS)?,
            _ => {}
        }
    }
    Ok(())
}

fn contents(component: &[u8]) -> Result<Contents, Unfit> {
    let invalid = |error: wasmparser::BinaryReaderError| Unfit::Invalid(error.to_string());
    let mut contents = Contents::default();
    let mut depth = 0u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(invalid)? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    contents.imports.push(import.map_err(invalid)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    let export = export.map_err(invalid)?;
                    if export.kind == ComponentExternalKind::Instance {
                        contents.exports.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    contents.imports.sort();
    contents.exports.sort();
    Ok(contents)
}

/// Counts, validates and lists.
pub(crate) fn inspect(component: &[u8]) -> Result<Contents, Unfit> {
    count(component)?;
    Validator::new_with_features(features()).validate_all(component).map_err(|error| Unfit::Invalid(error.to_string()))?;
    contents(component)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wat: &str, fault: &str) {
        let found = inspect(&wat::parse_str(wat).unwrap()).unwrap_err().to_string();
        assert!(found.contains(fault), "{found}");
    }

    #[test]
    fn imports_and_exports_at_the_top_are_listed_and_tell_the_kind() {
        let component = wat::parse_str(
            r#"(component
                (import "skynet:plugin/log@0.1.0" (instance))
                (component (import "hidden:inner/thing" (instance)))
                (instance $i)
                (export "skynet:plugin/tool@0.1.0" (instance $i)))"#,
        )
        .unwrap();
        let contents = inspect(&component).unwrap();
        assert_eq!(contents.imports, ["skynet:plugin/log@0.1.0"]);
        assert_eq!(contents.exports, ["skynet:plugin/tool@0.1.0"]);
        assert_eq!(contents.kinds(), [PluginKind::Tool]);
    }

    #[test]
    fn a_core_module_is_told_how_to_become_a_component() {
        check("(module)", "wasm32-wasip2");
    }

    #[test]
    fn deep_nesting_is_refused_before_validation() {
        let deep = format!("(component {} {})", "(component ".repeat(8), ")".repeat(8));
        check(&deep, "inside one another");
    }

    #[test]
    fn threads_are_not_a_feature_here() {
        check("(component (core module (memory 1 1 shared)))", "no valid component");
    }

    #[test]
    fn a_claim_of_a_million_functions_is_refused_by_counting() {
        // A module whose function section claims 1,000,000 entries of type 0.
        let mut functions = vec![0xc0, 0x84, 0x3d];
        functions.extend(std::iter::repeat_n(0, 1_000_000));
        let mut module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03".to_vec();
        leb(&mut module, functions.len());
        module.extend(functions);
        let mut component = b"\0asm\x0d\0\x01\0\x01".to_vec();
        leb(&mut component, module.len());
        component.extend(module);
        let found = inspect(&component).unwrap_err().to_string();
        assert!(found.contains("functions"), "{found}");
    }

    fn leb(out: &mut Vec<u8>, mut value: usize) {
        while value >= 0x80 {
            out.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }
}
