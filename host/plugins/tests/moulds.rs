//! Components that differ in what is in their room alone: one compilation for all of them.

use crate::support::stubs::NoCompiler;
use crate::support::{Package, World};
use crate::zoo::Guest;
use skynet_plugins::room::SCRIPT;
use std::sync::Arc;

/// A guest whose room holds this.
fn filled(name: &str, guest: &Guest, content: &str) -> Package {
    let empty = Package::new(name, "1.0.0", guest);
    let mut component = empty.component.clone();
    SCRIPT.fill(&mut component, content.as_bytes()).unwrap();
    Package::of(component, name, "1.0.0", empty.release.wit)
}

#[tokio::test]
async fn the_second_script_of_an_engine_serves_without_a_compiler_and_says_its_own() {
    let world = World::start().await;
    world.drop_file("one.wasm", &filled("one", &Guest::roomy(), "first").file()).await;
    assert_eq!(world.call("one").await.unwrap(), "first");
    let world = world.restart(|worldly| worldly.compiler = Arc::new(NoCompiler)).await;
    world.drop_file("two.wasm", &filled("two", &Guest::roomy(), "other").file()).await;
    assert_eq!(world.call("two").await.unwrap(), "other");
    assert_eq!(world.call("one").await.unwrap(), "first");
    // Another engine is another compilation.
    world.drop_file("three.wasm", &filled("three", &Guest::roomy().says("else"), "third").file()).await;
    assert!(world.call("three").await.is_err());
    let world = world.restart_without_scan(|_| {}).await;
    assert_eq!((world.call("one").await.unwrap(), world.call("two").await.unwrap()), ("first".into(), "other".into()));
}

#[tokio::test]
async fn an_engine_that_was_compiled_ahead_serves_its_first_script_without_a_compiler() {
    let world = World::start().await;
    assert!(world.host.compile_ahead(&Guest::roomy().build()).await.unwrap());
    assert!(!world.host.compile_ahead(&Guest::saying("no room").build()).await.unwrap());
    let world = world.restart(|worldly| worldly.compiler = Arc::new(NoCompiler)).await;
    assert!(world.host.compile_ahead(&Guest::roomy().build()).await.unwrap(), "it is there already");
    world.drop_file("one.wasm", &filled("one", &Guest::roomy(), "first").file()).await;
    assert_eq!(world.call("one").await.unwrap(), "first");
}

#[tokio::test]
async fn a_script_that_quotes_the_mark_of_a_room_is_compiled_by_itself() {
    let world = World::start().await;
    let quoting = filled("tool", &Guest::roomy(), "quote skynet:js-runtime:room:100000000");
    world.drop_file("tool.wasm", &quoting.file()).await;
    assert_eq!(world.call("tool").await.unwrap(), "quote");
}
