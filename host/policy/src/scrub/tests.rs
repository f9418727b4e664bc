use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

const CANARY: &str = "s3cr3t/with \"quotes\"+é";

fn scrubber() -> Scrubber {
    Scrubber::new([("key", CANARY)])
}

fn check(text: &str, scrubbed: &str) {
    assert_eq!(scrubber().text(text), scrubbed, "{text}");
}

fn percent(value: &str, upper: bool, all: bool) -> String {
    let escape = |byte: u8| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
    value.bytes().map(|byte| if all || !byte.is_ascii_alphanumeric() { escape(byte) } else { char::from(byte).to_string() }).collect()
}

#[test]
fn a_value_is_found_as_it_is_and_in_every_form() {
    check(&format!("a {CANARY} b {CANARY}"), "a [secret key] b [secret key]");
    let json = serde_json::to_string(CANARY).unwrap();
    check(&json, "\"[secret key]\"");
    check(&serde_json::to_string(&json).unwrap(), "\"\\\"[secret key]\\\"\"");
    let slashed = Scrubber::new([("path", "C:\\%41\\\\b")]);
    for text in ["C:\\%41\\\\b", "C:\\\\%41\\\\\\\\b", "C:%5c%2541%5C%5cb"] {
        assert_eq!(slashed.text(text), "[secret path]", "{text}");
    }
    check("s3cr3t\\/with\\u0020\\u0022quotes\\u0022+\\u00E9", "[secret key]");
    for (upper, all) in [(true, false), (false, false), (true, true), (false, true)] {
        check(&format!("?k={}&x", percent(CANARY, upper, all)), "?k=[secret key]&x");
    }
    check("k=s3cr3t/with+%22quotes%22%2b%C3%A9;", "k=[secret key];");
    check(&format!("<{}>", hex::encode(CANARY)), "<[secret key]>");
    check(&format!("<{}>", hex::encode_upper(CANARY)), "<[secret key]>");
}

#[test]
fn a_value_is_found_in_base64_at_every_alignment() {
    for before in ["", "u", "us", "user:", "user1:", "user12:"] {
        for after in ["", "x", "xy", "xyz"] {
            let whole = format!("{before}{CANARY}{after}");
            for text in [STANDARD.encode(&whole), URL_SAFE_NO_PAD.encode(&whole), percent(&STANDARD.encode(&whole), true, false)] {
                let scrubbed = scrubber().text(&text).into_owned();
                assert!(scrubbed.contains("[secret key]"), "{text}: {scrubbed}");
            }
        }
    }
}

#[test]
fn of_base64_no_character_stays_that_holds_the_end_of_a_value() {
    for value in ["sixteen letters!", "seventeen letters", "eighteen letters!!"] {
        let scrubber = Scrubber::new([("key", value)]);
        for before in ["", "u", "us", "user:"] {
            for text in [STANDARD.encode(format!("{before}{value}")), URL_SAFE_NO_PAD.encode(format!("{before}{value}"))] {
                let spelled =
                    [text.clone(), percent(&text, true, false), text.replace('=', "\\u003d"), serde_json::to_string(&text).unwrap()];
                for spelled in spelled {
                    let spelled = format!("{spelled} and on");
                    let rest = scrubber.text(&spelled).split_once("[secret key]").unwrap().1.to_owned();
                    assert!([" and on", "\" and on"].contains(&rest.as_str()), "{spelled}: {rest}");
                }
            }
        }
        // What does not belong to it stays: one character has bits of both.
        let with_more = scrubber.text(&STANDARD.encode(format!("{value}|{}", "m".repeat(30)))).into_owned();
        assert!(with_more.ends_with("bW1tbW1tbW1t") || with_more.contains("1tbW1tbW1tbW1t"), "{with_more}");
    }
}

