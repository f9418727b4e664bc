//! Headers of the files in an offline bundle: the oldest part of the tar format.
//!
//! Written always the same for the same name and size. Refuses, when it reads, all but
//! plain files with the names of a registry: no links, folders, devices, prefixes,
//! extensions, no `..`. Who reads a whole archive checks sizes and repeated names.

use crate::digest::is_sha256_hex;
use crate::naming::plain_line;

/// What tar counts in; bytes.
pub const BLOCK: usize = 512;

/// Whether a bundle may hold a file of this name.
pub fn is_known(name: &str) -> bool {
    match name.split('/').collect::<Vec<_>>().as_slice() {
        ["metadata", "timestamp.json"] => true,
        ["metadata", file] => match file.split_once('.') {
            Some((number, "root.json" | "snapshot.json" | "targets.json")) => {
                !number.starts_with('0') && number.len() <= 12 && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
            }
            _ => false,
        },
        ["targets", digest] => is_sha256_hex(digest),
        ["blobs", "sha256", prefix, digest] => is_sha256_hex(digest) && digest.get(..2) == Some(prefix),
        _ => false,
    }
}

/// Name and size of the file that follows, or what is wrong.
pub fn read_header(block: &[u8; BLOCK]) -> Result<(String, u64), String> {
    let (name, size) = read_plain_header(block)?;
    if is_known(&name) { Ok((name, size)) } else { Err(format!("`{name}` is no file of a registry")) }
}

/// The same for an archive with other names; its reader says which it knows.
pub fn read_plain_header(block: &[u8; BLOCK]) -> Result<(String, u64), String> {
    let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
    let sum: u32 = block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
    if octal(field(148, 156)) != Some(u64::from(sum)) {
        return Err("a header is damaged".into());
    }
    let name = field(0, 100).split(|byte| *byte == 0).next().unwrap_or_default();
    let shown = plain_line(&String::from_utf8_lossy(name), 120);
    if field(156, 157) != b"0" || field(157, 257).iter().any(|byte| *byte != 0) {
        return Err(format!("`{shown}` is not a plain file; links, folders and devices are not taken"));
    }
    if field(345, 500).iter().any(|byte| *byte != 0) || shown.as_bytes() != name {
        return Err(format!("the name `{shown}` is written in a way that is not taken"));
    }
    let size = octal(field(124, 136)).ok_or_else(|| format!("the size of `{shown}` is malformed"))?;
    Ok((shown, size))
}

/// Octal digits, ended by a space or a zero byte.
fn octal(field: &[u8]) -> Option<u64> {
    let digits = field.split(|byte| *byte == 0 || *byte == b' ').next()?;
    let legal = !digits.is_empty() && digits.iter().all(|digit| (b'0'..=b'7').contains(digit));
    u64::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| legal)?, 8).ok()
}

/// A header for a file. The name must be known, and the size below 8 GiB; a reader refuses others.
pub fn write_header(name: &str, size: u64) -> Vec<u8> {
    let mut header = Vec::with_capacity(BLOCK);
    header.extend(name.as_bytes());
    header.resize(100, 0);
    header.extend(b"0000644\x000000000\x000000000\0");
    header.extend(format!("{size:011o}\0").as_bytes());
    header.extend(b"00000000000\0        0");
    header.resize(257, 0);
    header.extend(b"ustar\x0000");
    header.resize(BLOCK, 0);
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header.splice(148..156, format!("{sum:06o}\0 ").into_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_back_as_it_was_written() {
        let digest = "ab".repeat(32);
        for name in ["metadata/timestamp.json", "metadata/12.root.json", &format!("targets/{digest}"), &format!("blobs/sha256/ab/{digest}")]
        {
            for size in [0, 1, 512, (1 << 33) - 1] {
                let header: [u8; BLOCK] = write_header(name, size).try_into().unwrap();
                assert_eq!(read_header(&header), Ok((name.to_owned(), size)));
            }
        }
    }

    #[test]
    fn a_number_with_a_sign_is_no_size() {
        assert_eq!(octal(b"+17\0"), None);
        assert_eq!(octal(b"17 "), Some(15));
        assert_eq!(octal(b"\0"), None);
    }
}
