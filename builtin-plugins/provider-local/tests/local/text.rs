//! Tokens to text: only whole characters leave.

use proptest::prelude::*;
use provider_local::text::{Characters, Shown, Stops};

#[test]
fn a_character_waits_for_its_last_byte() {
    let mut characters = Characters::default();
    let crab = "🦀".as_bytes();
    assert_eq!(characters.push(&crab[..1]), "");
    assert_eq!(characters.push(&crab[1..3]), "");
    assert_eq!(characters.push(&crab[3..]), "🦀");
    assert_eq!(characters.finish(), "");
}

#[test]
fn a_character_that_never_ends_is_shown_as_broken() {
    let mut characters = Characters::default();
    assert_eq!(characters.push(b"a\xF0\x9F"), "a");
    assert_eq!(characters.finish(), "\u{FFFD}");
    assert_eq!(characters.finish(), "");
}

proptest! {
    #[test]
    fn bytes_in_any_pieces_give_the_same_text(bytes in prop::collection::vec(any::<u8>(), 0..60), size in 1_usize..7) {
        let mut characters = Characters::default();
        let mut text: String = bytes.chunks(size).map(|piece| characters.push(piece)).collect();
        text.push_str(&characters.finish());
        prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_stop_text_is_found_across_pieces_and_never_shown(text in "[ab🦀]{0,20}", stop in "[ab🦀]{1,3}", size in 1_usize..5) {
        let mut stops = Stops::new(std::slice::from_ref(&stop));
        let letters: Vec<char> = text.chars().collect();
        let (mut shown, mut ended) = (String::new(), false);
        for piece in letters.chunks(size) {
            let Shown { text, ended: now } = stops.push(&piece.iter().collect::<String>());
            shown.push_str(&text);
            if now {
                ended = true;
                break;
            }
        }
        if !ended {
            shown.push_str(&stops.finish());
        }
        let wanted = text.split_once(stop.as_str()).map_or(text.as_str(), |(before, _)| before);
        prop_assert_eq!(shown, wanted);
        prop_assert_eq!(ended, text.contains(stop.as_str()));
    }
}

#[test]
fn only_what_may_begin_a_stop_text_is_held_back() {
    let mut stops = Stops::new(&["END".to_owned(), String::new()]);
    assert_eq!(stops.push("the E"), Shown { text: "the ".to_owned(), ended: false });
    assert_eq!(stops.push("N"), Shown { text: String::new(), ended: false });
    assert_eq!(stops.push("V"), Shown { text: "ENV".to_owned(), ended: false });
    assert_eq!(stops.push("."), Shown { text: ".".to_owned(), ended: false });
}
