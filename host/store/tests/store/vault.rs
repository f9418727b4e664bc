//! The vault: what is kept, what opens it, and what somebody who can write the file gets.

use crate::scratch::Scratch;
use skynet_core::ports::{Audit as _, AuditRow};
use skynet_core::secret::SecretValue;
use skynet_store::vault::{Deed, Material, SlotKind, Unlocked};
use skynet_store::{Store, VaultFault};
use zeroize::Zeroizing;

const CANARY: &str = "canary-7f3a9d21";

const BY: &str = "owner";
const SET: Deed<'_> = Deed { by: BY, did: "set" };

fn value(text: &str) -> SecretValue {
    SecretValue::new(text.into())
}

fn material(byte: u8) -> Material {
    Material::new(Zeroizing::new(vec![byte; 32]))
}

fn words(text: &str) -> Material {
    Material::new(Zeroizing::new(text.as_bytes().to_vec()))
}

/// A vault with a key file slot and the secret `a`, set to the canary.
async fn vault() -> (Scratch, Store, Unlocked) {
    let scratch = Scratch::new();
    let store = scratch.open();
    let unlocked = store.make_vault(SlotKind::Keyfile, material(1), BY).await.unwrap();
    store.set_secret(&unlocked, "a", value(CANARY), vec!["https://a.example".into()], SET).await.unwrap();
    (scratch, store, unlocked)
}

async fn read(store: &Store, unlocked: &Unlocked, name: &str) -> Result<String, String> {
    match store.open_vault(unlocked).await.unwrap().secrets.remove(name) {
        None => Err("not there".into()),
        Some(opened) => opened.map(|secret| format!("{} {}", secret.version, secret.value.expose())).map_err(|fault| fault.to_string()),
    }
}

#[tokio::test]
async fn a_value_is_given_back_and_stands_nowhere_in_the_files() {
    let (scratch, store, unlocked) = vault().await;
    assert_eq!(read(&store, &unlocked, "a").await.unwrap(), format!("1 {CANARY}"));
    let rows = store.secrets().await.unwrap();
    assert_eq!((rows[0].name.as_str(), rows[0].version, rows[0].set_ms, rows[0].none), ("a", 1, 1000, false));
    assert!(!format!("{rows:?} {unlocked:?}").contains(CANARY));
    for entry in std::fs::read_dir(scratch.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()));
    }
}

#[tokio::test]
async fn setting_the_same_again_changes_nothing_and_a_new_value_is_the_next_version() {
    let (_scratch, store, unlocked) = vault().await;
    let servers = || vec!["https://a.example".to_owned()];
    let changes = store.vault_changes().await.unwrap();
    let again = store.set_secret(&unlocked, "a", value(CANARY), servers(), SET).await.unwrap();
    assert_eq!((again.version, again.changed), (1, false));
    assert_eq!(store.vault_changes().await.unwrap(), changes);
    assert_eq!(store.set_secret(&unlocked, "a", value("other"), servers(), SET).await.unwrap().version, 2);
    assert_eq!(store.set_secret(&unlocked, "a", value("other"), Vec::new(), SET).await.unwrap().version, 3, "its servers belong to it");
    assert!(store.vault_changes().await.unwrap() > changes);
    assert!(store.remove_secret(&unlocked, "a", BY).await.unwrap());
    assert!(!store.remove_secret(&unlocked, "a", BY).await.unwrap());
    assert_eq!(store.set_secret(&unlocked, "a", value(CANARY), servers(), SET).await.unwrap().version, 4, "no number is given twice");
}

