//! A look into a component's bytes before anything else touches them: what kind of
//! file it is, how much is in it, what it imports and exports.
//!
//! Counting comes before validating, because validating a bomb is what the bomb
//! wants; both are those of the review, so that what one refuses the other does too.
//! Whole parse, whole validation; a file that passes cannot surprise the compiler's
//! parser.

use skynet_core::plugin::PluginKind;
use skynet_review::budget::{self, Excess};
use wasmparser::{ComponentExternalKind, Parser, Payload};

/// What is in a component.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Names of what it imports at the top, such as `wasi:io/streams@0.2.6`.
    pub(crate) imports: Vec<String>,
    /// Names of what it exports at the top.
    pub(crate) exports: Vec<String>,
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

fn contents(component: &[u8]) -> Result<Contents, Excess> {
    let invalid = |error: wasmparser::BinaryReaderError| Excess::Malformed(error.to_string());
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
pub(crate) fn inspect(component: &[u8]) -> Result<Contents, Excess> {
    budget::count(component)?;
    budget::validate(component)?;
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
