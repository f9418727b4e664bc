//! Archives from somebody who wants a file elsewhere, or none at all to fit.

use super::*;
use skynet_policy::registry::archive::write_header;
use std::io::Cursor;

fn digest(digit: &str) -> String {
    format!("targets/{}", digit.repeat(64))
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in files {
        bytes.extend(write_header(name, u64::try_from(content.len()).unwrap()));
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    }
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    bytes
}

fn read(bytes: &[u8]) -> Result<BTreeMap<String, (u64, u64)>, String> {
    table(&mut Cursor::new(bytes), u64::try_from(bytes.len()).unwrap())
}

/// Changes the first header and makes its sum right again.
fn forged(change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut bytes = archive(&[("metadata/timestamp.json", b"{}")]);
    change(&mut bytes[..BLOCK]);
    bytes[148..156].fill(b' ');
    let sum: u32 = bytes[..BLOCK].iter().map(|byte| u32::from(*byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes
}

#[test]
fn plain_files_with_known_names_are_found_where_they_lie() {
    let name = digest("a");
    let table = read(&archive(&[("metadata/1.root.json", b"root"), (&name, b""), ("metadata/timestamp.json", &[7; 600])])).unwrap();
    assert_eq!(table["metadata/1.root.json"], (512, 4));
    assert_eq!(table[&name], (1536, 0));
    assert_eq!(table["metadata/timestamp.json"], (2048, 600));
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for evil in [
        "../metadata/timestamp.json",
        "metadata/../../x",
        "/etc/passwd",
        "metadata//timestamp.json",
        "./metadata/timestamp.json",
        "metadata/timestamp.json/x",
        "metadata/01.root.json",
        "metadata/.root.json",
        "metadata/x.targets.json",
        "targets/short",
        "blobs/sha256/ab/cd",
        "METADATA/timestamp.json",
        "metadata/timestamp.json\u{202e}",
        "",
    ] {
        assert!(read(&archive(&[(evil, b"x")])).is_err(), "{evil}");
    }
    let blob = format!("blobs/sha256/bb/{}", "a".repeat(64));
    assert!(read(&archive(&[(&blob, b"x")])).is_err(), "in another blob's folder");
}

#[test]
fn links_folders_devices_and_extensions_are_refused() {
    for kind in b"\x0012345673xgLKVS" {
        let refused = read(&forged(|header| header[156] = *kind));
        assert!(refused.is_err_and(|why| why.contains("not a plain file")), "{kind}");
    }
    assert!(read(&forged(|header| header[157] = b'x')).is_err(), "a target of a link");
    assert!(read(&forged(|header| header[345] = b'x')).is_err(), "a prefix");
    assert!(read(&forged(|header| header[124..136].fill(0xff))).is_err(), "a size in base 256");
    assert!(read(&forged(|header| header[124..136].copy_from_slice(b"            "))).is_err(), "no size");
    assert!(read(&forged(|_| {})).is_ok());
}

#[test]
fn two_files_of_a_name_and_sizes_beyond_the_end_are_refused() {
    let name = digest("a");
    assert!(read(&archive(&[(&name, b"x"), (&name, b"y")])).unwrap_err().contains("twice"));
    let huge = forged(|header| header[124..136].copy_from_slice(b"77777777777\0"));
    assert!(read(&huge).unwrap_err().contains("larger than the bundle"));
}

#[test]
fn a_bundle_that_is_cut_anywhere_or_goes_on_is_refused() {
    let name = digest("a");
    let whole = archive(&[("metadata/timestamp.json", b"{}"), (&name, &[1; 700])]);
    read(&whole).unwrap();
    for end in 0..whole.len() {
        assert!(read(&whole[..end]).is_err(), "cut at {end}");
    }
    for tail in [vec![0], vec![0; BLOCK], b"x".to_vec(), archive(&[])] {
        assert!(read(&[whole.clone(), tail].concat()).is_err());
    }
    let mut damaged = whole;
    damaged[3] ^= 1;
    assert!(read(&damaged).unwrap_err().contains("damaged"));
}

#[test]
fn a_bundle_beyond_its_bounds_is_refused_before_it_is_held_in_memory() {
    let names: Vec<String> = (0..=BUNDLE_FILES).map(|at| format!("targets/{at:064x}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    assert!(read(&archive(&files)).unwrap_err().contains("more than"));
    assert_eq!(read(&archive(&files[1..])).unwrap().len(), BUNDLE_FILES);
    assert!(table(&mut Cursor::new(archive(&[])), BUNDLE_BYTES + 1).unwrap_err().contains("at most"));
}
