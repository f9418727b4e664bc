//! `skynet registry verify|mirror`: a registry as a client sees it, looked through whole.
//!
//! A copy keeps beside it what it saw, which is not served: so a copy that is renewed by
//! a timer refuses old lists as any client does.

use super::failed;
use crate::args::registry::keeper::{Begin, Mirror, VerifyRegistry};
use crate::cli::registry::add::authority;
use crate::exit::{Kind, fail};
use crate::output::Out;
use crate::registry::{self, bar::Bar};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use skynet_policy::sha256_hex;
use skynet_registry_client::Home as Registries;
use skynet_registry_client::home::RootTrust;
use skynet_registry_client::mirror::Census;
use skynet_registry_client::places::{Place, REST};
use skynet_registry_client::visit::{Freshness, Visit};
use std::path::Path;

/// The name under which the one registry is known.
const NAME: &str = "origin";

/// Where a copy keeps what it saw. No server of ours shows it.
const MEMORY: &str = ".mirror";

pub(super) async fn verify(wish: &VerifyRegistry, out: &Out) -> Result<()> {
    let scratch = tempfile::tempdir().context("no scratch folder")?;
    let visit = visit(&scratch.path().join("seen"), &wish.place, (&wish.begin, wish.ca.as_deref()), out).await?;
    let census = visit.verify(&Bar::default()).await.map_err(failed)?;
    tell(&wish.place, &visit, &census, out);
    out.value(&value(&wish.place, &visit, &census));
    match census.faults.first() {
        None => Ok(()),
        Some(_) => Err(fail(Kind::Refused, format!("{} has {} faults", wish.place, census.faults.len()))),
    }
}

pub(super) async fn run(wish: &Mirror, out: &Out) -> Result<()> {
    std::fs::create_dir_all(&wish.folder).with_context(|| format!("{} cannot be made", wish.folder.display()))?;
    let visit = visit(&wish.folder.join(MEMORY), &wish.place, (&wish.begin, wish.ca.as_deref()), out).await?;
    let census = visit.mirror(&wish.folder, &Bar::default()).await.map_err(failed)?;
    tell(&wish.place, &visit, &census, out);
    out.line(&format!("copied to {}", wish.folder.display()));
    let mut said = value(&wish.place, &visit, &census);
    said["folder"] = json!(wish.folder);
    out.value(&said);
    Ok(())
}

/// A verified look, remembered in `memory`.
async fn visit(memory: &Path, text: &str, (begin, ca): (&Begin, Option<&Path>), out: &Out) -> Result<Visit> {
    let mut place = place(text, ca)?;
    let known = Registries::open(memory).map_err(failed)?;
    let lock = known.lock().map_err(failed)?;
    let before = known.places().map_err(failed)?.all.into_iter().next();
    if ca.is_none() {
        // Named the first time only, like the root.
        place.ca = before.as_ref().and_then(|before| before.ca.clone());
    }
    let fetch = registry::fetch(&place)?;
    match &before {
        Some(before) if before.url != place.url || before.folder != place.folder => {
            let was = registry::fetch::shown(before);
            let why = format!("this is a copy of {was}, and {text} is another place; copy that into another folder");
            return Err(fail(Kind::Refused, why));
        }
        Some(_) if begin.root.is_some() || begin.fingerprint.is_some() => {
            out.line("note: the root is known from the first time; the one that was named now is not looked at");
        }
        Some(_) => {}
        None => known.add(&lock, place.clone(), root(&place, begin, out)?, fetch.clone()).await.map_err(failed)?,
    }
    let visit = known.visit(NAME, fetch, Freshness::Strict, jiff::Timestamp::now()).await.map_err(failed)?;
    super::warn(&visit.warnings, out);
    Ok(visit)
}

/// A server, or a folder as an absolute path.
fn place(text: &str, ca: Option<&Path>) -> Result<Place> {
    let (url, folder) = if text.contains("://") {
        (Some(text.to_owned()), None)
    } else {
        let real = Path::new(text).canonicalize().with_context(|| format!("the registry's folder {text} cannot be opened"))?;
        (None, Some(real.to_str().with_context(|| format!("{} is no plain path", real.display()))?.to_owned()))
    };
    Ok(Place { name: NAME.into(), url, folder, namespaces: vec![REST.into()], private: false, ca: ca.map(authority).transpose()? })
}

/// The root that was named. A folder may vouch for itself, and it is said that it does.
fn root(place: &Place, begin: &Begin, out: &Out) -> Result<RootTrust> {
    match (&begin.root, &begin.fingerprint, &place.folder) {
        (Some(file), _, _) => Ok(RootTrust::Bytes(super::read(file)?)),
        (None, Some(fingerprint), _) => Ok(RootTrust::Fingerprint(fingerprint.trim().to_owned())),
        (None, None, Some(folder)) => {
            let bytes = super::read(&Path::new(folder).join("metadata/1.root.json"))?;
            out.line(&format!("note: checked by its own root; compare its fingerprint: {}", sha256_hex(&bytes)));
            Ok(RootTrust::Bytes(bytes))
        }
        (None, None, None) => {
            Err(fail(Kind::Refused, "nobody is trusted at first sight; name the registry's --root FILE or --fingerprint"))
        }
    }
}

fn tell(place: &str, visit: &Visit, census: &Census, out: &Out) {
    out.line(&format!("{place}, root {}: {} releases are good, {} bytes", visit.root_version(), census.releases, census.bytes));
    census.faults.iter().for_each(|fault| out.line(&format!("  {} {fault}", out.paint("31", "fault:"))));
}

fn value(place: &str, visit: &Visit, census: &Census) -> Value {
    json!({
        "place": place, "root": visit.root_version(), "releases": census.releases, "bytes": census.bytes,
        "faults": census.faults, "warnings": visit.warnings,
    })
}
