//! Chains of keys: honest changes, and what a registry or a thief would like to pass.

use super::*;
use crate::signature::sign_release;

const NOW: &str = "2026-01-01T00:00:00Z";

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn id(seed: u8) -> KeyId {
    key(seed).public().key_id()
}

fn first(seeds: &[u8], threshold: u32) -> PublisherRecord {
    let keys: Vec<SecretKey> = seeds.iter().map(|seed| key(*seed)).collect();
    let public: Vec<PublicKey> = keys.iter().map(SecretKey::public).collect();
    let statement = KeyStatement::first("acme", &public, threshold, NOW);
    PublisherRecord::new("acme", None, statement.signed(&keys.iter().collect::<Vec<_>>()))
}

/// Pushes a change to `to`, signed by `signers`.
fn change(mut record: PublisherRecord, to: u8, signers: &[u8], withdrawn: &[u8]) -> PublisherRecord {
    let withdrawn = withdrawn.iter().map(|seed| key(*seed).public().key_id()).collect();
    let next = record.next(&[key(to).public()], 1, withdrawn, NOW);
    let signers: Vec<SecretKey> = signers.iter().map(|seed| key(*seed)).collect();
    record.statements.push(next.signed(&signers.iter().collect::<Vec<_>>()));
    record
}

fn signed(seeds: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let release = b"{}".to_vec();
    let mut all = Signatures::none();
    seeds.iter().for_each(|seed| all.merge(sign_release(&key(*seed), &release)));
    (release, all.to_bytes())
}

fn accepts(record: &PublisherRecord, seeds: &[u8]) -> bool {
    let (release, signatures) = signed(seeds);
    record.verify().unwrap().verify(&release, &signatures).is_ok()
}

#[test]
fn a_release_needs_as_many_keys_as_the_publisher_said() {
    let record = first(&[1, 2, 3], 2);
    let record = PublisherRecord::parse(&record.to_bytes()).unwrap();
    assert!(accepts(&record, &[1, 2]) && accepts(&record, &[3, 1]) && accepts(&record, &[1, 2, 9]));
    assert!(!accepts(&record, &[1]) && !accepts(&record, &[1, 9]) && !accepts(&record, &[]));
}

#[test]
fn a_bad_signature_of_a_right_key_condemns_the_release() {
    let record = first(&[1, 2], 1).verify().unwrap();
    let (_, other) = (0, sign_release(&key(2), b"other"));
    let mut envelope = sign_release(&key(1), b"{}");
    envelope.merge(other);
    assert!(matches!(record.verify(b"{}", &envelope.to_bytes()), Err(PublisherError::Signature(SignatureError::BadSignature { .. }))));
}

#[test]
fn an_old_key_signs_for_the_new_one_and_what_it_signed_stays_good() {
    let record = change(first(&[1], 1), 2, &[1, 2], &[]);
    let publisher = record.verify().unwrap();
    assert_eq!(publisher.continuity(&[id(1)], None), Continuity::Rotated);
    assert_eq!(publisher.continuity(&[id(2)], None), Continuity::Same);
    assert_eq!(publisher.continuity(&[id(3)], None), Continuity::Broken);
    assert_eq!(publisher.continuity(&[], None), Continuity::Broken);
    assert!(accepts(&record, &[1]) && accepts(&record, &[2]));
    let (release, signatures) = signed(&[1]);
    assert!(publisher.verify_new(&release, &signatures).is_err(), "an old key signs nothing new");
}

#[test]
fn a_withdrawn_key_counts_for_nothing() {
    let record = change(first(&[1], 1), 2, &[1, 2], &[1]);
    assert!(!accepts(&record, &[1]) && accepts(&record, &[2]));
    let trusted = record.verify().unwrap().trusted_keys("home", NOW);
    assert_eq!(trusted.len(), 1);
    assert_eq!((trusted[0].keyid.clone(), trusted[0].tier), (key(2).public().key_id(), Tier::Registry));
}

#[test]
fn a_change_that_the_old_key_did_not_sign_is_refused() {
    assert!(change(first(&[1], 1), 2, &[2], &[]).verify().is_err(), "the registry's own idea");
    assert!(change(first(&[1], 1), 2, &[1], &[]).verify().is_err(), "a key that nobody has shown");
    assert!(change(first(&[1, 2, 3], 2), 4, &[1, 4], &[]).verify().is_err(), "one of two");
}

