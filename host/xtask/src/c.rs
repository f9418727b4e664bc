//! Generates the C header and its code from `wit/`, one pair for each kind of plugin.
//!
//! The names are made short: what WIT calls `skynet:plugin/tool` is `skynet_tool_…` in C. Files,
//! clocks and random numbers are left to the C library, HTTP is not in it. No object file with
//! the world's type is made: `skynet plugin build` puts that into the module itself.

use crate::contract;
use anyhow::{Context, Result, bail};
use std::path::Path;
use wit_bindgen_c::Opts;
use wit_bindgen_core::Files;
use wit_parser::{Resolve, WorldId, WorldKey};

/// What every kind may import.
const IMPORTS: &str = "
    import wasi:http/types@0.2.12;
    import wasi:http/outgoing-handler@0.2.12;
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
    import skynet:plugin/propose@0.1.0;
    import skynet:plugin/terminal@0.1.0;
    import skynet:plugin/script@0.1.0;
    export skynet:plugin/lifecycle@0.1.0;";

/// The kinds, each with what it has beside that.
const KINDS: [(&str, &str); 4] = [
    ("tool", "export skynet:plugin/tool@0.1.0;"),
    ("provider", "import skynet:plugin/delta-sink@0.1.0; export skynet:plugin/provider@0.1.0;"),
    ("channel", "export skynet:plugin/channel@0.1.0;"),
    ("hook", "export skynet:plugin/hook@0.1.0;"),
];

/// How the generated code begins to speak of the object file.
const OBJECT_FILE: &str = "// Ensure that the *_component_type.o";

/// Generates every file: its path below `plugins-sdk/c/`, and its text.
pub(crate) fn generate(root: &Path) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for (kind, body) in KINDS {
        let (mut resolve, _) = contract::load(root)?;
        let text = format!("package skynet:c;\nworld {kind}-plugin {{\n{IMPORTS}\n{body}\n}}\n");
        let package = resolve.push_str("c.wit", &text).context("the worlds of the C header")?;
        let world = resolve.select_world(&[package], None)?;
        let options =
            Opts { no_object_file: true, rename_world: Some("skynet".to_owned()), rename: renamed(&resolve, world), ..Opts::default() };
        let mut made = Files::default();
        options.build().generate(&mut resolve, world, &mut made).with_context(|| format!("generating C for `{kind}`"))?;
        for (name, bytes) in made.iter() {
            let text = String::from_utf8(bytes.to_vec()).with_context(|| format!("{name} is not text"))?;
            // The end of the code asks the linker for the object file that is not made.
            let kept = text.split(OBJECT_FILE).next().unwrap_or(&text).trim_end();
            files.push((format!("{kind}/{name}"), format!("{kept}\n")));
        }
    }
    if files.len() != 2 * KINDS.len() {
        bail!("the C generator wrote {} files for {} kinds", files.len(), KINDS.len());
    }
    Ok(files)
}

/// The interfaces of ours in a world, each by the short name that it has in C.
fn renamed(resolve: &Resolve, world: WorldId) -> Vec<(String, String)> {
    let items = resolve.worlds.get(world).into_iter().flat_map(|world| world.imports.keys().chain(world.exports.keys()));
    let names = items.filter_map(|key| if let WorldKey::Interface(id) = key { resolve.id_of(*id) } else { None });
    let short = |full: String| {
        let short = full.strip_prefix("skynet:plugin/")?.split('@').next()?.replace('-', "_");
        Some((full, format!("skynet_{short}")))
    };
    names.filter_map(short).collect()
}
