//! The tree beside a library's, and what a stranger may do to a checkpoint or a proof.

use super::*;
use crate::signature::SecretKey;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;

fn rows(count: u64) -> Vec<Hash> {
    let mut rows: Vec<Hash> = Vec::new();
    for number in 1..=count {
        let previous = rows.last().copied().unwrap_or(BEFORE_FIRST);
        rows.push(link(&previous, number, 5, format!("row {number}").as_bytes()));
    }
    rows
}

fn frontier(rows: &[Hash]) -> Frontier {
    let mut frontier = Frontier::default();
    rows.iter().for_each(|row| frontier.push(row));
    frontier
}

fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

/// A proof of a row out of so many.
fn proof(number: u64, count: u64) -> Proof {
    let rows = rows(count);
    let checkpoint = Checkpoint { size: count, root: frontier(&rows).root() };
    let index = number - 1;
    let previous = if index == 0 { BEFORE_FIRST } else { rows[index as usize - 1] };
    Proof {
        schema: 1,
        number,
        at_ms: 5,
        row: format!("row {number}"),
        previous: hex::encode(previous),
        path: inclusion_path(&rows, index).unwrap().iter().map(hex::encode).collect(),
        checkpoint: checkpoint.sign(&key()),
        key: key().public().text(),
    }
}

#[test]
fn the_tree_has_the_roots_that_the_rfc_gives() {
    // RFC 6962 §2.1: the root of nothing is the hash of the empty text.
    assert_eq!(hex::encode(Frontier::default().root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let one = frontier(&rows(1));
    assert_eq!((one.size(), one.to_bytes().len()), (1, 32));
}

proptest! {
    #[test]
    fn roots_and_paths_are_those_of_another_implementation(count in 0_u64..70, pick in any::<proptest::sample::Index>()) {
        let rows = rows(count);
        let mut theirs = MemoryBackedTree::<sha2_11::Sha256, Hash>::new();
        rows.iter().for_each(|row| theirs.push(*row));
        let ours = frontier(&rows);
        let root = theirs.root();
        prop_assert_eq!(ours.root().to_vec(), root.as_bytes().to_vec());
        prop_assert_eq!(Frontier::from_bytes(count, &ours.to_bytes()), Some(ours.clone()));
        prop_assert_eq!(inclusion_path(&rows, count), None);
        if count > 0 {
            let index = pick.index(rows.len());
            let path = inclusion_path(&rows, index as u64).unwrap();
            let their_path = theirs.prove_inclusion(index);
            prop_assert_eq!(path.concat(), their_path.as_bytes());
            prop_assert_eq!(root_of_path(&rows[index], index as u64, count, &path), Some(ours.root()));
            for wrong in [index as u64 + 1, count] {
                prop_assert_ne!(root_of_path(&rows[index], wrong, count, &path), Some(ours.root()));
            }
        }
    }

    #[test]
    fn no_text_that_was_changed_in_one_place_is_a_checkpoint(at in any::<proptest::sample::Index>(), byte in 0_u8..128) {
        let note = Checkpoint { size: 12, root: [3; 32] }.sign(&key());
        let mut bytes = note.clone().into_bytes();
        let at = at.index(bytes.len());
        let same = bytes[at] == byte;
        bytes[at] = byte;
        let read = String::from_utf8(bytes).ok().and_then(|text| Checkpoint::verify(&text, &key().public()).ok());
        // White space around the whole is all that does not count.
        let trimmed = at == note.len() - 1 && (byte == b'\n' || byte == b' ');
        prop_assert_eq!(read.is_some(), same || trimmed);
    }

    #[test]
    fn any_text_is_read_without_harm(text in "\\PC{0,80}(\n\\PC{0,40}){0,6}") {
        let _ = Checkpoint::verify(&text, &key().public());
        let _ = Checkpoint::verify_all(&text, &key().public());
        let _ = Proof::parse(&text);
    }
}

#[test]
fn a_frontier_of_another_size_is_refused() {
    let bytes = frontier(&rows(5)).to_bytes();
    assert_eq!(Frontier::from_bytes(4, &bytes), None);
    assert_eq!(Frontier::from_bytes(5, &bytes[1..]), None);
}

#[test]
fn a_checkpoint_is_read_back_by_its_key_alone() {
    let checkpoint = Checkpoint { size: 3, root: [9; 32] };
    let note = checkpoint.sign(&key());
    assert_eq!(Checkpoint::verify(&note, &key().public()), Ok(checkpoint.clone()));
    let other = SecretKey::from_seed(&[8; 32]);
    assert!(matches!(Checkpoint::verify(&note, &other.public()), Err(CheckpointError::Origin(..))));
    // Another key under our name.
    let forged = checkpoint.sign(&other).replace(&origin(&other.public()), &origin(&key().public()));
    assert!(matches!(Checkpoint::verify(&forged, &key().public()), Err(CheckpointError::Signature(_))));
    let several = format!("{note}\n{}", Checkpoint { size: 4, root: [1; 32] }.sign(&key()));
    let sizes: Vec<u64> = Checkpoint::verify_all(&several, &key().public()).unwrap().iter().map(|one| one.size).collect();
    assert_eq!(sizes, [3, 4]);
    assert_eq!(Checkpoint::verify_all("\n", &key().public()), Ok(Vec::new()));
    assert!(Checkpoint::verify_all("something else", &key().public()).is_err());
    let of_another = Checkpoint { size: 9, root: [1; 32] }.sign(&other);
    for begun_anew in [format!("{of_another}\n{note}"), format!("{note}\n{of_another}"), format!("{note}\nnoise\n\n{note}")] {
        assert!(Checkpoint::verify_all(&begun_anew, &key().public()).is_err(), "{begun_anew}");
    }
}

#[test]
fn a_second_spelling_of_the_size_is_refused() {
    let note = Checkpoint { size: 3, root: [9; 32] }.sign(&key());
    for size in ["03", "+3", "3 ", "-1", "99999999999999999999"] {
        let changed = note.replacen("\n3\n", &format!("\n{size}\n"), 1);
        assert!(matches!(Checkpoint::verify(&changed, &key().public()), Err(CheckpointError::Form(_))), "{size}");
    }
}

#[test]
fn a_proof_proves_its_row_and_nothing_else() {
    for (number, count) in [(1, 1), (1, 2), (2, 2), (3, 5), (5, 5), (64, 100)] {
        let good = proof(number, count);
        assert_eq!(good.check(Some(&key().public())).unwrap().size, count);
        assert_eq!(Proof::parse(&serde_json::to_string(&good).unwrap()), Ok(good.clone()));
        let changes: [fn(&mut Proof); 5] = [
            |proof| proof.row.push('!'),
            |proof| proof.number += 1,
            |proof| proof.at_ms += 1,
            |proof| proof.previous = hex::encode([1; 32]),
            |proof| proof.path.push(hex::encode([1; 32])),
        ];
        for change in changes {
            let mut bad = good.clone();
            change(&mut bad);
            assert!(matches!(bad.check(None), Err(ProofError::NotIncluded(_))), "{bad:?}");
        }
    }
}

#[test]
fn a_proof_by_another_key_is_told_apart() {
    let other = SecretKey::from_seed(&[8; 32]).public();
    assert!(matches!(proof(1, 2).check(Some(&other)), Err(ProofError::Key { .. })));
}
