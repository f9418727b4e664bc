//! Scripts in the engine, on the machine they are tested on: text in, text out.

use crate::engine::Engine;
use crate::room::Payload;
use skynet_plugin_sdk::testing;
use skynet_plugin_sdk::tool::{Outcome, ResultPart, ToolError};

fn payload(body: &str) -> Payload {
    let script = format!("export const tools = [{{ name: 't', description: 'd', call(args, ctx) {{ {body} }} }}];");
    Payload { name: "N".into(), summary: "S".into(), powers: vec!["kv".into()], script }
}

fn run(body: &str, arguments: &str) -> Result<Outcome, ToolError> {
    let mut engine = Engine::start(&payload(body)).map_err(ToolError::Failed)?;
    engine.call("t", arguments, &testing::context())
}

/// What the model reads: the parts, or the error with its case.
fn check(body: &str, expected: &str) {
    let said = match run(body, r#"{"n":3}"#) {
        Ok(outcome) => outcome
            .content
            .iter()
            .map(|part| match part {
                ResultPart::Text(text) => text.clone(),
                ResultPart::Json(json) => format!("json {json}"),
                ResultPart::Image(blob) => format!("{} {:?}", blob.mime, blob.data),
            })
            .collect::<Vec<_>>()
            .join(", "),
        Err(error) => format!("{error:?}").trim_start_matches("ToolError::").to_owned(),
    };
    assert_eq!(said, expected, "{body}");
}

