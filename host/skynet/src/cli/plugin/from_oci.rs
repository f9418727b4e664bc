//! `skynet plugin install oci://…`: fetched apart, believed for a trusted key's signature,
//! shown, agreed to, and put where a file dropped by hand would be.
//!
//! It gets no grant here and no place in the lockfile: the host asks for what it needs,
//! and nobody looks for updates of it.

use crate::args::registry::Install;
use crate::exit::{Kind, fail};
use crate::home::{self, Home};
use crate::keys;
use crate::output::Out;
use crate::registry::{self, approval, bar::Bar, carry, intent, oci};
use anyhow::{Context, Result};
use serde_json::json;

pub(super) async fn run(home: &Home, install: &Install, out: &Out) -> Result<()> {
    if install.locked || install.source.bundle.is_some() || install.plugins.iter().any(|text| !text.starts_with(oci::SCHEME)) {
        return Err(fail(Kind::Refused, "plugins from OCI are installed by themselves, without --locked and --bundle"));
    }
    let (held, lock) = registry::open_to_change(home).await?;
    let trust = keys::load_trust(home)?;
    let mut changed = Vec::new();
    for reference in &install.plugins {
        let repository = oci::repository(reference, &install.account)?;
        let found = repository.resolve().await.map_err(registry::failed)?;
        let pulled = held.pull(&lock, &repository, &found, &trust, &Bar::default()).await.map_err(registry::failed)?;
        let (release, place) = (&pulled.release, found.reference.to_string());
        let name = format!("{} {}", release.id, release.version);
        let signers: Vec<&str> = pulled.signers.iter().map(|key| key.as_str()).collect();
        out.line(&format!("{name} from {place}"));
        out.line(&format!("  {}", release.summary));
        out.line(&format!("  signed by {}, {} bytes, release {}", signers.join(", "), release.component.size, pulled.digest));
        release.permissions.sentences().iter().for_each(|sentence| out.line(&format!("  asks: {sentence}")));
        if install.source.plan {
            changed.push((release.id.clone(), release.version.to_string()));
            continue;
        }
        if let Some(known) = held.read_lock().map_err(registry::failed)?.find(&release.id) {
            let why = format!("{} came from registry `{}` and is updated from there; remove it first", release.id, known.registry);
            return Err(fail(Kind::Refused, why));
        }
        approval::agree(&install.agreement, &[(name.clone(), pulled.digest.clone())], out)?;
        let bytes = held.kept(&pulled.kept.sha256).map_err(registry::failed)?;
        let (file, checked) = (name.clone(), trust.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let fine = skynet_plugins::file::check(&file, &bytes, &checked).map(drop);
            (fine, bytes)
        });
        let (fine, bytes) = looked.await.context("the check")?;
        fine.map_err(|refusal| fail(Kind::Refused, format!("{refusal}. Nothing was changed; tell its publisher")))?;
        let detail =
            json!({ "action": "install", "from": place, "version": release.version, "release": pulled.digest, "signers": pulled.signers });
        registry::record(home, "plugin.install", release.id.as_str(), "ok", detail).await?;
        let path = home.plugins().join(intent::file_name(&release.id));
        home::write_file(&path, &bytes, 0o600)?;
        changed.push((release.id.clone(), release.version.to_string()));
    }
    if install.source.plan {
        out.value(&json!({ "plan": changed.iter().map(|(id, version)| json!({ "id": id, "version": version })).collect::<Vec<_>>() }));
        return Ok(());
    }
    super::install::tidy(&held, &lock)?;
    carry::tell(home, &changed, out).await
}
