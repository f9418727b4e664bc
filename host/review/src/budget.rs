//! The counting pass: how much is in a component, from its headers and the types that they hold.
//!
//! It comes before validating, because validating a bomb is what the bomb wants. It
//! builds nothing, and stops at the first count that no honest file has. Admission and
//! review share it, so what one refuses the other does too.

mod nested;

use crate::limits;
use serde::Serialize;
use wasmparser::{Encoding, Parser, Payload, SectionLimited, Validator, WasmFeatures};

/// What was counted; sums over all modules and components of the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// With a body.
    pub functions: u64,
    /// Of both kinds.
    pub types: u64,
    /// Interfaces that the file asks its host for.
    pub top_imports: u64,
    /// All others.
    pub imports: u64,
    /// Core modules.
    pub modules: u64,
    /// Made, not imported.
    pub memories: u64,
    /// Exports, globals, segments and the like.
    pub items: u64,
    /// Of all kinds.
    pub sections: u64,
    /// Modules and components inside one another.
    pub depth: u32,
    /// Bytes of data sections.
    pub data_bytes: u64,
    /// Bytes of custom sections.
    pub custom_bytes: u64,
    /// Bytes of the largest function.
    pub largest_function: u64,
}

/// Why a file is not looked at any further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Excess {
    /// A core module.
    #[error("it is a core module, not a component; build for wasm32-wasip2, or wrap it with `wasm-tools component new`")]
    CoreModule,
    /// Too much of something.
    #[error("it has more than {limit} {what}; nothing that a person wrote has")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The budget.
        limit: u64,
    },
    /// It does not parse.
    #[error("it is no valid component: {0}")]
    Malformed(String),
}

/// The instructions and types that a plugin may use: no threads, no shared memory.
pub fn features() -> WasmFeatures {
    let mut features = WasmFeatures::empty();
    features |= WasmFeatures::MUTABLE_GLOBAL | WasmFeatures::SATURATING_FLOAT_TO_INT | WasmFeatures::SIGN_EXTENSION;
    features |= WasmFeatures::REFERENCE_TYPES | WasmFeatures::MULTI_VALUE | WasmFeatures::BULK_MEMORY | WasmFeatures::SIMD;
    features |= WasmFeatures::FLOATS | WasmFeatures::EXTENDED_CONST | WasmFeatures::COMPONENT_MODEL;
    features | WasmFeatures::GC_TYPES | WasmFeatures::CALL_INDIRECT_OVERLONG | WasmFeatures::BULK_MEMORY_OPT
}

/// Validates a component that was counted. The error is the validator's.
pub fn validate(component: &[u8]) -> Result<(), Excess> {
    Validator::new_with_features(features()).validate_all(component).map(|_| ()).map_err(|error| Excess::Malformed(error.to_string()))
}

/// Sums up how much there is, and stops where it is too much.
pub fn count(component: &[u8]) -> Result<Counts, Excess> {
    let mut counter = Counter { component, counts: Counts::default(), depth: 0, begun: false, declared: 0 };
    for payload in Parser::new(0).parse_all(component) {
        counter.take(payload.map_err(|error| Excess::Malformed(error.to_string()))?)?;
    }
    Ok(counter.counts)
}

struct Counter<'a> {
    component: &'a [u8],
    counts: Counts,
    depth: u32,
    begun: bool,
    declared: u64,
}

fn spend(sum: &mut u64, count: u64, what: &'static str, limit: u64) -> Result<(), Excess> {
    *sum = sum.saturating_add(count);
    if *sum > limit { Err(Excess::TooMany { what, limit }) } else { Ok(()) }
}

fn bytes(range: &std::ops::Range<usize>) -> u64 {
    u64::try_from(range.len()).unwrap_or(u64::MAX)
}

