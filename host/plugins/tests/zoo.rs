//! Makes components out of `zoo/*.wat`: core WAT, wrapped by `wit-component` over the
//! real `wit/` folder, so that names and types are those of the contract.

use std::fmt::Write as _;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Where strings and records of a guest start; its own data starts at 60000.
const DATA: u32 = 1024;
/// Where a room is: far above what a guest allocates in a test.
const ROOM: u32 = 512 * 1024;

/// A guest to be built.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    body: String,
    world: &'static str,
    imports: &'static str,
    tools: Vec<ToolText>,
    says: String,
    padding: usize,
    roomy: bool,
}

/// What a guest says of one tool, right or wrong.
#[derive(Debug, Clone)]
pub(crate) struct ToolText {
    pub(crate) name: String,
    pub(crate) parameters: String,
}

macro_rules! zoo {
    ($name:literal) => {
        include_str!(concat!("zoo/", $name, ".wat"))
    };
}
pub(crate) use zoo;

/// The provider of the zoo, which does this first when it is asked for its models.
fn asked_for_models(first: &str) -> String {
    let asked = r#"(func (export "skynet:plugin/provider@0.1.0#models") (result i32)
    (local $at i32)"#;
    let body = zoo!("provider").replacen(asked, &format!("{asked}\n    {first}"), 1);
    assert!(body.contains(first), "the provider of the zoo was written anew");
    body
}

impl Guest {
    /// One that offers the tool `go` and runs this body.
    pub(crate) fn tool(body: &str) -> Self {
        let go = ToolText { name: "go".into(), parameters: r#"{"type":"object"}"#.into() };
        Self { world: "tool-plugin", tools: vec![go], ..Self::bare(body) }
    }

    /// Well behaved: answers with this text.
    pub(crate) fn saying(text: &str) -> Self {
        Self::tool(zoo!("answer")).says(text)
    }

    /// Says the first five bytes of its room, which is that of a script.
    pub(crate) fn roomy() -> Self {
        let body = format!("(func $run (param i32 i32) (result i32) (call $answer (i32.const {}) (i32.const 5)))", ROOM + 32);
        Self { roomy: true, ..Self::tool(&body) }
    }

    pub(crate) fn provider() -> Self {
        Self { world: "provider-plugin", ..Self::bare(zoo!("provider")) }
    }

    /// A provider that never says which models it has.
    pub(crate) fn mute_provider() -> Self {
        let silence = "(call $block (call $subscribe (i64.const 900000000000)))";
        Self { world: "provider-plugin", ..Self::bare(&asked_for_models(silence)) }
    }

    /// A provider that asks whether the secret `pause` is set before it says which models it has.
    pub(crate) fn pausing_provider() -> Self {
        let import = r#"(import "skynet:plugin/secrets@0.1.0" "exists" (func $paused (param i32 i32) (result i32)))"#;
        let body = asked_for_models("(drop (call $paused (i32.const 59000) (i32.const 5)))");
        let name = r#"(data (i32.const 59000) "pause")"#;
        Self { world: "provider-plugin", ..Self::bare(&format!("{import}\n{body}\n{name}")) }
    }

    /// Fetches like `zoo/fetch.wat`, and then gives its whole memory in letters.
    pub(crate) fn dumping() -> Self {
        let fetch = zoo!("fetch").replacen("(func $run ", "(func $fetch_all ", 1);
        let streams = "import wasi:io/poll@0.2.12; import wasi:io/streams@0.2.12;";
        Self::tool(&format!("{fetch}\n{}", zoo!("dump"))).importing(streams)
    }

    /// A provider that asks its server and is not let in.
    pub(crate) fn unauthorized() -> Self {
        Self { world: "provider-plugin", ..Self::over_fetch(zoo!("unauthorized")) }
    }

    /// A channel that fetches what a frame says, and gives its whole memory in letters.
    pub(crate) fn fetching_channel() -> Self {
        Self { world: "channel-plugin", ..Self::over_fetch(zoo!("channel_fetch")) }
    }

    fn over_fetch(rest: &str) -> Self {
        // Imports come before everything else in a module.
        let (imports, others): (Vec<&str>, Vec<&str>) =
            zoo!("fetch").lines().chain(rest.lines()).partition(|line| line.trim_start().starts_with("(import "));
        let streams = "import wasi:io/poll@0.2.12; import wasi:io/streams@0.2.12;";
        Self { imports: streams, ..Self::bare(&[imports, others].concat().join("\n")) }
    }

    pub(crate) fn channel() -> Self {
        Self { world: "channel-plugin", ..Self::bare(zoo!("channel")) }
    }

    pub(crate) fn hook() -> Self {
        Self { world: "hook-plugin", ..Self::bare(zoo!("hook")) }
    }

    /// A hook that searches what is remembered first, and blocks with the refusal.
    pub(crate) fn curious_hook() -> Self {
        let import = r#"(import "skynet:plugin/memory@0.1.0" "search" (func $search (param i32 i32 i32 i32)))"#;
        let begin = "(local.set $at (call $new (i32.const 16)))";
        let search = r#"(call $search (i32.const 60000) (i32.const 9) (i32.const 10) (local.get $at))
    (if (i32.load8_u (local.get $at))
      (then
        (call $verdict (local.get $at) (i32.const 1) (i32.load offset=4 (local.get $at)) (i32.load offset=8 (local.get $at)))
        (return (local.get $at))))"#;
        let body = zoo!("hook").replacen(begin, &format!("{begin}\n    {search}"), 1);
        assert!(body.contains("$search"), "the hook of the zoo was written anew");
        Self { world: "hook-plugin", ..Self::bare(&format!("{import}\n{body}")) }
    }

    fn bare(body: &str) -> Self {
        Self { body: body.into(), world: "", imports: "", tools: Vec::new(), says: "said".into(), padding: 0, roomy: false }
    }

    /// Asks first whether the secret `pause` is set, then does what it does: a test that
    /// answers late holds the call in the middle.
    pub(crate) fn pausing(self) -> Self {
        let import = r#"(import "skynet:plugin/secrets@0.1.0" "exists" (func $paused (param i32 i32) (result i32)))"#;
        let run = r#"(data (i32.const 59000) "pause")
  (func $run (param $args i32) (param $len i32) (result i32)
    (drop (call $paused (i32.const 59000) (i32.const 5)))
    (call $act (local.get $args) (local.get $len)))"#;
        let body = self.body.replacen("(func $run ", "(func $act ", 1);
        assert_ne!(body, self.body, "a guest of the zoo without $run");
        Self { body: format!("{import}\n{body}\n{run}"), ..self }
    }

    /// Imports beyond those of its world, as WIT.
    pub(crate) fn importing(self, imports: &'static str) -> Self {
        Self { imports, ..self }
    }

    pub(crate) fn says(self, text: &str) -> Self {
        Self { says: text.into(), ..self }
    }

    pub(crate) fn tools(self, tools: &[(&str, &str)]) -> Self {
        let tools = tools.iter().map(|(name, parameters)| ToolText { name: (*name).into(), parameters: (*parameters).into() });
        Self { tools: tools.collect(), ..self }
    }

    /// Makes the component larger by so many bytes.
    pub(crate) fn padded(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    pub(crate) fn world(&self) -> &'static str {
        self.world
    }

    /// The component's bytes.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut module = wat::parse_str(self.module()).unwrap();
        let mut resolve = Resolve::default();
        resolve.push_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit")).unwrap();
        let text = format!("package zoo:zoo;\nworld guest {{ include skynet:plugin/{}@0.1.0;\n{} }}", self.world, self.imports);
        let package = resolve.push_str("zoo.wit", &text).unwrap();
        let world = resolve.select_world(&[package], Some("guest")).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
    }

