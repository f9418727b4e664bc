//! A component of any world of the contract that does nothing: the baseline of `skynet plugin
//! bench`, because what a call of it costs, each call of that kind costs.
//!
//! Made here and now out of the contract: each export gives what zeros mean, which is "allow",
//! "nothing to do", "an answer without a text". It says a name, and one tool where its world has
//! tools. It imports nothing, but for giving back the sink that a completion is lent. Nothing here
//! is ever installed by itself.

use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType,
    ImportSection, Instruction, MemArg, MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmSignature, WasmType};
use wit_parser::{Resolve, SizeAlign, WorldId, WorldItem};

/// The one tool of an empty component with tools. It takes any object.
pub const EMPTY_TOOL: &str = "act";

/// Pages of memory: what a host writes as arguments fits, and nobody pays for what is not touched.
const PAGES: u64 = 64;
/// Where nothing but zeros is.
const ZEROS: u32 = 1024;
/// Where the data begins; what is allocated comes after it.
const DATA: u32 = 4096;
/// Where allocating begins.
const HEAP: i32 = 8192;

/// Why there is none.
#[derive(Debug, thiserror::Error)]
#[error("no empty component of this world can be made: {0}")]
pub struct EmptyError(String);

/// Records as they lie in memory, and where two of them are.
struct Said {
    bytes: Vec<u8>,
    describe: u32,
    tools: u32,
}

impl Said {
    fn new() -> Self {
        let mut said = Self { bytes: Vec::new(), describe: 0, tools: 0 };
        let name = said.text("Empty");
        let summary = said.text("Does nothing.");
        let tool = [said.text(EMPTY_TOOL), summary, said.text(r#"{"type":"object"}"#)].concat();
        said.describe = said.words(&[name, summary].concat(), 9);
        let spec = said.words(&tool, 12);
        said.tools = said.words(&[spec, 1], 2);
        said
    }

    fn end(&self) -> u32 {
        DATA.saturating_add(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX))
    }

    /// Where it is, and its length.
    fn text(&mut self, text: &str) -> [u32; 2] {
        let at = self.end();
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        [at, u32::try_from(text.len()).unwrap_or_default()]
    }

    /// So many words, zeros after those that are given.
    fn words(&mut self, words: &[u32], count: usize) -> u32 {
        let at = self.end();
        let words = words.iter().copied().chain(std::iter::repeat(0)).take(count.next_multiple_of(2));
        self.bytes.extend(words.flat_map(u32::to_le_bytes));
        at
    }
}

/// Makes the component.
pub fn empty(resolve: &Resolve, world: WorldId) -> Result<Vec<u8>, EmptyError> {
    let broken = |error: &dyn std::fmt::Display| EmptyError(format!("{error:#}"));
    let mut module = module(resolve, world)?;
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).map_err(|error| broken(&error))?;
    let encoder = ComponentEncoder::default().validate(true).module(&module);
    encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| broken(&error))
}

fn module(resolve: &Resolve, world: WorldId) -> Result<Vec<u8>, EmptyError> {
    let said = Said::new();
    let (mut types, mut imports, mut functions) = (TypeSection::new(), ImportSection::new(), FunctionSection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    types.ty().function([ValType::I32], []);
    let sink = sink(resolve, world);
    if let Some(interface) = &sink {
        imports.import(interface, "[resource-drop]delta-sink", EntityType::Function(1));
    }
    let first = u32::from(sink.is_some());
    exports.export("memory", ExportKind::Memory, 0);
    functions.function(0);
    exports.export("cabi_realloc", ExportKind::Func, first);
    code.function(&allocate());
    let found = exported(resolve, world)?;
    for (number, export) in (1..).zip(&found) {
        let signature = &export.signature;
        types.ty().function(signature.params.iter().map(value), signature.results.iter().map(value));
        functions.function(number + 1);
        exports.export(&export.name, ExportKind::Func, number + first);
        code.function(&answer(export, &said));
    }
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: PAGES, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut globals = GlobalSection::new();
    globals.global(GlobalType { val_type: ValType::I32, mutable: true, shared: false }, &ConstExpr::i32_const(HEAP));
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(DATA.cast_signed()), said.bytes);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&memories)
        .section(&globals)
        .section(&exports)
        .section(&code)
        .section(&data);
    Ok(module.finish())
}

/// A function that must be there.
struct Export {
    name: String,
    signature: WasmSignature,
    /// Where among its arguments, which lie in memory then, the sink is that must be given back.
    lent: Option<u64>,
}