#[test]
fn what_is_found_for_one_call_is_noted_by_name_and_place_and_told_once() {
    let (known, seen) = (Known::default(), Arc::<Seen>::default());
    known.learn([("key", CANARY), ("pin", "1234567890")]);
    let (log, result) = (known.noting(&seen, Place::Log), known.noting(&seen, Place::Result));
    log.now().text("nothing");
    known.now().text(CANARY);
    assert!(seen.news().is_empty(), "what is found for nobody is nobody's");
    for _ in 0..3 {
        log.now().text(CANARY);
        result.now().json(&mut serde_json::json!([CANARY, 1_234_567_890_u64]));
    }
    let told = seen.news();
    assert_eq!(told["key"], ["result", "log"]);
    assert_eq!(told["pin"], ["result"]);
    log.now().text(CANARY);
    assert!(seen.news().is_empty(), "it was told");
    let many: Vec<(String, String)> = (0..100).map(|number| (format!("k{number}"), format!("value-{number:05}-"))).collect();
    known.learn(many.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    log.now().text(&many.iter().map(|(_, value)| value.as_str()).collect::<String>());
    assert_eq!(seen.news().len() + 3, crate::limits::SCRUB_NOTES);
}

#[test]
fn a_character_beyond_the_first_plane_is_found_as_its_two_halves() {
    let scrubber = Scrubber::new([("key", "pass-🔑-word")]);
    assert_eq!(scrubber.text("\\ud83d pass-\\uD83D\\udd11-word"), "\\ud83d [secret key]");
}

#[test]
fn what_holds_no_value_is_not_copied() {
    for text in ["", "s", "s3cr3t/with", "s3cr3t/with \"quotes\"+", "%%%\\\\\\u", "plain"] {
        assert!(matches!(scrubber().text(text), Cow::Borrowed(_)), "{text}");
    }
    assert!(Scrubber::default().is_empty() && Scrubber::new([("short", "1234567")]).is_empty());
    assert_eq!(Scrubber::default().text(CANARY), CANARY);
}

#[test]
fn the_longest_value_wins_where_one_begins_with_another() {
    let scrubber = Scrubber::new([("short", "abcdefgh"), ("long", "abcdefghijkl")]);
    assert_eq!(scrubber.text("abcdefgh abcdefghijkl abcdefghijk"), "[secret short] [secret long] [secret short]ijk");
}

#[test]
fn data_is_scrubbed_in_its_texts_keys_and_numbers() {
    let scrubber = Scrubber::new([("key", CANARY), ("pin", "1234567890")]);
    let mut value = serde_json::json!({ "a": [CANARY, 1_234_567_890_u64, true], CANARY: null });
    scrubber.json(&mut value);
    assert_eq!(value, serde_json::json!({ "a": ["[secret key]", "[secret pin]", true], "[secret key]": null }));
}

#[test]
fn bytes_that_are_no_text_are_scrubbed_and_stay_as_they_are() {
    let bytes = [b"\xff\x00".as_slice(), CANARY.as_bytes(), b"\xfe"].concat();
    assert_eq!(scrubber().bytes(&bytes).as_ref(), b"\xff\x00[secret key]\xfe");
}

#[test]
fn what_is_known_changes_for_all_who_share_it() {
    let known = Known::default();
    let other = known.clone();
    known.learn([("key", CANARY)]);
    assert_eq!(other.now().text(CANARY), "[secret key]");
}

fn in_pieces(scrubber: &Scrubber, text: &str, cuts: &[usize]) -> String {
    let mut held = Held::default();
    let mut out = String::new();
    let mut rest = text;
    for cut in cuts {
        let cut = rest.floor_char_boundary(cut % (rest.len() + 1));
        out.push_str(&held.push(scrubber, rest[..cut].to_owned()));
        rest = &rest[cut..];
    }
    out.push_str(&held.push(scrubber, rest.to_owned()));
    out.push_str(&held.end(scrubber));
    out
}

#[test]
fn nothing_is_held_back_that_cannot_become_a_value() {
    let mut held = Held::default();
    assert_eq!(held.push(&scrubber(), "hello, ".into()), "hello, ");
    assert_eq!(held.push(&scrubber(), "it is s3c".into()), "it is ");
    assert_eq!(held.push(&scrubber(), "ret".into()), "s3cret");
    assert_eq!(held.push(&Scrubber::default(), "s3cr3t".into()), "s3cr3t");
}

/// Texts full of what a value and its spellings are made of.
fn text() -> impl Strategy<Value = String> {
    let encoded = |value: &str| {
        vec![
            value.to_owned(),
            serde_json::to_string(value).unwrap(),
            percent(value, false, true),
            percent(value, true, false),
            STANDARD.encode(format!("user:{value}")),
            URL_SAFE_NO_PAD.encode(value),
            hex::encode(value),
        ]
    };
    let mut parts = encoded(CANARY);
    parts.extend(encoded("s3cr3t/w"));
    parts.extend(["s3cr3t", "%2", "\\u00", "\\", "%", " ", "s", "é", "3", "+"].map(String::from));
    proptest::collection::vec(prop_oneof![proptest::sample::select(parts), ".{0,6}".prop_map(String::from)], 0..12)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_form_of_a_value_is_left(text in text()) {
        let scrubbed = scrubber().text(&text).into_owned();
        prop_assert!(!scrubbed.contains(CANARY));
        prop_assert!(!scrubbed.contains(&percent(CANARY, false, true)) && !scrubbed.contains(&percent(CANARY, true, false)));
        prop_assert!(!scrubbed.contains(&hex::encode(CANARY)));
        let basic = STANDARD.encode(format!("user:{CANARY}"));
        prop_assert!(!scrubbed.contains(&basic));
    }

    #[test]
    fn pieces_give_what_the_whole_gives(text in text(), cuts in proptest::collection::vec(0_usize..64, 0..12)) {
        let scrubber = Scrubber::new([("key", CANARY), ("short", "s3cr3t/w")]);
        prop_assert_eq!(in_pieces(&scrubber, &text, &cuts), scrubber.text(&text).into_owned());
    }

    #[test]
    fn any_value_is_found_in_any_surroundings(value in "\\PC{3,40}", before in "\\PC{0,8}", after in "\\PC{0,8}") {
        prop_assume!(value.len() >= crate::limits::SCRUB_BYTES);
        let scrubber = Scrubber::new([("key", value.as_str())]);
        let whole = format!("{before}{value}{after}");
        for text in [whole.clone(), percent(&whole, true, true), serde_json::to_string(&whole).unwrap(), hex::encode(&whole)] {
            prop_assert!(scrubber.finds(text.as_bytes()), "{}", text);
        }
    }
}