    fn module(&self) -> String {
        let mut data = Data::default();
        let said = data.text(&self.says);
        let name = data.text("Zoo");
        let summary = data.text("A guest of the zoo.");
        let describe = data.words(&[name.0, name.1, summary.0, summary.1, 0, 0, 0, 0, 0]);
        let specs: Vec<u32> = self.tools.iter().flat_map(|tool| tool.record(&mut data)).collect();
        let count = u32::try_from(self.tools.len()).unwrap();
        let at = data.words(&specs);
        let tools = data.words(&[at, count]);
        let mut module = format!("(module\n{}\n", self.body);
        for (global, value) in [("describe", describe), ("tools", tools), ("said", said.0), ("said_len", said.1)] {
            writeln!(module, "(global ${global} i32 (i32.const {value}))").unwrap();
        }
        writeln!(module, "(data (i32.const {DATA}) \"{}\")", escaped(&data.bytes)).unwrap();
        if self.padding > 0 {
            // Not all alike, so that no two KiB of the file are.
            let padding: Vec<u8> = (0..self.padding).map(|at| (at * at / 7) as u8).collect();
            writeln!(module, "(data $padding \"{}\")", escaped(&padding)).unwrap();
        }
        let lifecycle = zoo!("lifecycle");
        if self.roomy {
            assert!(lifecycle.contains(r#"(memory (export "memory") 2)"#), "the memory of the zoo was written anew");
            module.push_str(&lifecycle.replacen("\"memory\") 2)", "\"memory\") 16)", 1));
            writeln!(module, "(data (i32.const {ROOM}) \"skynet:js-runtime:room:100000000{}end\")", " ".repeat(256 * 1024)).unwrap();
        } else {
            module.push_str(lifecycle);
        }
        if self.world == "tool-plugin" {
            module.push_str(zoo!("tool"));
        }
        module.push(')');
        module
    }
}

impl ToolText {
    fn record(&self, data: &mut Data) -> [u32; 12] {
        let (name, description, parameters) = (data.text(&self.name), data.text("Does it."), data.text(&self.parameters));
        [name.0, name.1, description.0, description.1, parameters.0, parameters.1, 0, 0, 0, 0, 0, 0]
    }
}

#[derive(Default)]
struct Data {
    bytes: Vec<u8>,
}

impl Data {
    fn text(&mut self, text: &str) -> (u32, u32) {
        let at = self.place(text.as_bytes());
        (at, u32::try_from(text.len()).unwrap())
    }

    fn words(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.place(&bytes)
    }

    fn place(&mut self, bytes: &[u8]) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let at = DATA + u32::try_from(self.bytes.len()).unwrap();
        self.bytes.extend_from_slice(bytes);
        at
    }
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "\\{byte:02x}").unwrap();
        text
    })
}