#[test]
fn a_chain_that_was_cut_swapped_or_moved_is_refused() {
    let good = change(first(&[1], 1), 2, &[1, 2], &[]);
    good.verify().unwrap();
    let mut cut = good.clone();
    cut.statements.remove(0);
    let mut swapped = good.clone();
    swapped.statements.reverse();
    let mut moved = good.clone();
    moved.namespace = "other".into();
    let mut edited = good.clone();
    edited.statements[1].statement = edited.statements[1].statement.replace("\"threshold\":1", "\"threshold\":1 ");
    let mut empty = good.clone();
    empty.statements.clear();
    for evil in [cut, swapped, moved, edited, empty] {
        assert!(evil.verify().is_err(), "{evil:?}");
    }
    assert!(first(&[1], 0).verify().is_err() && first(&[1], 2).verify().is_err() && first(&[1, 1], 1).verify().is_err());
}

#[test]
fn a_chain_without_end_is_refused_before_its_signatures_are_checked() {
    let mut record = first(&[1], 1);
    record.statements = vec![record.statements[0].clone(); KEY_STATEMENTS + 1];
    assert!(record.verify().unwrap_err().to_string().contains("101 statements"));
}

#[test]
fn a_strangers_key_listed_beside_ours_is_refused() {
    let (ours, theirs) = (key(1), key(9));
    let both = KeyStatement::first("acme", &[ours.public(), theirs.public()], 1, NOW);
    let record = |signers: &[&SecretKey]| PublisherRecord::new("acme", None, both.signed(signers));
    for signers in [&[&theirs][..], &[&ours], &[]] {
        assert!(record(signers).verify().is_err(), "{signers:?}");
    }
    record(&[&ours, &theirs]).verify().unwrap();
    let honest = first(&[1], 1);
    let mut joined = honest.clone();
    joined.statements.push(honest.next(&[ours.public(), theirs.public()], 1, Vec::new(), NOW).signed(&[&theirs]));
    assert!(joined.verify().is_err());
    joined.statements.pop();
    joined.statements.push(honest.next(&[ours.public(), theirs.public()], 1, Vec::new(), NOW).signed(&[&ours, &theirs]));
    let seen = honest.verify().unwrap();
    let joined = joined.verify().unwrap();
    assert_eq!(joined.continuity(&[id(1)], seen.newest_statement()), Continuity::Rotated, "who joins is shown");
    assert_eq!(seen.continuity(&[id(1)], seen.newest_statement()), Continuity::Same);
    assert_eq!(joined.counting().len(), 2);
}

#[test]
fn a_record_that_forgets_what_was_seen_is_a_broken_one() {
    let short = first(&[1], 1);
    let whole = change(short.clone(), 2, &[1, 2], &[]);
    let seen = whole.verify().unwrap();
    // The thief of the old key states something else, or nothing at all.
    for forged in [change(short.clone(), 9, &[1, 9], &[]), short] {
        let forged = forged.verify().unwrap();
        assert_eq!(forged.continuity(&[id(1)], seen.newest_statement()), Continuity::Broken);
        assert!(!forged.continues(seen.newest_statement().unwrap()));
    }
    assert_eq!(seen.continuity(&[id(1)], seen.newest_statement()), Continuity::Rotated);
}

#[test]
fn a_publisher_withdraws_its_own_keys_alone_and_for_good() {
    let refused = |record: PublisherRecord, word: &str| {
        let error = record.verify().unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    refused(change(first(&[1], 1), 2, &[1, 2], &[7]), "in no earlier statement");
    refused(change(first(&[1], 1), 2, &[1, 2], &[2]), "in no earlier statement");
    refused(change(change(first(&[1], 1), 2, &[1, 2], &[1]), 1, &[1, 2], &[]), "which it withdrew");
    refused(change(first(&[1], 1), 1, &[1], &[1]), "which it withdrew");
    let evil = KeyStatement { withdrawn: vec![id(1)], ..KeyStatement::first("evil", &[key(9).public()], 1, NOW) };
    refused(PublisherRecord::new("evil", None, evil.signed(&[&key(9)])), "in no earlier statement");
}