#[test]
fn a_tool_gives_text_data_parts_or_nothing() {
    check("return `${args.n + 1}`", "4");
    check("return { n: args.n }", r#"json {"n":3}"#);
    check("return [1, 2]", "json [1,2]");
    check("return 7", "json 7");
    check("", "done");
    check(
        "return { content: ['a', { json: [1] }, { image: { mime: 'image/png', data: new Uint8Array([1, 255]) } }] }",
        "a, json [1], image/png [1, 255]",
    );
    check("return { content: [{ image: { mime: 'image/png', data: 'Af8=' } }] }", "image/png [1, 255]");
}

#[test]
fn an_object_is_structured_too_and_a_list_is_not() {
    assert_eq!(run("return { n: 1 }", "{}").unwrap().structured.as_deref(), Some(r#"{"n":1}"#));
    assert_eq!(run("return [1]", "{}").unwrap().structured, None);
}

#[test]
fn promises_are_waited_for_and_one_that_nothing_settles_is_an_error() {
    check("return Promise.resolve(1).then((one) => `${one + args.n}`)", "4");
    check("return new Promise(() => {})", r#"Failed("Error: it waits for a promise that nothing settles")"#);
}

#[test]
fn what_is_thrown_is_an_error_with_its_kind() {
    check("throw new ToolError('denied', 'not you')", r#"Denied("not you")"#);
    check("throw new ToolError('invalid-arguments', 'n is odd')", r#"InvalidArguments("n is odd")"#);
    check("throw new ToolError('unavailable', 'later')", r#"Unavailable("later")"#);
    check("throw new ToolError('nonsense', 'x')", r#"Failed("x")"#);
    check("throw 'a text'", r#"Failed("a text")"#);
    check("throw null", r#"Failed("null")"#);
    check("return missing.x", r#"Failed("ReferenceError: missing is not defined")"#);
    check("return Promise.reject(new TypeError('no'))", r#"Failed("TypeError: no")"#);
}

#[test]
fn runaway_recursion_of_any_kind_is_an_error() {
    for body in [
        "const f = (n) => f(n + 1) + 1; return f(0)",
        "const f = (n) => [n].map((m) => f(m + 1))[0]; return f(0)",
        "const f = () => [1, 2].sort(f)[0]; return f()",
        "const o = { toJSON() { return JSON.stringify(o); } }; return JSON.stringify(o)",
        "const o = { get x() { return this.x; } }; return o.x",
        "const p = new Proxy({}, { get: (t, k, r) => r[k + 'a'] }); return p.q",
    ] {
        let error = format!("{:?}", run(body, "{}").unwrap_err());
        assert!(error.contains("RuntimeLimitError") && error.len() < 300, "{body}: {error}");
    }
}

#[test]
fn data_that_nests_too_deep_is_an_error_both_ways() {
    check("return JSON.parse('['.repeat(100000))", r#"Failed("SyntaxError: recursion limit exceeded at line 1 column 128")"#);
    check("try { JSON.parse('['.repeat(128)) } catch (error) { return error.name }", "SyntaxError");
    check("return `${JSON.stringify(JSON.parse('{\"a\":'.repeat(120) + '1' + '}'.repeat(120))).length}`", "721");
    let deep = "let o = []; for (let i = 0; i < 300; i++) o = [o]; return o";
    check(deep, r#"Failed("TypeError: the value is nested deeper than 128, or holds itself")"#);
    check("const o = {}; o.o = o; return o", r#"Failed("TypeError: the value is nested deeper than 128, or holds itself")"#);
}

#[test]
fn json_is_read_as_ever_in_its_order_and_with_a_reviver() {
    let text = r#"{"b":[1,-2,3.5,1e+300,9007199254740991],"a":{"x":"é\\n","y":null},"c":true,"b2":""}"#;
    check(&format!("return JSON.stringify(JSON.parse('{text}'))"), &text.replace("\\\\", "\\"));
    check(
        "return JSON.parse('[1,{\"k\":2},3]', (key, value) => (key === '0' ? undefined : typeof value === 'number' ? value * 2 : value))",
        r#"json [null,{"k":4},6]"#,
    );
    check("return JSON.parse('{\"a\":1,}')", r#"Failed("SyntaxError: trailing comma at line 1 column 8")"#);
    check("return JSON.parse('1 2')", r#"Failed("SyntaxError: trailing characters at line 1 column 3")"#);
    check("return JSON.parse()", r#"Failed("SyntaxError: expected value at line 1 column 1")"#);
}

#[test]
fn the_store_is_there_when_asked_for_and_says_so_when_not() {
    check("ctx.kv.set('k', args.n); return ctx.kv.get('k') + ctx.kv.keys().length + ctx.kv.get('none')", "31null");
    check(
        "return ctx.memory.search('x')",
        r#"Denied("this plugin's manifest does not ask for `memory`: add it to [permissions] in plugin.toml")"#,
    );
}

#[test]
fn a_script_that_does_not_load_says_where_and_why() {
    let why = |script: &str| {
        let payload = Payload { script: script.into(), ..Payload::default() };
        Engine::start(&payload).and_then(|mut engine| engine.tools()).unwrap_err()
    };
    assert!(why("export const tools = [;").starts_with("the script does not load: SyntaxError:"), "{}", why("export const tools = [;"));
    assert!(why("export const tools = [;").contains("line 1"));
    assert_eq!(why("import x from 'fs'; export const tools = [];").split(':').next(), Some("the script does not load"));
    assert!(why("throw new Error('at once')").contains("at once"));
    assert!(why("export const x = 1;").contains("exports no `tools`"));
    assert!(why("export const tools = [{ name: 'Bad Name', description: '', call() {} }]").contains("tool 1 needs a name"));
    assert!(why("export const tools = [{ name: 't', description: '' }]").contains("no function `call`"));
}

#[test]
fn specs_claim_nothing_that_the_script_does_not_claim() {
    let specs = Engine::start(&payload("return 1")).unwrap().tools().unwrap();
    let [spec] = specs.as_slice() else { panic!("{specs:?}") };
    assert!(!spec.annotations.read_only && !spec.annotations.idempotent && spec.annotations.open_world);
    assert_eq!(spec.parameters, r#"{"type":"object","properties":{},"additionalProperties":false}"#);
}

#[test]
fn an_unknown_tool_is_said_to_be_unknown() {
    let error = Engine::start(&payload("")).unwrap().call("other", "{}", &testing::context()).unwrap_err();
    assert_eq!(error, ToolError::UnknownTool("other".into()));
}

#[test]
fn the_description_is_the_scripts_else_the_manifests() {
    let said = |script: &str| {
        let payload = Payload { name: "n".into(), summary: "s".into(), script: script.into(), ..Payload::default() };
        let said = Engine::start(&payload).unwrap().describe().unwrap();
        (said.name, said.summary)
    };
    assert_eq!(said("export const tools = [];"), ("n".into(), "s".into()));
    assert_eq!(said("export const plugin = { name: 'N', summary: 'S' };"), ("N".into(), "S".into()));
}

#[test]
fn a_configuration_is_looked_at_by_the_script() {
    let script = "export const tools = []; export function configure(c) { if (!c.city) throw new Error('a city is needed'); }";
    let payload = Payload { script: script.into(), ..Payload::default() };
    assert_eq!(Engine::start(&payload).unwrap().configure("{}"), Err("Error: a city is needed".into()));
    assert_eq!(Engine::start(&payload).unwrap().configure(r#"{"city":"Rome"}"#), Ok(()));
}
