//! `skynet plugin publish`: an author's signed file goes to a registry's folder that one
//! keeps oneself, or to an OCI registry.

use crate::args::registry::keeper::PublishPlugin;
use crate::cli::registry::keeper::publish;
use crate::exit::{Kind, fail};
use crate::output::Out;
use crate::prompt;
use crate::registry::{self, bar::Bar, oci};
use anyhow::{Context, Result};
use serde_json::json;
use skynet_policy::release::{Release, split};
use std::path::Path;

pub(super) async fn run(wish: &PublishPlugin, out: &Out) -> Result<()> {
    if wish.to.starts_with(oci::SCHEME) {
        return push(&wish.file, &wish.to, wish, out).await;
    }
    if wish.to.contains("://") {
        let why = format!("nothing can be written to {}; name the registry's folder, or oci://…", wish.to);
        return Err(fail(Kind::Refused, why));
    }
    if wish.keys.is_empty() {
        let why = "a registry's keeper lists it with --keys FOLDER; if that is somebody else, hand the file to them";
        return Err(fail(Kind::Refused, why));
    }
    publish::run(Path::new(&wish.to), &wish.file, &wish.how, &wish.keys, out).await
}

async fn push(file: &Path, to: &str, wish: &PublishPlugin, out: &Out) -> Result<()> {
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let refused = |why: String| fail(Kind::Refused, format!("{}: {why}", file.display()));
    let parts = split(&bytes).map_err(|error| refused(error.to_string()))?;
    let release = Release::parse(parts.release_json).map_err(|error| refused(error.to_string()))?;
    let repository = oci::repository(to, &wish.account)?;
    out.line(&format!("{} {}, {} bytes, to {}", release.id, release.version, bytes.len(), repository.reference()));
    release.permissions.sentences().iter().for_each(|sentence| out.line(&format!("  asks: {sentence}")));
    if wish.how.plan {
        out.line("nothing was changed");
        out.value(&json!({ "id": release.id, "version": release.version, "to": repository.reference().to_string(), "published": false }));
        return Ok(());
    }
    if !wish.how.yes && !prompt::agreed("Publish this? [y/N] ", out)? {
        return Err(fail(Kind::Refused, "nothing was published; with --yes nobody is asked"));
    }
    let pushed = repository.push(&bytes, wish.move_tag, &Bar::default()).await.map_err(registry::failed)?;
    let done = if pushed.there { "is there already" } else { "is published" };
    let text = format!("{} {} {done}; install it with: skynet plugin install {}", release.id, release.version, pushed.reference);
    let digest = pushed.reference.digest().unwrap_or_default();
    out.both(
        &text,
        &json!({
            "id": release.id, "version": release.version, "to": pushed.reference.to_string(), "manifest": digest, "published": !pushed.there,
        }),
    );
    Ok(())
}
