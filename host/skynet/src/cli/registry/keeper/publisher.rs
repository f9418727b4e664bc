//! `skynet registry publisher`: whose keys sign for a namespace, on both sides.
//!
//! A publisher writes and continues the record with keys that the registry's keeper never
//! sees; the keeper lists it.

use super::{failed, load, open, read};
use crate::args::registry::keeper::Publisher;
use crate::exit::{Kind, fail};
use crate::home::{Home, write_file};
use crate::keys;
use crate::output::Out;
use anyhow::{Context, Result};
use serde_json::json;
use skynet_policy::registry::publisher::{KeyStatement, PublisherRecord};
use skynet_policy::registry::target::Target;
use skynet_policy::signature::{KeyId, PublicKey, SecretKey};
use std::path::{Path, PathBuf};

pub(super) async fn run(home: &Home, verb: Publisher, out: &Out) -> Result<()> {
    match verb {
        Publisher::New { namespace, keys, threshold, contact, out: path } => {
            let keys = own(home, &keys)?;
            let first = KeyStatement::first(&namespace, &public(&keys), threshold, &keys::now());
            let record = PublisherRecord::new(&namespace, contact.as_deref(), first.signed(&keys.iter().collect::<Vec<_>>()));
            save(&record, &path, out)
        }
        Publisher::Rekey { record: path, old, keys, threshold, withdrawn } => {
            let mut record = parse(&path)?;
            let (old, new) = (own(home, &old)?, own(home, &keys)?);
            let withdrawn = withdrawn.iter().map(|id| KeyId::parse(id).map_err(|error| fail(Kind::Refused, error.to_string())));
            let next = record.next(&public(&new), threshold, withdrawn.collect::<Result<_>>()?, &keys::now());
            let mut signers: Vec<&SecretKey> = new.iter().collect();
            let fresh = |key: &&SecretKey| !new.iter().any(|known| known.public().key_id() == key.public().key_id());
            signers.extend(old.iter().filter(fresh));
            record.statements.push(next.signed(&signers));
            save(&record, &path, out)
        }
        Publisher::Add { folder, record: path, anew, keys } => {
            let (record, keys) = (parse(&path)?, load(&keys.folders)?);
            open(&folder)?.put_publisher(&record, anew, &keys, jiff::Timestamp::now()).await.map_err(failed)?;
            let Keys { ids, withdrawn } = verified(&record)?;
            let text = format!("{} may publish to {}, signed by {}", record.namespace, folder.display(), ids.join(", "));
            out.line(&text);
            tell_withdrawn(&withdrawn, out);
            out.value(&json!({ "namespace": record.namespace, "keys": ids, "withdrawn": withdrawn, "folder": folder }));
            Ok(())
        }
        Publisher::List { folder, namespace, out: path } => list(&folder, namespace.as_deref(), path.as_deref(), out),
    }
}

/// Key files, or the dev key of this machine.
fn own(home: &Home, paths: &[PathBuf]) -> Result<Vec<SecretKey>> {
    if paths.is_empty() {
        let dev = keys::path(home, "dev")?;
        return Ok(vec![keys::read(&dev).context("no key to sign with; make one with: skynet key new NAME")?]);
    }
    paths.iter().map(|path| keys::read(path)).collect()
}

fn public(keys: &[SecretKey]) -> Vec<PublicKey> {
    keys.iter().map(SecretKey::public).collect()
}

fn parse(path: &Path) -> Result<PublisherRecord> {
    PublisherRecord::parse(&read(path)?).map_err(|error| fail(Kind::Refused, format!("{}: {error}", path.display())))
}

/// The keys that sign from now on, and those that count for nothing more.
struct Keys {
    ids: Vec<String>,
    withdrawn: Vec<String>,
}

fn verified(record: &PublisherRecord) -> Result<Keys> {
    let publisher = record.verify().map_err(|error| fail(Kind::Refused, error.to_string()))?;
    let ids = publisher.current().0.iter().map(|key| key.key_id().to_string()).collect();
    Ok(Keys { ids, withdrawn: publisher.withdrawn().iter().map(ToString::to_string).collect() })
}

fn tell_withdrawn(withdrawn: &[String], out: &Out) {
    if !withdrawn.is_empty() {
        out.line(&format!("withdrawn, with all that they signed: {}", withdrawn.join(", ")));
    }
}

/// Writes a record that verifies; any other would be refused by every registry.
fn save(record: &PublisherRecord, path: &Path, out: &Out) -> Result<()> {
    let bytes = record.to_bytes();
    PublisherRecord::parse(&bytes).map_err(|error| fail(Kind::Refused, error.to_string()))?;
    let Keys { ids, withdrawn } = verified(record)?;
    write_file(path, &bytes, 0o644)?;
    let text = format!(
        "wrote {}: statement {} of namespace {}, signed by {}\nhand it to the registry's keeper: skynet registry publisher add REGISTRY {}",
        path.display(),
        record.statements.len(),
        record.namespace,
        ids.join(", "),
        path.display()
    );
    out.line(&text);
    tell_withdrawn(&withdrawn, out);
    let statements = record.statements.len();
    out.value(&json!({ "file": path, "namespace": record.namespace, "keys": ids, "withdrawn": withdrawn, "statements": statements }));
    Ok(())
}

fn list(folder: &Path, namespace: Option<&str>, path: Option<&Path>, out: &Out) -> Result<()> {
    let author = open(folder)?;
    let mut names: Vec<String> =
        author.listed().filter_map(|target| if let Target::Publisher(name) = target { Some(name) } else { None }).collect();
    names.retain(|name| namespace.is_none_or(|wanted| wanted == name));
    names.sort();
    if names.is_empty() {
        let which = namespace.map_or_else(|| "any namespace".to_owned(), |name| format!("namespace {name}"));
        let text = format!("nobody signs for {which} in {}", folder.display());
        if namespace.is_some() {
            return Err(fail(Kind::NotFound, text));
        }
        out.both(&text, &json!([]));
        return Ok(());
    }
    let mut listed = Vec::new();
    for name in names {
        let record = author.publisher(&name).map_err(failed)?.with_context(|| format!("the record of {name}"))?;
        let Keys { ids, withdrawn } = verified(&record)?;
        let contact = record.contact.clone().unwrap_or_else(|| "no contact".into());
        out.line(&format!("{name:<24} {}, {} statements, {contact}", ids.join(", "), record.statements.len()));
        if let Some(path) = path {
            write_file(path, &record.to_bytes(), 0o644)?;
        }
        tell_withdrawn(&withdrawn, out);
        let statements = record.statements.len();
        listed.push(json!({ "namespace": name, "keys": ids, "withdrawn": withdrawn, "contact": record.contact, "statements": statements }));
    }
    out.value(&json!(listed));
    Ok(())
}
