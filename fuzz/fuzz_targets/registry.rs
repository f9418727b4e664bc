//! What a registry or a bundle says, before and after its signatures were checked.
//!
//! Held: a document that is read is read again as the same; a name has one spelling and
//! stays in its folder; a record that verifies asks for no more keys than it has; what
//! looks alike does so from both sides; a header means a plain file of a known name.
//!
//! Input: a document, a name, two ids on two lines, or a block of an archive.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skynet_core::PluginId;
use skynet_policy::registry::advisories::Advisories;
use skynet_policy::registry::archive::{BLOCK, is_known, read_header, write_header};
use skynet_policy::registry::index::Index;
use skynet_policy::registry::publisher::PublisherRecord;
use skynet_policy::registry::similar::similar;
use skynet_policy::registry::target::Target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(index) = Index::parse(bytes) {
        assert_eq!(Index::parse(&index.to_bytes()).as_ref(), Ok(&index));
        assert!(index.search("a b").len() <= index.plugins.len());
    }
    if let Ok(all) = Advisories::parse(bytes) {
        assert_eq!(Advisories::parse(&all.to_bytes()).as_ref(), Ok(&all));
        for advisory in &all.advisories {
            let digest = advisory.release.clone().unwrap_or_default();
            let signers: Vec<_> = advisory.key.iter().cloned().collect();
            let standing = all.judge(&digest, &signers);
            assert!(standing.worst() >= Some(advisory.kind), "a word was lost");
            assert!(standing.may_load() || !standing.may_install());
        }
    }
    if let Ok(record) = PublisherRecord::parse(bytes) {
        assert_eq!(PublisherRecord::parse(&record.to_bytes()).as_ref(), Ok(&record));
        if let Ok(publisher) = record.verify() {
            let (keys, threshold) = publisher.current();
            assert!((1..=keys.len()).contains(&threshold));
        }
    }
    if let Some(Ok((name, size))) = bytes.first_chunk::<BLOCK>().map(read_header) {
        assert!(is_known(&name) && !name.contains("..") && !name.starts_with('/'));
        let again: [u8; BLOCK] = write_header(&name, size).try_into().expect("a block");
        assert_eq!(read_header(&again), Ok((name, size)));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(target) = Target::parse(text) {
        assert_eq!(target.to_string(), text);
        assert!(text.is_ascii() && !text.contains(['/', '\\', ' ']) && !text.starts_with('.') && text.len() < 200);
    }
    let mut ids = text.lines().map(PluginId::new);
    if let (Some(Ok(one)), Some(Ok(other))) = (ids.next(), ids.next()) {
        assert_eq!(similar(&one, [&other]).is_some(), similar(&other, [&one]).is_some(), "{one} {other}");
        assert_eq!(similar(&one, [&one]), None);
    }
});