#[tokio::test]
async fn a_row_that_somebody_changed_is_named_with_the_remedy() {
    let checks = [
        ("UPDATE secrets SET name = 'c' WHERE name = 'b'", "c", "belongs to another name"),
        ("UPDATE secrets SET version = 9 WHERE name = 'a'", "a", "belongs to another name, version"),
        ("UPDATE secrets SET servers = '[]' WHERE name = 'a'", "a", "the servers that it may go to were changed"),
        ("UPDATE secrets SET value = (SELECT value FROM secrets WHERE name = 'b') WHERE name = 'a'", "a", "its value"),
        ("UPDATE secrets SET wrapped = (SELECT wrapped FROM secrets WHERE name = 'b') WHERE name = 'a'", "a", "data key"),
        ("DELETE FROM secrets WHERE name = 'a'", "a", "its row was taken out"),
    ];
    for (sql, name, why) in checks {
        let (scratch, store, unlocked) = vault().await;
        store.set_secret(&unlocked, "b", value("another value"), Vec::new(), SET).await.unwrap();
        scratch.raw().execute_batch(sql).unwrap();
        let fault = read(&store, &unlocked, name).await.unwrap_err();
        assert!(fault.contains(&format!("`{name}`")) && fault.contains(why), "{sql}: {fault}");
        assert!(fault.contains(&format!("skynet secret set {name}")), "{fault}");
        // The remedy is one.
        store.set_secret(&unlocked, name, value("mended"), Vec::new(), SET).await.unwrap();
        assert!(read(&store, &unlocked, name).await.unwrap().ends_with(" mended"), "{sql}");
    }
}

#[tokio::test]
async fn an_older_version_that_was_put_back_does_not_open() {
    let (scratch, store, unlocked) = vault().await;
    scratch.raw().execute_batch("CREATE TABLE old AS SELECT * FROM secrets").unwrap();
    store.set_secret(&unlocked, "a", value("new value"), vec!["https://a.example".into()], SET).await.unwrap();
    scratch.raw().execute_batch("DELETE FROM secrets; INSERT INTO secrets SELECT * FROM old").unwrap();
    let fault = read(&store, &unlocked, "a").await.unwrap_err();
    assert!(fault.contains("an older one that was put back"), "{fault}");
}

#[tokio::test]
async fn a_list_of_entries_that_somebody_changed_opens_nothing_until_a_reset() {
    let (scratch, store, unlocked) = vault().await;
    scratch.raw().execute_batch("UPDATE vault SET entries = zeroblob(80)").unwrap();
    assert!(matches!(store.open_vault(&unlocked).await, Err(VaultFault::Entries)));
    assert!(matches!(store.set_secret(&unlocked, "a", value("x"), Vec::new(), SET).await, Err(VaultFault::Entries)));
    store.reset_vault(BY).await.unwrap();
    assert_eq!(store.vault_changes().await.unwrap(), None);
    let anew = store.make_vault(SlotKind::Keyfile, material(1), BY).await.unwrap();
    assert!(store.open_vault(&anew).await.unwrap().secrets.is_empty());
}

#[tokio::test]
async fn each_slot_opens_the_vault_with_its_own_material_alone() {
    let (_scratch, store, unlocked) = vault().await;
    let all = [(SlotKind::Passphrase, words("correct horse")), (SlotKind::Systemd, material(3)), (SlotKind::Keyring, material(4))];
    for (kind, material) in all {
        store.add_vault_slot(&unlocked, kind, material, BY).await.unwrap();
    }
    assert!(matches!(store.add_vault_slot(&unlocked, SlotKind::Systemd, material(3), BY).await, Err(VaultFault::SlotPresent(_))));
    let right = [
        (SlotKind::Keyfile, material(1)),
        (SlotKind::Passphrase, words("correct horse")),
        (SlotKind::Systemd, material(3)),
        (SlotKind::Keyring, material(4)),
    ];
    for (kind, material) in right {
        let opened = store.unlock_vault(kind, material).await.unwrap();
        assert_eq!(read(&store, &opened, "a").await.unwrap(), format!("1 {CANARY}"), "{kind}");
    }
    for (kind, material) in
        [(SlotKind::Keyfile, material(3)), (SlotKind::Passphrase, words("correct house")), (SlotKind::Keyring, words(""))]
    {
        assert!(matches!(store.unlock_vault(kind, material).await, Err(VaultFault::Slot { .. })), "{kind}");
    }
}

