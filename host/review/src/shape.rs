//! What a valid component is made of: its names, its data, its functions.
//!
//! Read after counting and validating. Offsets are those in the file, so that a
//! reviewer finds the place with any hex viewer.

use crate::budget::Excess;
use wasmparser::{BinaryReaderError, ComponentExternalKind, FunctionBody, Parser, Payload};

/// A stretch of bytes that a compiler or an author put in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Region<'a> {
    /// `data`, or the section's kind.
    pub(crate) place: &'static str,
    /// Bytes from the start of the component.
    pub(crate) offset: usize,
    pub(crate) bytes: &'a [u8],
}

/// The parts that the analysis looks at.
#[derive(Debug, Default)]
pub(crate) struct Shape<'a> {
    /// At the top, sorted.
    pub(crate) imports: Vec<String>,
    /// Instances at the top, sorted.
    pub(crate) exports: Vec<String>,
    /// Data segments and custom sections, in the order of the file.
    pub(crate) regions: Vec<Region<'a>>,
    /// Where modules have a start function.
    pub(crate) starts: Vec<usize>,
    /// Where memories without a maximum are.
    pub(crate) open_memories: Vec<usize>,
    pub(crate) functions: Vec<FunctionBody<'a>>,
}

/// Custom sections that say nothing to the program, and that a debugger reads.
fn is_for_debuggers(name: &str) -> bool {
    name == "name" || name == "component-name" || name.starts_with(".debug") || name.starts_with("reloc.") || name == "sourceMappingURL"
}

impl<'a> Shape<'a> {
    /// Takes a component apart that was validated.
    pub(crate) fn of(component: &'a [u8]) -> Result<Self, Excess> {
        let mut shape = Self::default();
        let mut depth = 0u32;
        let invalid = |error: BinaryReaderError| Excess::Malformed(error.to_string());
        for payload in Parser::new(0).parse_all(component) {
            match payload.map_err(invalid)? {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                payload => shape.take(payload, depth == 1).map_err(invalid)?,
            }
        }
        shape.imports.sort();
        shape.exports.sort();
        Ok(shape)
    }

    fn take(&mut self, payload: Payload<'a>, top: bool) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::ComponentImportSection(section) if top => {
                for import in section {
                    self.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if top => {
                for export in section {
                    let export = export?;
                    if export.kind == ComponentExternalKind::Instance {
                        self.exports.push(export.name.name.to_owned());
                    }
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    let data = data?;
                    let offset = data.range.end.saturating_sub(data.data.len());
                    self.regions.push(Region { place: "data", offset, bytes: data.data });
                }
            }
            Payload::CustomSection(section) if !is_for_debuggers(section.name()) => {
                self.regions.push(Region { place: "custom section", offset: section.data_offset(), bytes: section.data() });
            }
            Payload::MemorySection(section) => {
                for memory in section.into_iter_with_offsets() {
                    let (offset, memory) = memory?;
                    if memory.maximum.is_none() {
                        self.open_memories.push(offset);
                    }
                }
            }
            Payload::StartSection { range, .. } | Payload::ComponentStartSection { range, .. } => self.starts.push(range.start),
            Payload::CodeSectionEntry(body) => self.functions.push(body),
            _ => {}
        }
        Ok(())
    }
}
