//! One file: a component, then one custom section with release and signatures.
//!
//! The scan reads section headers only and never trusts a length. It runs on bytes
//! that nobody vouches for yet, so it must not panic, allocate or go on for long.
//! Refuses a release section that is not the last thing in the file, and any second
//! spelling of its lengths: for given documents there is one file.

use super::ReleaseError;
use crate::limits::{RELEASE_JSON_BYTES, SECTIONS, SIGNATURES_JSON_BYTES};

/// The custom section's name.
pub const RELEASE_SECTION: &str = "skynet:release";

const MAGIC: &[u8] = b"\0asm";
const COMPONENT: &[u8] = &[0x0d, 0, 1, 0];
const MODULE: &[u8] = &[1, 0, 0, 0];
const ELF: &[u8] = b"\x7fELF";
const CUSTOM: u8 = 0;

/// The three parts of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split<'a> {
    /// All bytes before the section.
    pub component: &'a [u8],
    /// As signed.
    pub release_json: &'a [u8],
    /// The signatures over it.
    pub signatures_json: &'a [u8],
}

/// Takes a file apart. The parts are not verified yet.
pub fn split(file: &[u8]) -> Result<Split<'_>, ReleaseError> {
    let found = scan(file)?.ok_or(ReleaseError::Unsigned)?;
    let malformed = |what: &str| ReleaseError::Malformed(format!("in the `{RELEASE_SECTION}` section, {what}"));
    let mut rest = Reader { bytes: found.payload, at: 0 };
    let release_json = rest.document().ok_or_else(|| malformed("release.json is cut off"))?;
    let signatures_json = rest.document().ok_or_else(|| malformed("signatures.json is cut off"))?;
    if rest.at != found.payload.len() {
        return Err(ReleaseError::TrailingInSection);
    }
    for (what, document, max) in
        [("release.json", release_json, RELEASE_JSON_BYTES), ("signatures.json", signatures_json, SIGNATURES_JSON_BYTES)]
    {
        if document.len() > max {
            return Err(ReleaseError::TooLarge { what, size: document.len(), max });
        }
    }
    let canonical = section(release_json, signatures_json).len();
    if found.component.len() + canonical != file.len() {
        return Err(malformed("a length is written longer than needed"));
    }
    Ok(Split { component: found.component, release_json, signatures_json })
}

/// Puts a file together. `component` must not carry a release section: `strip` it first.
pub fn join(component: &[u8], release_json: &[u8], signatures_json: &[u8]) -> Vec<u8> {
    let mut file = component.to_vec();
    file.extend(section(release_json, signatures_json));
    file
}

/// The component alone; the whole file when there is no section at its end.
pub fn strip(file: &[u8]) -> &[u8] {
    match scan(file) {
        Ok(Some(found)) => found.component,
        Ok(None) | Err(_) => file,
    }
}

struct Found<'a> {
    component: &'a [u8],
    payload: &'a [u8],
}

fn scan(file: &[u8]) -> Result<Option<Found<'_>>, ReleaseError> {
    let mut reader = Reader { bytes: file, at: check_preamble(file)? };
    for _ in 0..=SECTIONS {
        let start = reader.at;
        let Some(id) = reader.byte() else {
            return Ok(None);
        };
        let size = match reader.leb_u32() {
            Leb::Value(size) => size,
            Leb::End => return Err(ReleaseError::Truncated { at: start }),
            Leb::Overlong => return Err(ReleaseError::Malformed(format!("the section at byte {start} has an impossible length"))),
        };
        let body = usize::try_from(size).ok().and_then(|size| reader.take(size)).ok_or(ReleaseError::Truncated { at: start })?;
        if let Some(payload) = release_payload(id, body) {
            let component = file.get(..start).unwrap_or_default();
            return if reader.at == file.len() { Ok(Some(Found { component, payload })) } else { Err(ReleaseError::Trailing) };
        }
    }
    Err(ReleaseError::TooManySections(SECTIONS))
}

fn check_preamble(file: &[u8]) -> Result<usize, ReleaseError> {
    if file.starts_with(ELF) {
        return Err(ReleaseError::Precompiled);
    }
    let after_magic = file.strip_prefix(MAGIC).ok_or(ReleaseError::NotWasm)?;
    let kind = after_magic.get(..4).ok_or(ReleaseError::Truncated { at: 0 })?;
    match kind {
        COMPONENT => Ok(MAGIC.len() + COMPONENT.len()),
        MODULE => Err(ReleaseError::CoreModule),
        other => Err(ReleaseError::Malformed(format!("its WebAssembly version is {other:02x?}, which is neither module nor component"))),
    }
}

fn release_payload(id: u8, body: &[u8]) -> Option<&[u8]> {
    if id != CUSTOM {
        return None;
    }
    let mut reader = Reader { bytes: body, at: 0 };
    let Leb::Value(length) = reader.leb_u32() else {
        return None;
    };
    let name = reader.take(usize::try_from(length).ok()?)?;
    if name == RELEASE_SECTION.as_bytes() { body.get(reader.at..) } else { None }
}

fn section(release_json: &[u8], signatures_json: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    push_leb(&mut body, length(RELEASE_SECTION.as_bytes()));
    body.extend(RELEASE_SECTION.as_bytes());
    for document in [release_json, signatures_json] {
        body.extend(length(document).to_le_bytes());
        body.extend(document);
    }
    let mut section = vec![CUSTOM];
    push_leb(&mut section, length(&body));
    section.extend(body);
    section
}

/// Documents have limits far below; a longer one gives a file that `split` refuses.
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn push_leb(out: &mut Vec<u8>, mut value: u32) {
    loop {
        let [low, ..] = (value & 0x7f).to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

enum Leb {
    Value(u32),
    End,
    Overlong,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(size)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn leb_u32(&mut self) -> Leb {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let Some(byte) = self.byte() else {
                return Leb::End;
            };
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && byte > 0x0f {
                return Leb::Overlong;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Leb::Value(value);
            }
        }
        Leb::Overlong
    }

    fn document(&mut self) -> Option<&'a [u8]> {
        let size: [u8; 4] = self.take(4)?.try_into().ok()?;
        self.take(usize::try_from(u32::from_le_bytes(size)).ok()?)
    }
}