#[tokio::test]
async fn a_passphrase_slot_whose_costs_were_lowered_is_refused() {
    let (scratch, store, unlocked) = vault().await;
    store.add_vault_slot(&unlocked, SlotKind::Passphrase, words("correct horse"), BY).await.unwrap();
    let written: String =
        scratch.raw().query_row("SELECT parameters FROM vault_slots WHERE kind = 'passphrase'", [], |row| row.get(0)).unwrap();
    let write = |parameters: &str| {
        let sql = "UPDATE vault_slots SET parameters = ?1 WHERE kind = 'passphrase'";
        assert_eq!(scratch.raw().execute(sql, [parameters]).unwrap(), 1);
    };
    for (from, to) in [("\"memory_kib\":65536", "\"memory_kib\":8"), ("\"passes\":3", "\"passes\":4")] {
        assert!(written.contains(from), "{written}");
        write(&written.replace(from, to));
        let fault = store.unlock_vault(SlotKind::Passphrase, words("correct horse")).await.unwrap_err();
        assert!(matches!(fault, VaultFault::Slot { .. }), "{fault}");
    }
    write(&written);
    store.unlock_vault(SlotKind::Passphrase, words("correct horse")).await.unwrap();
}

#[tokio::test]
async fn the_last_slot_that_lasts_cannot_be_taken_away() {
    let (_scratch, store, unlocked) = vault().await;
    assert!(matches!(store.remove_vault_slot(SlotKind::Keyfile, BY).await, Err(VaultFault::LastSlot(_))));
    store.add_vault_slot(&unlocked, SlotKind::Keyring, material(4), BY).await.unwrap();
    assert!(matches!(store.remove_vault_slot(SlotKind::Keyfile, BY).await, Err(VaultFault::LastSlot(_))), "a keyring may forget");
    store.add_vault_slot(&unlocked, SlotKind::Systemd, material(3), BY).await.unwrap();
    store.remove_vault_slot(SlotKind::Keyfile, BY).await.unwrap();
    assert!(matches!(store.remove_vault_slot(SlotKind::Keyfile, BY).await, Err(VaultFault::NoSlot(_))));
    let kinds: Vec<SlotKind> = store.vault_slots().await.unwrap().iter().map(|slot| slot.kind).collect();
    assert_eq!(kinds, [SlotKind::Systemd, SlotKind::Keyring]);
}

#[tokio::test]
async fn a_rotation_seals_every_data_key_anew_and_ends_the_old_key() {
    let (scratch, store, unlocked) = vault().await;
    store.add_vault_slot(&unlocked, SlotKind::Systemd, material(3), BY).await.unwrap();
    let sealed =
        |column: &str| -> Vec<u8> { scratch.raw().query_row(&format!("SELECT {column} FROM secrets"), [], |row| row.get(0)).unwrap() };
    let (wrapped, kept) = (sealed("wrapped"), sealed("value"));

    let fault = store.rotate_vault(&unlocked, vec![(SlotKind::Keyfile, material(1))], BY).await.unwrap_err();
    assert!(fault.to_string().contains("skynet secret slot rm systemd"), "{fault}");
    assert_eq!(sealed("wrapped"), wrapped, "a rotation that fails leaves everything as it was");

    let given = vec![(SlotKind::Keyfile, material(9)), (SlotKind::Systemd, material(3))];
    let rotated = store.rotate_vault(&unlocked, given, BY).await.unwrap();
    assert_ne!(sealed("wrapped"), wrapped);
    assert_eq!(sealed("value"), kept, "values are not touched");
    assert!(matches!(store.open_vault(&unlocked).await, Err(VaultFault::Rotated)));
    assert!(store.unlock_vault(SlotKind::Keyfile, material(1)).await.is_err());
    let opened = store.unlock_vault(SlotKind::Keyfile, material(9)).await.unwrap();
    for unlocked in [rotated, opened] {
        assert_eq!(read(&store, &unlocked, "a").await.unwrap(), format!("1 {CANARY}"));
    }
}

#[tokio::test]
async fn there_is_one_vault_and_without_one_nothing_is_kept() {
    let scratch = Scratch::new();
    let store = scratch.open();
    assert_eq!(store.vault_changes().await.unwrap(), None);
    assert!(matches!(store.unlock_vault(SlotKind::Keyfile, material(1)).await, Err(VaultFault::Absent)));
    let (one, other) =
        tokio::join!(store.make_vault(SlotKind::Keyfile, material(1), BY), store.make_vault(SlotKind::Keyfile, material(1), BY));
    assert_eq!([one.is_ok(), other.is_ok()].iter().filter(|made| **made).count(), 1);
}

