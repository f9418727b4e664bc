//! A script becomes a component, without a toolchain: the runtime component (a JavaScript
//! engine, `builtin-plugins/js-runtime`), with the script put into its data and with the
//! imports taken out that its manifest does not ask for.
//!
//! Pure: bytes in, bytes out, well under a second. Nothing is run here; what comes out is
//! signed, admitted, compiled and bounded like any stranger's component. Refuses scripts
//! that are too long, other worlds than `tool-plugin`, and a runtime that is none.

mod links;

use crate::inspect;
use crate::room::{self, RoomError};
use serde::Serialize;
use skynet_policy::imports;
use skynet_policy::manifest::{Manifest, World};
use skynet_policy::permission::Permissions;
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::decoding::{DecodedWasm, decode};

/// Why there is no component.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InstantError {
    /// The script has no room.
    #[error(
        "the script has {bytes} bytes and may have {room}; take a bundler's minified output, or build it with: skynet plugin new --lang js"
    )]
    TooLong {
        /// Of the script and its header.
        bytes: usize,
        /// What there is.
        room: usize,
    },
    /// Not a kind that scripts can be.
    #[error(
        "an instant plugin offers tools: its manifest must say world = \"tool-plugin\", not \"{0}\"; for other kinds: skynet plugin new --lang js"
    )]
    World(World),
    /// The runtime's file is something else, or of another release.
    #[error("this is not the JavaScript runtime of this release ({0}); build it again with ./setup.sh")]
    Runtime(String),
}

/// Makes the component. `runtime` is the built `js-runtime`, with or without a release
/// section; `manifest` says what the script may import.
pub fn instant(runtime: &[u8], script: &str, manifest: &Manifest) -> Result<Vec<u8>, InstantError> {
    if manifest.world != World::ToolPlugin {
        return Err(InstantError::World(manifest.world));
    }
    let runtime = skynet_policy::release::strip(runtime);
    let contents = inspect::inspect(runtime).map_err(|unfit| InstantError::Runtime(unfit.to_string()))?;
    let mut module = main_module(runtime).ok_or_else(|| InstantError::Runtime("it holds no core module".into()))?.to_vec();
    let (kept, cut): (Vec<String>, Vec<String>) = powers(&contents.imports).partition(|import| may_import(import, &manifest.permissions));
    let header =
        Header { name: manifest.id.name(), summary: &manifest.summary, powers: kept.iter().filter_map(|name| interface(name)).collect() };
    let payload = format!("{}\n{script}", serde_json::to_string(&header).map_err(broken)?);
    room::SCRIPT.fill(&mut module, payload.as_bytes()).map_err(|why| match why {
        RoomError::TooLong { bytes, room } => InstantError::TooLong { bytes, room },
        RoomError::None | RoomError::Several | RoomError::Filled => broken(why),
    })?;
    encode(runtime, module, &cut)
}

/// What the runtime knows of the manifest: a line of JSON before the script.
#[derive(Debug, Serialize)]
struct Header<'a> {
    name: &'a str,
    summary: &'a str,
    powers: Vec<&'a str>,
}

fn broken(reason: impl std::fmt::Display) -> InstantError {
    InstantError::Runtime(format!("{reason:#}"))
}

/// The imports that need a permission.
fn powers(imports: &[String]) -> impl Iterator<Item = String> + '_ {
    imports.iter().filter(|name| imports::required_permission(name).is_some()).cloned()
}

fn may_import(name: &str, permissions: &Permissions) -> bool {
    imports::undeclared(&[name.to_owned()], permissions).is_empty()
}

/// `kv` of `skynet:plugin/kv@0.1.0`.
fn interface(name: &str) -> Option<&str> {
    name.split('@').next()?.split_once('/').map(|(_, interface)| interface)
}

/// The engine's module: the others are the few lines that join it to its imports.
fn main_module(component: &[u8]) -> Option<&[u8]> {
    let mut depth = 0u32;
    let mut best: Option<std::ops::Range<usize>> = None;
    for payload in Parser::new(0).parse_all(component) {
        match payload.ok()? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ModuleSection { unchecked_range, .. }
                if depth == 1 && best.as_ref().is_none_or(|known| known.len() < unchecked_range.len()) =>
            {
                best = Some(unchecked_range);
            }
            _ => {}
        }
    }
    component.get(best?)
}

/// Wraps the module again. What is cut leads to functions that only trap, which nothing
/// calls: the script is not offered what is cut.
fn encode(runtime: &[u8], mut module: Vec<u8>, cut: &[String]) -> Result<Vec<u8>, InstantError> {
    let DecodedWasm::Component(mut resolve, world) = decode(runtime).map_err(broken)? else { return Err(broken("it is no component")) };
    let keys: Vec<_> = resolve.worlds.get(world).into_iter().flat_map(|world| world.imports.keys().cloned()).collect();
    let gone: Vec<_> = keys.into_iter().filter(|key| cut.contains(&resolve.name_world_key(key))).collect();
    if let Some(world) = resolve.worlds.get_mut(world) {
        gone.iter().for_each(|key| drop(world.imports.shift_remove(key)));
    }
    let mut encoder = ComponentEncoder::default().validate(false);
    let dead_ends = cut.iter().map(|name| Ok((name, links::dead_end(&module, name)?))).collect::<Result<Vec<_>, InstantError>>()?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).map_err(broken)?;
    encoder = encoder.module(&module).map_err(broken)?;
    for (name, adapter) in dead_ends {
        encoder = encoder.adapter(name, &adapter).map_err(broken)?;
    }
    encoder.encode().map_err(broken)
}
