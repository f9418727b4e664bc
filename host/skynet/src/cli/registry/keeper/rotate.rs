//! `skynet registry rotate`: the next root, signed by the old keys and the new ones.

use super::{failed, open};
use crate::args::registry::keeper::{RegistryRole, Rotate};
use crate::exit::{Kind, fail};
use crate::output::Out;
use anyhow::Result;
use serde_json::json;
use skynet_registry_client::author::RoleType;
use std::path::{Path, PathBuf};

pub(super) async fn run(rotate: &Rotate, out: &Out) -> Result<()> {
    let replace: Vec<RoleType> = rotate.replace.iter().map(|role| kind(*role)).collect();
    let old: Vec<&Path> = rotate.keys.folders.iter().map(PathBuf::as_path).collect();
    let new = rotate.new_keys.as_deref().or(old.first().copied());
    let new = new.ok_or_else(|| fail(Kind::Refused, "name the folder of the root's keys with --keys"))?;
    let mut author = open(&rotate.folder)?;
    author.rotate(&replace, new, &old, jiff::Timestamp::now()).await.map_err(failed)?;
    let standing = author.standing(jiff::Timestamp::now()).map_err(failed)?;
    let root = standing.roles.first();
    let (version, until) = root.map_or((0, String::new()), |root| (root.version, root.until.clone()));
    out.line(&format!("root {version} of {} is good until {until}", rotate.folder.display()));
    let names: Vec<String> = replace.iter().map(ToString::to_string).collect();
    if names.is_empty() {
        out.line("no keys were replaced");
    } else {
        out.line(&format!("new keys for {} are in {}; the old ones count for nothing more", names.join(", "), new.display()));
    }
    out.value(&json!({ "folder": rotate.folder, "root": version, "until": until, "replaced": names, "new_keys": rotate.new_keys }));
    Ok(())
}

fn kind(role: RegistryRole) -> RoleType {
    match role {
        RegistryRole::Root => RoleType::Root,
        RegistryRole::Targets => RoleType::Targets,
        RegistryRole::Snapshot => RoleType::Snapshot,
        RegistryRole::Timestamp => RoleType::Timestamp,
    }
}