/// All that is sealed in these tables now.
fn sealed(scratch: &Scratch) -> Vec<Vec<u8>> {
    let db = scratch.raw();
    let sql = "SELECT value FROM secrets UNION ALL SELECT wrapped FROM secrets UNION ALL SELECT wrapped FROM vault_slots";
    let mut query = db.prepare(sql).unwrap();
    query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// How many of these stand in some file of the folder.
fn found(scratch: &Scratch, parts: &[Vec<u8>]) -> usize {
    let files = std::fs::read_dir(scratch.folder.path()).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    let files: Vec<Vec<u8>> = files.collect();
    parts.iter().filter(|part| files.iter().any(|file| file.windows(part.len()).any(|window| window == part.as_slice()))).count()
}

#[tokio::test]
async fn what_the_vault_put_away_is_in_no_file_once_that_is_answered() {
    let (scratch, store, unlocked) = vault().await;
    // A value with its data key, and the slot.
    let (first, words) = (sealed(&scratch), words("correct horse"));
    assert_eq!((first.len(), found(&scratch, &first)), (3, 3));
    store.set_secret(&unlocked, "a", value("another"), Vec::new(), SET).await.unwrap();
    assert_eq!(found(&scratch, &first), 1, "a value that was replaced");
    store.add_vault_slot(&unlocked, SlotKind::Passphrase, words, BY).await.unwrap();
    let both = sealed(&scratch);
    store.remove_vault_slot(SlotKind::Passphrase, BY).await.unwrap();
    assert_eq!(found(&scratch, &both), 3, "a slot that was taken away");
    let unlocked = store.rotate_vault(&unlocked, vec![(SlotKind::Keyfile, material(2))], BY).await.unwrap();
    assert_eq!(found(&scratch, &both), 1, "of what was sealed under the key before, the value stays");
    let anew = sealed(&scratch);
    store.remove_secret(&unlocked, "a", BY).await.unwrap();
    assert_eq!(found(&scratch, &anew), 1, "a secret that was removed");
    store.reset_vault(BY).await.unwrap();
    assert_eq!(found(&scratch, &anew), 0, "the vault that was removed");
}

#[tokio::test]
async fn each_change_is_in_the_audit_log_with_it_or_neither_is() {
    let (scratch, store, unlocked) = vault().await;
    let told = || async {
        let rows = store.tail(100).await.unwrap();
        let row = |row: AuditRow| format!("{} {} {}", row.actor, row.subject, row.detail["did"].as_str().unwrap());
        rows.into_iter().rev().map(|(_, _, found)| row(found)).collect::<Vec<_>>()
    };
    store.set_secret(&unlocked, "a", value(CANARY), vec!["https://a.example".into()], SET).await.unwrap();
    store.add_vault_slot(&unlocked, SlotKind::Systemd, material(3), BY).await.unwrap();
    store.remove_vault_slot(SlotKind::Systemd, BY).await.unwrap();
    let unlocked = store.rotate_vault(&unlocked, vec![(SlotKind::Keyfile, material(2))], BY).await.unwrap();
    store.remove_secret(&unlocked, "a", BY).await.unwrap();
    store.remove_secret(&unlocked, "a", BY).await.unwrap();
    let all = ["vault make", "a set", "vault slot add", "vault slot rm", "vault rotate", "a rm"].map(|did| format!("{BY} {did}"));
    assert_eq!(told().await, all, "what changed nothing has no row");
    // A log that takes no row.
    scratch.raw().execute_batch("CREATE TRIGGER full BEFORE INSERT ON audit_pages BEGIN SELECT RAISE(ABORT, 'full'); END").unwrap();
    let before = (store.vault_changes().await.unwrap(), store.vault_slots().await.unwrap());
    assert!(store.set_secret(&unlocked, "b", value("another"), Vec::new(), SET).await.is_err());
    assert!(store.add_vault_slot(&unlocked, SlotKind::Systemd, material(3), BY).await.is_err());
    assert!(store.reset_vault(BY).await.is_err());
    assert_eq!((store.vault_changes().await.unwrap(), store.vault_slots().await.unwrap()), before);
    assert_eq!(store.secrets().await.unwrap(), []);
    assert_eq!(told().await, all);
}