impl Counter<'_> {
    fn take(&mut self, payload: Payload<'_>) -> Result<(), Excess> {
        if !matches!(payload, Payload::CodeSectionEntry(_) | Payload::End(_)) {
            spend(&mut self.counts.sections, 1, "sections", limits::SECTIONS)?;
        }
        match payload {
            Payload::Version { encoding, .. } => self.enter(encoding),
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::FunctionSection(section) => spend(&mut self.declared, u64::from(section.count()), "functions", limits::FUNCTIONS),
            Payload::CodeSectionStart { count, .. } => spend(&mut self.counts.functions, u64::from(count), "functions", limits::FUNCTIONS),
            Payload::CodeSectionEntry(body) => {
                self.counts.largest_function = self.counts.largest_function.max(bytes(&body.range()));
                Ok(())
            }
            Payload::TypeSection(section) => self.types(&section, nested::Walk::group),
            Payload::CoreTypeSection(section) => self.types(&section, nested::Walk::core),
            Payload::ComponentTypeSection(section) => self.types(&section, nested::Walk::component),
            Payload::ImportSection(section) => {
                spend(&mut self.counts.imports, u64::from(section.count()), "imports of its modules", limits::IMPORTS)
            }
            Payload::ComponentImportSection(section) if self.depth == 1 => {
                spend(&mut self.counts.top_imports, u64::from(section.count()), "imported interfaces", limits::TOP_IMPORTS)
            }
            Payload::ComponentImportSection(section) => {
                spend(&mut self.counts.imports, u64::from(section.count()), "imports of its parts", limits::IMPORTS)
            }
            Payload::MemorySection(section) => spend(&mut self.counts.memories, u64::from(section.count()), "memories", limits::MEMORIES),
            Payload::CustomSection(section) => {
                self.counts.custom_bytes = self.counts.custom_bytes.saturating_add(bytes(&section.range()));
                Ok(())
            }
            other => self.rest(other),
        }
    }

    fn enter(&mut self, encoding: Encoding) -> Result<(), Excess> {
        if encoding == Encoding::Module {
            if !self.begun {
                return Err(Excess::CoreModule);
            }
            spend(&mut self.counts.modules, 1, "modules", limits::MODULES)?;
        }
        self.begun = true;
        self.depth += 1;
        self.counts.depth = self.counts.depth.max(self.depth);
        if self.depth > limits::NESTING {
            return Err(Excess::TooMany { what: "components inside one another", limit: u64::from(limits::NESTING) });
        }
        Ok(())
    }

    /// Types may hold types, so each is looked into.
    fn types<'s, T>(&'s mut self, section: &SectionLimited<'_, T>, each: nested::Each<'s>) -> Result<(), Excess> {
        spend(&mut self.counts.types, u64::from(section.count()), "types", limits::TYPES)?;
        let range = section.range();
        let mut walk = nested::Walk::new(self.component.get(range.clone()).unwrap_or_default(), range.start, &mut self.counts.types);
        walk.all(section.count(), each)
    }

    fn items<T>(&mut self, section: &SectionLimited<'_, T>) -> Result<(), Excess> {
        spend(&mut self.counts.items, u64::from(section.count()), "exports, segments and instances", limits::ITEMS)
    }

    fn rest(&mut self, payload: Payload<'_>) -> Result<(), Excess> {
        match payload {
            Payload::DataSection(section) => {
                self.counts.data_bytes = self.counts.data_bytes.saturating_add(bytes(&section.range()));
                self.items(&section)
            }
            Payload::ExportSection(section) => self.items(&section),
            Payload::GlobalSection(section) => self.items(&section),
            Payload::ElementSection(section) => self.items(&section),
            Payload::TableSection(section) => self.items(&section),
            Payload::InstanceSection(section) => self.items(&section),
            Payload::ComponentExportSection(section) => self.items(&section),
            Payload::ComponentInstanceSection(section) => self.items(&section),
            Payload::ComponentAliasSection(section) => self.items(&section),
            Payload::ComponentCanonicalSection(section) => self.items(&section),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leb(out: &mut Vec<u8>, mut value: usize) {
        while value >= 0x80 {
            out.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    /// A section of a component or module.
    fn section(out: &mut Vec<u8>, id: u8, body: &[u8]) {
        out.push(id);
        leb(out, body.len());
        out.extend(body);
    }

    /// A component around one core module with this section.
    fn around(id: u8, body: &[u8]) -> Vec<u8> {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        section(&mut module, id, body);
        let mut component = b"\0asm\x0d\0\x01\0".to_vec();
        section(&mut component, 1, &module);
        component
    }

    fn many(count: usize, each: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        leb(&mut body, count);
        (0..count).for_each(|_| body.extend(each));
        body
    }

    fn check(component: &[u8], what: &str) {
        let found = count(component).unwrap_err().to_string();
        assert!(found.contains(what), "{found}");
    }

    #[test]
    fn a_claim_beyond_a_budget_is_refused_from_the_header() {
        check(&around(3, &many(50_001, &[0])), "50000 functions");
        check(&around(1, &many(20_001, &[0x60, 0, 0])), "20000 types");
        check(&around(2, &many(20_001, &[0, 0, 3, 0x7f, 0])), "20000 imports");
        check(&around(5, &many(5, &[0, 1])), "4 memories");
        check(&around(7, &many(100_001, &[0, 0, 0])), "100000 exports");
    }

    #[test]
    fn a_million_functions_are_refused_by_their_number() {
        check(&around(3, &many(1_000_000, &[0])), "functions");
        check(&around(10, &many(1_000_000, &[2, 0, 0x0b])), "function section is absent");
    }

    #[test]
    fn parts_are_counted_however_they_are_stacked() {
        let mut modules = b"\0asm\x0d\0\x01\0".to_vec();
        (0..65).for_each(|_| section(&mut modules, 1, b"\0asm\x01\0\0\0"));
        check(&modules, "64 modules");
        let mut empty = b"\0asm\x0d\0\x01\0".to_vec();
        (0..30_000).for_each(|_| section(&mut empty, 7, &[0]));
        check(&empty, "20000 sections");
        let mut deep = b"\0asm\x0d\0\x01\0".to_vec();
        for _ in 0..8 {
            let inner = std::mem::replace(&mut deep, b"\0asm\x0d\0\x01\0".to_vec());
            section(&mut deep, 4, &inner);
        }
        check(&deep, "inside one another");
        check(b"\0asm\x01\0\0\0", "wasm32-wasip2");
        check(b"", "no valid component");
    }

    #[test]
    fn an_honest_component_is_counted_through() {
        let component = wat::parse_str(
            r#"(component
                (import "skynet:plugin/log@0.1.0" (instance))
                (core module (memory 1) (data (i32.const 0) "abc") (func) (func) (start 0)))"#,
        )
        .unwrap();
        let counts = count(&component).unwrap();
        assert_eq!((counts.functions, counts.modules, counts.memories, counts.top_imports, counts.depth), (2, 1, 1, 1, 2));
        assert!(counts.data_bytes > 3);
        validate(&component).unwrap();
    }
}