/// The interface of the sink that completions are written to, where the world has it.
fn sink(resolve: &Resolve, world: WorldId) -> Option<String> {
    let mut imports = resolve.worlds.get(world)?.imports.iter();
    let is_sink = |item: &WorldItem| {
        let WorldItem::Interface { id, .. } = item else { return false };
        resolve.interfaces.get(*id).is_some_and(|interface| interface.name.as_deref() == Some("delta-sink"))
    };
    imports.find(|(_, item)| is_sink(item)).map(|(key, _)| resolve.name_world_key(key))
}

/// What the world exports, by the names that a module gives them.
fn exported(resolve: &Resolve, world: WorldId) -> Result<Vec<Export>, EmptyError> {
    let mut sizes = SizeAlign::default();
    sizes.fill(resolve);
    let world = resolve.worlds.get(world).ok_or_else(|| EmptyError("there is no such world".into()))?;
    let mut found = Vec::new();
    for (key, item) in &world.exports {
        let WorldItem::Interface { id, .. } = item else { return Err(EmptyError("it exports more than interfaces".into())) };
        let interface = resolve.interfaces.get(*id).ok_or_else(|| EmptyError("an interface is missing".into()))?;
        for (name, function) in &interface.functions {
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
            let offsets = sizes.field_offsets(function.params.iter().map(|param| &param.ty));
            let sink = function.params.iter().position(|param| param.name == "sink").filter(|_| signature.indirect_params);
            let lent = sink.and_then(|at| offsets.get(at)).map(|(offset, _)| offset.size_wasm32() as u64);
            found.push(Export { name: format!("{}#{name}", resolve.name_world_key(key)), signature, lent });
        }
    }
    Ok(found)
}

fn value(kind: &WasmType) -> ValType {
    match kind {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    }
}

/// Goes on from where the last one ended; every call has a memory of its own.
fn allocate() -> Function {
    let (align, size) = (2, 3);
    let mut body = Function::new([(1, ValType::I32)]);
    let at = 4;
    for step in [
        Instruction::GlobalGet(0),
        Instruction::LocalGet(align),
        Instruction::I32Add,
        Instruction::I32Const(1),
        Instruction::I32Sub,
        Instruction::I32Const(0),
        Instruction::LocalGet(align),
        Instruction::I32Sub,
        Instruction::I32And,
        Instruction::LocalTee(at),
        Instruction::LocalGet(size),
        Instruction::I32Add,
        Instruction::GlobalSet(0),
        Instruction::LocalGet(at),
        Instruction::End,
    ] {
        body.instruction(&step);
    }
    body
}

fn answer(export: &Export, said: &Said) -> Function {
    let signature = &export.signature;
    let mut body = Function::new([]);
    if let Some(offset) = export.lent {
        body.instruction(&Instruction::LocalGet(0));
        body.instruction(&Instruction::I32Load(MemArg { offset, align: 2, memory_index: 0 }));
        body.instruction(&Instruction::Call(0));
    }
    let at = match export.name.split(['/', '@', '#']).collect::<Vec<_>>().as_slice() {
        [_, "lifecycle", _, "describe"] => said.describe,
        [_, "tool", _, "tools"] => said.tools,
        _ => ZEROS,
    };
    for result in &signature.results {
        body.instruction(&match value(result) {
            // A result that is no address is given as it is.
            ValType::I32 => Instruction::I32Const(if signature.retptr { at.cast_signed() } else { 0 }),
            ValType::I64 => Instruction::I64Const(0),
            ValType::F32 => Instruction::F32Const(0.0.into()),
            _ => Instruction::F64Const(0.0.into()),
        });
    }
    body.instruction(&Instruction::End);
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::inspect;
    use skynet_core::plugin::PluginKind;

    #[test]
    fn there_is_one_of_every_kind_and_it_imports_nothing() {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit")).unwrap();
        for (world, kind) in [
            ("tool-plugin", PluginKind::Tool),
            ("provider-plugin", PluginKind::Provider),
            ("channel-plugin", PluginKind::Channel),
            ("hook-plugin", PluginKind::Hook),
        ] {
            let id = resolve.select_world(&[package], Some(world)).unwrap();
            let contents = inspect(&empty(&resolve, id).unwrap()).unwrap();
            assert_eq!(contents.kinds(), [kind]);
            let powers: Vec<_> = contents.imports.iter().filter(|name| !name.contains("/types@")).collect();
            assert!(powers.iter().all(|name| name.contains("delta-sink")), "{powers:?}");
        }
    }
}
