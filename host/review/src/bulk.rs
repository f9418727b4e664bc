//! Parts that a reader cannot read: whole programs, what is compressed, long base64.
//!
//! One pass over each data segment, whatever is in it.

use crate::budget::Counts;
use crate::finding::Finding;
use crate::limits;
use crate::review::{finding, finding_at};
use crate::rules;
use crate::shape::Region;

/// Data segments, one by one.
pub(crate) fn look(region: &Region<'_>) -> Vec<Finding> {
    let mut found = programs(region);
    found.extend(entropy(region));
    found.extend(base64(region.bytes, region.place, region.offset));
    found
}

/// Whole parts that are far larger than in other plugins.
pub(crate) fn sizes(counts: &Counts) -> Vec<Finding> {
    let parts = [
        ("bytes of data", counts.data_bytes, limits::LARGE_DATA),
        ("bytes of custom sections", counts.custom_bytes, limits::LARGE_CUSTOM),
        ("bytes in one function", counts.largest_function, limits::LARGE_FUNCTION),
        ("modules", counts.modules, limits::MANY_MODULES),
    ];
    let large = parts.into_iter().filter(|(_, count, usual)| count > usual);
    large.map(|(what, count, usual)| finding(rules::LARGE_PART, "component", &format!("{count} {what}; usual are up to {usual}"))).collect()
}

fn programs(region: &Region<'_>) -> Vec<Finding> {
    let bytes = region.bytes;
    let mut found = Vec::new();
    for at in 0..bytes.len().saturating_sub(8) {
        let rest = bytes.get(at..).unwrap_or_default();
        let what = match rest {
            [0, b'a', b's', b'm', 1 | 0x0d, 0, 0 | 1, 0, ..] => "WebAssembly",
            [0x7f, b'E', b'L', b'F', 1 | 2, 1 | 2, 1, ..] => "ELF",
            [b'M', b'Z', ..] if is_pe(rest) => "PE",
            [0xfe, 0xed, 0xfa, 0xce | 0xcf, 0, 0, 0, _, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, _, 0, 0, _, ..] => "Mach-O",
            _ => continue,
        };
        found.push(finding_at(rules::EMBEDDED_PROGRAM, region.place, region.offset + at, what));
        if found.len() == limits::KEPT {
            break;
        }
    }
    found
}

/// `MZ` alone stands in much data; the header behind it does not.
fn is_pe(bytes: &[u8]) -> bool {
    let Some(pointer) = bytes.get(0x3c..0x40).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes) else {
        return false;
    };
    let at = usize::try_from(pointer).unwrap_or(usize::MAX);
    (0x40..0x1000).contains(&at) && bytes.get(at..).is_some_and(|rest| rest.starts_with(b"PE\0\0"))
}

/// The first window whose bytes look like chance, and how many windows do.
fn entropy(region: &Region<'_>) -> Option<Finding> {
    let mut windows = region.bytes.chunks_exact(limits::ENTROPY_WINDOW).enumerate();
    let (first, highest) =
        windows.by_ref().map(|(at, window)| (at, disorder(window))).find(|(_, bits)| *bits > limits::ENTROPY_CENTIBITS)?;
    let more = windows.filter(|(_, window)| disorder(window) > limits::ENTROPY_CENTIBITS).count();
    let bytes = (more + 1) * limits::ENTROPY_WINDOW;
    let what = format!("{bytes} bytes with {}.{:02} bits of entropy in a byte", highest / 100, highest % 100);
    Some(finding_at(rules::HIGH_ENTROPY, region.place, region.offset + first * limits::ENTROPY_WINDOW, &what))
}

/// Entropy in hundredths of a bit for each byte, thrown together or as numbers of two bytes,
/// whichever shows more order. A table of characters looks like chance only while its high and
/// low bytes are thrown together; what is compressed or enciphered looks so in each place.
fn disorder(window: &[u8]) -> u32 {
    let whole = centibits(window.iter());
    if whole <= limits::ENTROPY_CENTIBITS {
        return whole;
    }
    let place = |skipped: usize| centibits(window.iter().skip(skipped).step_by(2));
    whole.min(place(0).midpoint(place(1)))
}

/// Shannon's entropy in hundredths of a bit for each byte.
fn centibits<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    let (mut counts, mut all) = ([0u32; 256], 0u32);
    for byte in bytes {
        all = all.saturating_add(1);
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let all = f64::from(all);
    let bits: f64 = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / all).map(|share| -share * share.log2()).sum();
    // At most 8 bits, so this always fits.
    (bits * 100.0).round() as u32
}

