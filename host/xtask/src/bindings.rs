//! Generates the SDK's Rust bindings from `wit/`.
//!
//! Two files hold every import and all shared types; one small file per
//! exported interface maps the shared types to those by `with`, so that a
//! `Usage` is the same Rust type wherever it appears, and a plugin may export
//! several kinds. The worlds here exist only for generation: what a component
//! really imports is decided by the code that the linker keeps.

use crate::contract;
use anyhow::{Context, Result, bail};
use std::path::Path;
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::{Opts, WithOption};
use wit_parser::{Resolve, WorldItem, WorldKey};

/// Which file holds the bindings of an interface, as the other files name it.
const SHARED: &[(&str, &str)] = &[("skynet:plugin/", "crate::bindings::imports"), ("wasi:", "crate::bindings::wasi")];

/// Worlds of the SDK: a name that becomes the file's name, and its body.
const WORLDS: &[(&str, &str)] = &[
    (
        "wasi",
        "import wasi:http/types@0.2.12;
         import wasi:http/outgoing-handler@0.2.12;
         import wasi:clocks/monotonic-clock@0.2.12;
         import wasi:filesystem/preopens@0.2.12;",
    ),
    (
        "imports",
        "import skynet:plugin/types@0.1.0;
         import skynet:plugin/log@0.1.0;
         import skynet:plugin/config@0.1.0;
         import skynet:plugin/kv@0.1.0;
         import skynet:plugin/secrets@0.1.0;
         import skynet:plugin/secret-reveal@0.1.0;
         import skynet:plugin/memory@0.1.0;
         import skynet:plugin/knowledge@0.1.0;
         import skynet:plugin/schedule@0.1.0;
         import skynet:plugin/agent@0.1.0;
         import skynet:plugin/messages@0.1.0;
         import skynet:plugin/script@0.1.0;
         import skynet:plugin/propose@0.1.0;
         import skynet:plugin/terminal@0.1.0;
         import skynet:plugin/delta-sink@0.1.0;",
    ),
    ("lifecycle", "export skynet:plugin/lifecycle@0.1.0;"),
    ("tool", "export skynet:plugin/tool@0.1.0;"),
    ("provider", "export skynet:plugin/provider@0.1.0;"),
    ("channel", "export skynet:plugin/channel@0.1.0;"),
    ("hook", "export skynet:plugin/hook@0.1.0;"),
    ("migrate", "export skynet:plugin/migrate@0.1.0;"),
];

/// Parts of names of functions that a plugin has no use for: the serving side of
/// HTTP, trailers, and files, which the standard library reads itself. They
/// would be half of the bindings.
const LEFT_OUT: &[&str] = &[
    "incoming-request",
    "outgoing-response",
    "response-outparam",
    "future-trailers",
    "splice",
    "[method]descriptor.",
    "[method]directory-entry-stream.",
    "filesystem-error-code",
];

/// Variants that own a resource, which no derive can compare.
const NOT_COMPARABLE: &[&str] = &["stream-error"];

/// Generates every file: name and text.
pub(crate) fn generate(root: &Path) -> Result<Vec<(String, String)>> {
    let (mut resolve, _) = contract::load(root)?;
    let worlds: String = WORLDS.iter().map(|(name, body)| format!("world {name}-bindings {{\n{body}\n}}\n")).collect();
    let package = resolve.push_str("sdk.wit", &format!("package skynet:sdk;\n{worlds}")).context("the worlds of the SDK")?;
    let mut files = Vec::new();
    for (name, body) in WORLDS {
        let world = resolve.select_world(&[package], Some(&format!("{name}-bindings")))?;
        let with = if body.contains("import ") { Vec::new() } else { remapped(&resolve, world)? };
        files.push((format!("{name}.rs"), generate_one(&resolve, world, name, with)?));
    }
    Ok(files)
}

/// The interfaces that an exporting world only uses, each mapped to its module.
fn remapped(resolve: &Resolve, world: wit_parser::WorldId) -> Result<Vec<(String, WithOption)>> {
    let Some(world) = resolve.worlds.get(world) else { bail!("a world vanished while it was generated") };
    let mut with = Vec::new();
    for (key, item) in &world.imports {
        let (WorldKey::Interface(id), WorldItem::Interface { .. }) = (key, item) else { continue };
        let Some(name) = resolve.id_of(*id) else { continue };
        let plain = name.split('@').next().unwrap_or(&name);
        let module = plain.replace([':', '/'], "::").replace('-', "_");
        let Some((_, file)) = SHARED.iter().find(|(prefix, _)| name.starts_with(prefix)) else {
            bail!("no file holds the bindings of {name}")
        };
        with.push((name, WithOption::Path(format!("{file}::{module}"))));
    }
    Ok(with)
}

fn generate_one(resolve: &Resolve, world: wit_parser::WorldId, name: &str, with: Vec<(String, WithOption)>) -> Result<String> {
    let options = Opts {
        format: true,
        pub_export_macro: true,
        generate_all: true,
        generate_unused_types: true,
        default_bindings_module: Some(format!("skynet_plugin_sdk::bindings::{name}")),
        // The SDK names its runtime itself, so that plugins need no second dependency.
        runtime_path: Some("skynet_plugin_sdk::runtime".to_owned()),
        additional_derive_attributes: vec!["PartialEq".to_owned()],
        additional_derive_ignore: NOT_COMPARABLE.iter().map(|name| (*name).to_owned()).collect(),
        skip: left_out(resolve),
        with,
        ..Opts::default()
    };
    let mut generator = options.build();
    let mut files = Files::default();
    let mut resolve = resolve.clone();
    generator.generate(&mut resolve, world, &mut files).with_context(|| format!("generating the bindings of `{name}`"))?;
    let Some((_, bytes)) = files.iter().next() else { bail!("the generator wrote no file for `{name}`") };
    String::from_utf8(bytes.to_vec()).with_context(|| format!("the bindings of `{name}` are not text"))
}

fn left_out(resolve: &Resolve) -> Vec<String> {
    let names = resolve.interfaces.iter().flat_map(|(_, interface)| interface.functions.keys());
    names.filter(|name| LEFT_OUT.iter().any(|part| name.contains(part))).cloned().collect()
}
