//! `skynet registry init`: a folder to serve, and keys that are not served.

use super::failed;
use crate::args::registry::keeper::InitRegistry;
use crate::output::Out;
use anyhow::Result;
use serde_json::json;
use skynet_registry_client::author::{Author, Expiries, Setup};

pub(super) async fn run(init: &InitRegistry, out: &Out) -> Result<()> {
    let expiries = Expiries { targets: init.targets_days, timestamp: init.timestamp_days, ..Expiries::default() };
    let setup = Setup { expiries, ..if init.public { Setup::public() } else { Setup::default() } };
    let author = Author::init(&init.folder, &init.keys, &setup, jiff::Timestamp::now()).await.map_err(failed)?;
    let fingerprint = author.fingerprint().map_err(failed)?;
    let (folder, keys) = (init.folder.display(), init.keys.display());
    let text = format!(
        "made a registry in {folder}, its keys in {keys}\n\
         fingerprint {fingerprint}\n\
         Tell the fingerprint to those who are to use it, over another way than the registry itself.\n\
         Keep a copy of {keys} where this machine cannot reach it; root-*.key and targets-*.key need not lie here.\n\
         next: skynet registry publisher add {folder} RECORD --keys {keys}"
    );
    out.both(&text, &json!({ "folder": init.folder, "keys": init.keys, "fingerprint": fingerprint }));
    Ok(())
}