/// Whether letters of both cases and digits stand in it as in bytes that were encoded.
/// Words that run into each other have few capitals, tables few different letters.
fn is_encoded(run: &[u8]) -> bool {
    let percent = |of: fn(&u8) -> bool| run.iter().filter(|b| of(b)).count().saturating_mul(100).checked_div(run.len()).unwrap_or_default();
    let base64 = percent(u8::is_ascii_uppercase) >= 20 && percent(u8::is_ascii_lowercase) >= 20 && percent(u8::is_ascii_digit) >= 6;
    (base64 && centibits(run.iter()) > 500) || (percent(u8::is_ascii_hexdigit) == 100 && centibits(run.iter()) > 350)
}

/// Runs of base64 that no certificate explains.
pub(crate) fn base64(bytes: &[u8], place: &str, offset: usize) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut start = 0;
    for at in 0..=bytes.len() {
        let inside = bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'='));
        if inside {
            continue;
        }
        let run = bytes.get(start..at).unwrap_or_default();
        if run.len() >= limits::BASE64_RUN && is_encoded(run) {
            let head = String::from_utf8_lossy(run.get(..8).unwrap_or_default()).into_owned();
            found.push(finding_at(rules::LONG_BASE64, place, offset + start, &format!("{head}… ({} characters)", run.len())));
        }
        start = at + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> Vec<(String, Option<u64>)> {
        look(&Region { place: "data", offset: 100, bytes }).into_iter().map(|finding| (finding.rule, finding.offset)).collect()
    }

    /// Bytes without a pattern, the same each time.
    fn noise(count: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    #[test]
    fn programs_inside_data_are_seen_at_their_place() {
        let with = |magic: &[u8]| [b"some text".as_slice(), magic, &[0; 200]].concat();
        for magic in [b"\0asm\x01\0\0\0".as_slice(), b"\0asm\x0d\0\x01\0", b"\x7fELF\x02\x01\x01\0"] {
            assert_eq!(found(&with(magic)), [("embedded-program".into(), Some(109))], "{magic:?}");
        }
        let mut pe = vec![0; 0x200];
        pe[..2].copy_from_slice(b"MZ");
        pe[0x3c] = 0x80;
        pe[0x80..0x84].copy_from_slice(b"PE\0\0");
        assert_eq!(found(&pe), [("embedded-program".into(), Some(100))]);
        assert_eq!(found(b"MZ and \x7fELF as words, \0asm too, with enough behind them"), []);
    }

    #[test]
    fn compressed_data_is_told_from_tables_and_text() {
        let noise = noise(200_000);
        assert_eq!(found(&noise), [("high-entropy".into(), Some(100))]);
        assert_eq!(found(&noise[..60_000]), [], "a small icon");
        assert_eq!(found(&[7; 200_000]), []);
        assert_eq!(found(&b"plain words, and more of them. ".repeat(8_000)), []);
    }

    #[test]
    fn a_table_of_numbers_is_no_chance_and_what_is_enciphered_stays_so_however_it_is_cut() {
        // Characters of one script: the low bytes are any, the high ones of a few dozen.
        let table: Vec<u8> = noise(200_000).chunks_exact(2).flat_map(|pair| [pair[0], 0x4e + pair[1] % 0x52]).collect();
        let window = &table[..limits::ENTROPY_WINDOW];
        assert!(centibits(window.iter()) > limits::ENTROPY_CENTIBITS, "thrown together it looks like chance");
        assert_eq!(found(&table), []);
        for (start, name) in [(0, "whole"), (1, "one byte further"), (3, "three bytes further")] {
            assert_eq!(found(&noise(200_000)[start..]), [("high-entropy".into(), Some(100))], "{name}");
        }
        // Enciphered, behind a table.
        let behind = [table[..131_072].to_vec(), noise(100_000)].concat();
        assert_eq!(found(&behind), [("high-entropy".into(), Some(100 + 131_072))]);
    }

    #[test]
    fn long_base64_is_told_from_rows_of_letters() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let long: Vec<u8> = noise(5_000).iter().map(|b| alphabet[usize::from(b % 64)]).collect();
        assert_eq!(found(&[b"x ".as_slice(), &long, b" y"].concat()), [("long-base64".into(), Some(102))]);
        assert_eq!(found(&long[..4_000]), []);
        assert_eq!(found(&b"A".repeat(9_000)), []);
        assert_eq!(found(&b"Africa/AbidjanAmerica/Port_of_SpainEtc/GMT-9".repeat(200)), []);
        let hex: String = noise(3_000).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(found(hex.as_bytes()), [("long-base64".into(), Some(100))]);
    }
}
