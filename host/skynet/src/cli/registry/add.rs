//! `skynet registry add`: a registry, by its keeper's word and not by first sight.

use crate::args::registry::AddRegistry;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::output::Out;
use crate::registry;
use crate::registry::record;
use anyhow::{Context, Result};
use serde_json::json;
use skynet_registry_client::places::Place;
use std::path::Path;
use url::Url;

pub(super) async fn run(home: &Home, add: AddRegistry, out: &Out) -> Result<()> {
    let place = place(&add)?;
    let (held, lock) = registry::open_to_change(home).await?;
    let root = registry::root(&add.root)?;
    record(
        home,
        "registry",
        &place.name,
        "begun",
        json!({ "action": "add", "at": registry::shown(&place), "namespaces": place.namespaces }),
    )
    .await?;
    let added = held.add(&lock, place.clone(), root, registry::fetch(&place)?).await.map_err(registry::failed);
    registry::ended(home, "registry", &place.name, added).await?;
    let text = format!(
        "added registry {} at {}, for plugins of: {}\nsee what it has with: skynet plugin search",
        place.name,
        registry::shown(&place),
        place.namespaces.join(", ")
    );
    out.both(&text, &json!({ "name": place.name, "at": registry::shown(&place), "namespaces": place.namespaces }));
    Ok(())
}

/// What the arguments name: a server, or a folder as an absolute path.
fn place(add: &AddRegistry) -> Result<Place> {
    let url = Url::parse(&add.place).ok().filter(|url| url.scheme().len() > 1);
    let (url, folder) = match url {
        Some(url) if url.scheme() == "file" => {
            let path = url.to_file_path().map_err(|()| fail(Kind::Refused, format!("`{}` names no folder here", add.place)))?;
            (None, Some(path))
        }
        Some(_) => (Some(add.place.clone()), None),
        None => (None, Some(Path::new(&add.place).to_owned())),
    };
    let folder = match folder {
        Some(folder) => {
            let real =
                folder.canonicalize().with_context(|| format!("the folder {} of the registry cannot be opened", folder.display()))?;
            Some(real.to_str().map(ToOwned::to_owned).with_context(|| format!("{} is no plain path", real.display()))?)
        }
        None => None,
    };
    let name = add.name.clone().unwrap_or_else(|| named_after(&add.place));
    Ok(Place {
        name,
        url,
        folder,
        namespaces: add.namespaces.clone(),
        private: add.private,
        ca: add.ca.as_deref().map(authority).transpose()?,
    })
}

/// The certificate of whoever vouches for the server, kept as it is now: the file may go.
pub(super) fn authority(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    if text.contains("PRIVATE KEY") {
        let why = "it holds a private key, which belongs with the authority alone; name a file with its certificate";
        return Err(fail(Kind::Refused, format!("{}: {why}", path.display())));
    }
    Ok(text)
}

/// `plugins-example-org` of `https://plugins.example.org/x`.
fn named_after(place: &str) -> String {
    let words = match place.split_once("://") {
        Some((scheme, rest)) if scheme != "file" => rest.split(['/', ':']).next(),
        _ => place.trim_end_matches('/').rsplit('/').next(),
    };
    let words = words.unwrap_or_default().to_ascii_lowercase();
    let words: Vec<&str> = words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    match words.join("-") {
        name if name.is_empty() => "main".into(),
        // A name begins with a letter.
        name if name.starts_with(|c: char| c.is_ascii_digit()) => format!("at-{name}"),
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_without_a_name_is_named_after_where_it_is() {
        for (place, name) in [
            ("https://plugins.example.org/x/", "plugins-example-org"),
            ("http://127.0.0.1:8080", "at-127-0-0-1"),
            ("/srv/My Plugins/", "my-plugins"),
            ("file:///srv/there", "there"),
            ("/", "main"),
        ] {
            assert_eq!(named_after(place), name, "{place}");
        }
    }
}
