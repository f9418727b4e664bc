//! A component that is small, signed and well-formed, and takes the compiler more memory
//! than it may have: the compiling child ends at its limit, and the host does not notice.

use crate::household::{Household, guest};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

/// A number as WebAssembly writes it.
fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn section(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind][..], &number(content.len()), content].concat()
}

/// A module of one function: loops in loops, and within them a change of every one of many
/// variables. A compiler notes each variable for each loop.
fn bomb(variables: usize, loops: usize) -> Vec<u8> {
    const LOOP: [u8; 2] = [0x03, 0x40];
    // local.get 0; br_if 0; end
    const AGAIN: [u8; 5] = [0x20, 0x00, 0x0d, 0x00, 0x0b];
    // local.get; i32.const 1; i32.add; local.set
    let change = |variable| [&[0x20][..], &number(variable), &[0x41, 0x01, 0x6a, 0x21], &number(variable)].concat();
    let changes: Vec<u8> = (0..variables).flat_map(change).collect();
    let locals = [&[0x01][..], &number(variables), &[0x7f]].concat();
    let body = [locals, LOOP.repeat(loops), changes, AGAIN.repeat(loops), vec![0x0b]].concat();
    let code = [vec![0x01], number(body.len()), body].concat();
    [b"\0asm\x01\0\0\0".to_vec(), section(1, &[1, 0x60, 0, 0]), section(3, &[1, 0]), section(10, &code)].concat()
}

/// A component that takes any compiler many seconds.
fn slow() -> Vec<u8> {
    let component = b"\0asm\x0d\0\x01\0".to_vec();
    [component, section(1, &bomb(50_000, 2_000))].concat()
}

#[test]
fn the_compiler_ends_when_its_time_is_up_and_does_nothing_when_nobody_said_how_long() {
    let compile = |seconds: &[&str]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_skynet"));
        child.arg("--compile-worker").args(seconds).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        // It need not read it all.
        let _ = child.stdin.take().unwrap().write_all(&slow());
        child.wait_with_output().unwrap()
    };
    let ended = compile(&["1"]);
    assert_eq!((ended.status.signal(), ended.stdout.len()), (Some(rustix::process::Signal::XCPU.as_raw()), 0), "{ended:?}");
    for unsaid in [&[][..], &["soon"], &["-1"], &["301"]] {
        let ended = compile(unsaid);
        assert_eq!(ended.status.code(), Some(71), "{unsaid:?}: {ended:?}");
    }
}

#[test]
fn a_component_that_takes_the_compiler_too_much_memory_is_refused_and_the_next_is_admitted() {
    let mut home = Household::compiling();
    let manifest = home.home().join("../bomb.toml");
    let toml = "schema = 1\nid = \"skynet/tool-bomb\"\nversion = \"0.1.0\"\nsummary = \"Tells the time.\"\nworld = \"tool-plugin\"\nwit = \"^0.1.0\"\n";
    std::fs::write(&manifest, toml).unwrap();
    // A good component with one more module in it, which nobody need ever start.
    let mut component = std::fs::read(guest("tool-time")).unwrap();
    component.extend(section(1, &bomb(50_000, 2_000)));
    let (whole, packed) = (home.home().join("../bomb.wasm"), home.home().join("../packed.wasm"));
    std::fs::write(&whole, component).unwrap();
    home.pack(&whole, &manifest, &packed);
    home.drop_file(&packed, "bomb.wasm");
    home.start();
    let refused = home.until_state("bomb.wasm", "refused");
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.contains("(compile)") && reason.contains("went over a limit") && reason.contains("out of memory"), "{reason}");
    home.install("tool-time");
    home.until_state("skynet/tool-time", "serving");
    assert_eq!(home.terminate(), 0);
}
