//! The forms of one value that are looked for.
//!
//! Base64 of a text depends on where in a group of three bytes the text begins, so there
//! are three forms, each without the characters that its neighbours have a part in. The one
//! behind it, which holds the value's last bits, goes with it, and so does the padding; the one
//! before it, which may have been passed on by then, tells at most four bits. A value that a form would change
//! by escaping is also looked for escaped twice, as JSON inside JSON has it.

use super::spelling::{self, Fit, Reading, Tail};
use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{GeneralPurpose, general_purpose::NO_PAD};
use zeroize::Zeroizing;

/// One form of one value.
pub(super) struct Needle {
    name: String,
    bytes: Zeroizing<Vec<u8>>,
    readings: Vec<Reading>,
    /// What goes with it when it follows.
    tail: Tail,
}

impl Needle {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How a text that begins here may spell it, one for each reading.
    pub(super) fn fits(&self, text: &[u8]) -> impl Iterator<Item = Fit> {
        self.readings.iter().map(move |reading| match spelling::fit(&self.bytes, text, *reading) {
            Fit::Whole(length) => spelling::with_tail(self.tail, text, length, *reading),
            other => other,
        })
    }
}

/// All forms of a value, none of them twice.
pub(super) fn of(name: &str, value: &str) -> Vec<Needle> {
    let hex = Zeroizing::new(hex::encode(value));
    let escaped = Zeroizing::new(serde_json::to_string(value).unwrap_or_default());
    let inner = escaped.get(1..escaped.len().saturating_sub(1)).unwrap_or(value);
    let plain = [value.as_bytes().to_vec(), inner.as_bytes().to_vec(), hex.to_ascii_uppercase().into_bytes(), hex.as_bytes().to_vec()];
    let mut forms: Vec<(Zeroizing<Vec<u8>>, Tail)> = plain.into_iter().map(|bytes| (Zeroizing::new(bytes), Tail::None)).collect();
    for alphabet in [&STANDARD, &URL_SAFE] {
        forms.extend((0..3).map(|shift| base64_at(alphabet, value.as_bytes(), shift)));
    }
    let mut needles: Vec<Needle> = Vec::with_capacity(forms.len());
    for (bytes, tail) in forms {
        if !needles.iter().any(|known| known.bytes == bytes) {
            needles.push(Needle { name: name.to_owned(), readings: spelling::readings(&bytes), bytes, tail });
        }
    }
    needles
}

/// The characters that this value alone decides, when it stands `shift` bytes after the
/// beginning of a group, and what may follow that it has a part in.
fn base64_at(alphabet: &Alphabet, value: &[u8], shift: usize) -> (Zeroizing<Vec<u8>>, Tail) {
    let shifted = Zeroizing::new([[0, 0, 0].get(..shift).unwrap_or_default(), value].concat());
    let text = Zeroizing::new(GeneralPurpose::new(alphabet, NO_PAD).encode(shifted.as_slice()));
    let first = (shift * 8).div_ceil(6);
    let end = shifted.len() * 8 / 6;
    let tail = match shifted.len() % 3 {
        0 => Tail::None,
        1 => Tail::Bits { padding: 2 },
        _ => Tail::Bits { padding: 1 },
    };
    (Zeroizing::new(text.get(first..end).unwrap_or_default().as_bytes().to_vec()), tail)
}
