//! What is cast equals what is compiled; what might not is left to be compiled.

use super::*;
use crate::compile::compile;
use crate::room::{SCRIPT, SERVER};

/// Bytes as the text of a data segment.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// A component with one module of this data, and code that reads it.
fn component(data: &str) -> Vec<u8> {
    let module = format!(
        r#"(component (core module
            (memory 32) {data}
            (func (export "at") (param i32) (result i32) local.get 0 i32.load8_u)))"#
    );
    wat::parse_str(module).unwrap()
}

/// With a room between other data.
fn roomy() -> Vec<u8> {
    let room = text(&SCRIPT.blank());
    component(&format!(r#"(data (i32.const 1024) "before") (data (i32.const 4096) "{room}after")"#))
}

fn filled(mut component: Vec<u8>, payload: &[u8]) -> Vec<u8> {
    SCRIPT.fill(&mut component, payload).unwrap();
    component
}

#[test]
fn a_cast_is_what_compiling_the_component_gives() {
    let mould = Mould::of(&roomy()).unwrap();
    for payload in [b"export const tools = [];".as_slice(), &[0; 100_000], &vec![0xff; SCRIPT.size]] {
        let component = filled(roomy(), payload);
        let cast = Mould::of(&component).unwrap();
        assert_eq!((&cast.digest, &cast.component), (&mould.digest, &roomy()), "one mould for all");
        let mut code = compile(&cast.component).unwrap();
        assert!(cast.fits(&code));
        cast.cast(&mut code).unwrap();
        assert!(code == compile(&component).unwrap());
    }
}

#[test]
fn components_with_other_code_have_other_moulds() {
    let other = wat::parse_str(format!(
        r#"(component (core module (memory 32) (data (i32.const 1024) "before") (data (i32.const 4096) "{}after")
            (func (export "at") (param i32) (result i32) i32.const 7)))"#,
        text(&SCRIPT.blank())
    ))
    .unwrap();
    assert_ne!(Mould::of(&other).unwrap().digest, Mould::of(&roomy()).unwrap().digest);
    let other = component(&format!(r#"(data (i32.const 1024) "BEFORE") (data (i32.const 4096) "{}after")"#, text(&SCRIPT.blank())));
    assert_ne!(Mould::of(&other).unwrap().digest, Mould::of(&roomy()).unwrap().digest);
}

#[test]
fn a_room_that_is_not_whole_in_one_segment_has_no_mould() {
    let (room, half) = (SCRIPT.blank(), SCRIPT.size / 2);
    let (head, tail) = room.split_at(half);
    let split = component(&format!(r#"(data (i32.const 0) "{}") (data (i32.const {half}) "{}")"#, text(head), text(tail)));
    assert!(Mould::of(&split).is_none(), "the memory's image would hold it, the file does not");
    assert!(Mould::of(&component("")).is_none());
    // In a name, a custom section: anywhere but in data.
    let named = [roomy_without_data(), custom(&room)].concat();
    assert!(SCRIPT.is_in(&named) && Mould::of(&named).is_none());
}

fn roomy_without_data() -> Vec<u8> {
    component("")
}

/// A custom section of a component.
fn custom(content: &[u8]) -> Vec<u8> {
    let mut body = vec![1, b'x'];
    body.extend_from_slice(content);
    let mut section = vec![0];
    let mut length = body.len();
    while length >= 0x80 {
        section.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    section.push(length as u8);
    section.extend(body);
    section
}

#[test]
fn a_segment_that_lies_over_the_room_leaves_it_to_be_compiled() {
    let room = text(&SCRIPT.blank());
    for over in [r#"(data (i32.const 5000) "over")"#, r#"(data (i32.const 0) "\00\00")(data (i32.const 4095) "xy")"#] {
        assert!(Mould::of(&component(&format!(r#"(data (i32.const 4096) "{room}after") {over}"#))).is_none(), "{over}");
        assert!(Mould::of(&component(&format!(r#"{over} (data (i32.const 4096) "{room}after")"#))).is_none(), "{over}");
    }
    let beside = component(&format!(r#"(data (i32.const 4096) "{room}after") (data (i32.const 0) "x") (data "passive")"#));
    assert!(Mould::of(&beside).is_some());
}

#[test]
fn a_segment_that_lands_where_a_sum_says_has_no_mould() {
    let room = text(&SCRIPT.blank());
    let computed = wat::parse_str(format!(
        r#"(component (core module (import "a" "b" (global $at i32)) (memory 32) (data (global.get $at) "{room}after")))"#
    ))
    .unwrap();
    assert!(Mould::of(&computed).is_none());
    assert!(Mould::of(&component(&format!(r#"(data "{room}after")"#))).is_none(), "nor one that only code puts somewhere");
}

#[test]
fn two_rooms_have_no_mould() {
    let two = format!(r#"(data (i32.const 0) "{}{}after")"#, text(&SCRIPT.blank()), text(&SERVER.blank()));
    assert!(Mould::of(&component(&two)).is_none());
    let twice = format!(r#"(data (i32.const 0) "{}{}after")"#, text(&SCRIPT.blank()), text(&SCRIPT.blank()));
    assert!(Mould::of(&component(&twice)).is_none());
}

#[test]
fn the_code_of_another_component_does_not_fit() {
    let mould = Mould::of(&roomy()).unwrap();
    let mut without = compile(&component("")).unwrap();
    assert!(!mould.fits(&without) && mould.cast(&mut without).is_none());
    let mut full = compile(&filled(roomy(), b"full")).unwrap();
    assert!(!mould.fits(&full) && mould.cast(&mut full).is_none(), "a room that is not empty is not the mould's");
    assert!(mould.cast(&mut b"\x7fELF and nothing more".to_vec()).is_none());
    // Two of them in the image, put together of what is none in the file.
    let room = SCRIPT.blank();
    let (head, tail) = room.split_at(10);
    let after = 4096 + room.len() + 5;
    let lying = component(&format!(
        r#"(data (i32.const 4096) "{}after") (data (i32.const {after}) "{}") (data (i32.const {}) "{}")"#,
        text(&room),
        text(head),
        after + 10,
        text(tail)
    ));
    let mould = Mould::of(&lying).unwrap();
    assert!(!mould.fits(&compile(&mould.component).unwrap()));
}
