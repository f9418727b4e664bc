//! Whether a text spells a needle: byte for byte, or in percent and JSON escapes.
//!
//! One walk for all mixtures, as encoders differ in what they escape: `%2f` and `%2F`,
//! a `+` for a space, `\/`, `\u002f` in both cases. Says apart "no", "the text ends in the
//! middle of it" and "yes, so long".

/// How a needle fits the beginning of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    No,
    /// As far as the text goes.
    Cut,
    /// In so many bytes of the text.
    Whole(usize),
    /// In so many bytes, up to the end of the text: what follows may go with it.
    Open(usize),
}

/// What goes with a needle, where it follows in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    None,
    /// The base64 character that holds its last bits, and so many `=` at most.
    Bits {
        padding: usize,
    },
}

/// What `%` and `\` of a text mean where the needle has one too: itself, or the beginning
/// of an escape. An encoder does the same all through a text, so each is tried for the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    percent_escapes: bool,
    backslash_escapes: bool,
}

/// The readings that can differ for this needle.
pub(super) fn readings(needle: &[u8]) -> Vec<Reading> {
    let either = |mark: u8| if needle.contains(&mark) { [false, true].as_slice() } else { [true].as_slice() };
    let (percents, backslashes) = (either(b'%'), either(b'\\'));
    let pairs = percents.iter().flat_map(|percent| backslashes.iter().map(move |backslash| (*percent, *backslash)));
    pairs.map(|(percent_escapes, backslash_escapes)| Reading { percent_escapes, backslash_escapes }).collect()
}

/// How the text goes on.
enum Step {
    No,
    Cut,
    /// So many bytes of the text spell so many of the needle.
    Spelled(usize, usize),
}

/// Whether `text` begins with a spelling of `needle`.
pub(super) fn fit(needle: &[u8], text: &[u8], reading: Reading) -> Fit {
    let (mut rest, mut spelled) = (needle, 0);
    while !rest.is_empty() {
        match step(rest, text.get(spelled..).unwrap_or_default(), reading) {
            Step::No => return Fit::No,
            Step::Cut => return Fit::Cut,
            Step::Spelled(taken, bytes) => {
                spelled += taken;
                rest = rest.get(bytes..).unwrap_or_default();
            }
        }
    }
    Fit::Whole(spelled)
}

/// A needle that fits so much of a text, with its tail.
pub(super) fn with_tail(tail: Tail, text: &[u8], length: usize, reading: Reading) -> Fit {
    let Tail::Bits { padding } = tail else { return Fit::Whole(length) };
    let mut end = length;
    let last_bits = [b"+", b"/"];
    for place in 0..=padding {
        let rest = text.get(end..).unwrap_or_default();
        let wanted: &[&[u8; 1]] = if place == 0 { &last_bits } else { &[b"="] };
        let mut fits = wanted.iter().map(|one| fit(*one, rest, reading));
        match rest.first() {
            Some(first) if place == 0 && (first.is_ascii_alphanumeric() || matches!(first, b'-' | b'_')) => end += 1,
            _ => match fits.find(|fit| *fit != Fit::No) {
                Some(Fit::Whole(taken)) => end += taken,
                Some(Fit::Cut | Fit::Open(_)) => return Fit::Open(end),
                Some(Fit::No) | None => return Fit::Whole(end),
            },
        }
    }
    Fit::Whole(end)
}

fn step(needle: &[u8], text: &[u8], reading: Reading) -> Step {
    let (Some(wanted), Some(found)) = (needle.first(), text.first()) else { return Step::Cut };
    match found {
        b'%' if *wanted != b'%' || reading.percent_escapes => percent(*wanted, text),
        b'\\' if *wanted != b'\\' || reading.backslash_escapes => backslash(needle, *wanted, text),
        b'+' if *wanted == b' ' => Step::Spelled(1, 1),
        _ if wanted == found => Step::Spelled(1, 1),
        _ => Step::No,
    }
}

fn percent(wanted: u8, text: &[u8]) -> Step {
    let digits = text.get(1..text.len().min(3)).unwrap_or_default();
    let is = |digit: &u8, half: u8| char::from(*digit).to_digit(16) == Some(u32::from(half));
    match digits {
        [] => Step::Cut,
        [high] if is(high, wanted >> 4) => Step::Cut,
        [high, low] if is(high, wanted >> 4) && is(low, wanted & 15) => Step::Spelled(3, 1),
        _ => Step::No,
    }
}

fn backslash(needle: &[u8], wanted: u8, text: &[u8]) -> Step {
    let Some(letter) = text.get(1) else { return Step::Cut };
    let meant = match letter {
        b'"' | b'\\' | b'/' | b'\'' => *letter,
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 8,
        b'f' => 12,
        b'u' => return unicode(needle, text.get(2..).unwrap_or_default()),
        _ => return Step::No,
    };
    if meant == wanted { Step::Spelled(2, 1) } else { Step::No }
}

/// `\uXXXX`, and two of them for a character beyond the first plane.
fn unicode(needle: &[u8], digits: &[u8]) -> Step {
    // The character at the beginning of the needle; a needle is text.
    let length = needle.first().map_or(1, |first| match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    });
    let Some(character) = needle.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok()).and_then(|text| text.chars().next())
    else {
        return Step::No;
    };
    let mut units = [0; 2];
    let mut wanted = String::new();
    for (at, unit) in character.encode_utf16(&mut units).iter().enumerate() {
        let before = if at > 0 { "\\u" } else { "" };
        wanted.push_str(&format!("{before}{unit:04x}"));
    }
    let found = digits.get(..digits.len().min(wanted.len())).unwrap_or_default();
    match is_start_of_hex(found, wanted.as_bytes()) {
        false => Step::No,
        true if found.len() < wanted.len() => Step::Cut,
        true => Step::Spelled(2 + wanted.len(), length),
    }
}

fn is_start_of_hex(found: &[u8], wanted: &[u8]) -> bool {
    wanted.get(..found.len()).is_some_and(|start| start.eq_ignore_ascii_case(found))
}

/// The pairs of bytes with which a spelling of this needle can begin.
pub(super) fn beginnings(needle: &[u8]) -> Vec<(u8, u8)> {
    let (Some(first), Some(second)) = (needle.first(), needle.get(1)) else { return Vec::new() };
    // How the second byte may begin, after one character for the first.
    let then = [*second, b'%', b'\\', b'+'];
    let mut pairs: Vec<(u8, u8)> = then.iter().map(|next| (*first, *next)).collect();
    if *first == b' ' {
        pairs.extend(then.iter().map(|next| (b'+', *next)));
    }
    let high = char::from_digit(u32::from(first >> 4), 16).unwrap_or('0');
    pairs.extend([high.to_ascii_lowercase(), high.to_ascii_uppercase()].map(|digit| (b'%', digit as u8)));
    pairs.push((b'\\', b'u'));
    let letter = match first {
        b'"' | b'\\' | b'/' | b'\'' => Some(*first),
        b'\n' => Some(b'n'),
        b'\t' => Some(b't'),
        b'\r' => Some(b'r'),
        8 => Some(b'b'),
        12 => Some(b'f'),
        _ => None,
    };
    pairs.extend(letter.map(|letter| (b'\\', letter)));
    pairs
}
