//! `skynet plugin export`: plugins in one file, with the lists and signatures that prove them.

use crate::args::registry::Export;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::output::Out;
use crate::registry::{self, bar::Bar};
use anyhow::Result;
use serde_json::json;
use skynet_registry_client::offer::Wish;

pub(super) async fn run(home: &Home, export: Export, out: &Out) -> Result<()> {
    home.must_exist()?;
    let held = registry::open(home)?;
    let places = held.places().map_err(registry::failed)?;
    let wishes = export.plugins.iter().map(|text| Wish::parse(text).map_err(registry::failed)).collect::<Result<Vec<_>>>()?;
    let mut names = std::collections::BTreeSet::new();
    for wish in &wishes {
        names.insert(places.of(&wish.id).map_err(registry::failed)?.name.clone());
    }
    let [name] = &names.into_iter().collect::<Vec<_>>()[..] else {
        return Err(fail(Kind::Refused, "these come from several registries, and a bundle is of one; write one for each"));
    };
    let visit = registry::visit(&held, places.named(name).map_err(registry::failed)?).await?;
    let releases = visit.export(&wishes, &export.out, &Bar::default()).await.map_err(registry::failed)?;
    let what = if releases == 1 { "release" } else { "releases" };
    let text = format!(
        "wrote {releases} {what} of registry {name} to {}\non the other machine: skynet registry add … --name {name} --root FILE, then skynet plugin install --bundle FILE NAME",
        export.out.display()
    );
    out.both(&text, &json!({ "file": export.out, "registry": name, "releases": releases }));
    Ok(())
}
