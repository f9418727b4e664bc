//! Where imports lead that a component shall not have: a module of functions that trap.
//!
//! The engine's module is linked against every interface it can use. To take one out, its
//! functions are answered by a small module inside the component, so that the component
//! itself imports nothing of it.

use super::{InstantError, broken};
use wasm_encoder::{CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction, Module, TypeSection, ValType};
use wasmparser::{FuncType, Parser, Payload, TypeRef};

/// The functions that `module` imports from `interface`, each one a trap.
pub(super) fn dead_end(module: &[u8], interface: &str) -> Result<Vec<u8>, InstantError> {
    let (mut types, mut functions, mut exports, mut code) =
        (TypeSection::new(), FunctionSection::new(), ExportSection::new(), CodeSection::new());
    for (at, (name, signature)) in imported(module, interface)?.into_iter().enumerate() {
        let at = u32::try_from(at).map_err(broken)?;
        types.ty().function(values(signature.params())?, values(signature.results())?);
        functions.function(at);
        exports.export(&name, ExportKind::Func, at);
        let mut body = Function::new([]);
        body.instruction(&Instruction::Unreachable).instruction(&Instruction::End);
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&exports).section(&code);
    Ok(module.finish())
}

fn imported(module: &[u8], interface: &str) -> Result<Vec<(String, FuncType)>, InstantError> {
    let mut types = Vec::new();
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(broken)? {
            Payload::TypeSection(section) => {
                for group in section.into_iter_err_on_gc_types() {
                    types.push(group.map_err(broken)?);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.map_err(broken)?;
                    let (true, TypeRef::Func(index)) = (import.module == interface, import.ty) else { continue };
                    let signature = types.get(usize::try_from(index).map_err(broken)?).cloned();
                    found.push((import.name.to_owned(), signature.ok_or_else(|| broken("an import has no type"))?));
                }
                return Ok(found);
            }
            _ => {}
        }
    }
    Ok(found)
}

fn values(types: &[wasmparser::ValType]) -> Result<Vec<ValType>, InstantError> {
    let value = |value: &wasmparser::ValType| match value {
        wasmparser::ValType::I32 => Ok(ValType::I32),
        wasmparser::ValType::I64 => Ok(ValType::I64),
        wasmparser::ValType::F32 => Ok(ValType::F32),
        wasmparser::ValType::F64 => Ok(ValType::F64),
        other => Err(broken(format_args!("a function of an interface takes {other}"))),
    };
    types.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &str = r#"(module
        (import "skynet:plugin/log@0.1.0" "log" (func (param i32 i32 i32)))
        (import "skynet:plugin/kv@0.1.0" "get" (func (param i32 i32 i32)))
        (import "skynet:plugin/kv@0.1.0" "odd" (func (param i64 f32 f64) (result i64))))"#;

    #[test]
    fn every_function_of_the_interface_is_answered_in_its_own_shape() {
        let module = wat::parse_str(MODULE).unwrap();
        let adapter = dead_end(&module, "skynet:plugin/kv@0.1.0").unwrap();
        wasmparser::Validator::new().validate_all(&adapter).unwrap();
        let expected = wat::parse_str(
            r#"(module
            (type (func (param i32 i32 i32))) (type (func (param i64 f32 f64) (result i64)))
            (func (type 0) unreachable) (func (type 1) unreachable)
            (export "get" (func 0)) (export "odd" (func 1)))"#,
        )
        .unwrap();
        assert_eq!(adapter, expected);
    }

    #[test]
    fn an_interface_that_is_not_imported_has_no_functions() {
        let module = wat::parse_str(MODULE).unwrap();
        assert!(imported(&module, "skynet:plugin/memory@0.1.0").unwrap().is_empty());
    }
}
