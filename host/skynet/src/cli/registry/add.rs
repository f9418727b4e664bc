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
        json!({
            "action": "add", "at": registry::shown(&place), "namespaces": place.namespaces, "private": place.private, "ca": place.ca.is_some(),
        }),
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

fn place(add: &AddRegistry) -> Result<Place> {
    let name = add.name.clone().unwrap_or_else(|| named_after(&add.place));
    located(name, &add.place, add.namespaces.clone(), (add.private, add.ca.as_deref()))
}

/// What an argument names: a server, or a folder as an absolute path.
pub(super) fn located(name: String, text: &str, namespaces: Vec<String>, (private, ca): (bool, Option<&Path>)) -> Result<Place> {
    let url = Url::parse(text).ok().filter(|url| url.scheme().len() > 1);
    let (url, folder) = match url {
        Some(url) if url.scheme() == "file" => {
            let path = url.to_file_path().map_err(|()| fail(Kind::Refused, format!("`{text}` names no folder here")))?;
            (None, Some(path))
        }
        // Neither quoted nor written down anywhere: that may be a password.
        Some(url) if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() => {
            let why = "the address of a registry has no user, query or fragment; whoever may read it reads it without a password";
            return Err(fail(Kind::Refused, why));
        }
        Some(_) => (Some(text.to_owned()), None),
        None => (None, Some(Path::new(text).to_owned())),
    };
    let folder = match folder {
        Some(folder) => {
            let real =
                folder.canonicalize().with_context(|| format!("the folder {} of the registry cannot be opened", folder.display()))?;
            Some(real.to_str().map(ToOwned::to_owned).with_context(|| format!("{} is no plain path", real.display()))?)
        }
        None => None,
    };
    Ok(Place { name, url, folder, namespaces, private, ca: ca.map(registry::authority).transpose()? })
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
    fn a_place_is_a_server_or_a_folder_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap().to_str().unwrap().to_owned();
        let at =
            |text: &str| located("x".into(), text, vec!["*".into()], (true, None)).map(|place| (place.url, place.folder, place.private));
        assert_eq!(at(&real).unwrap(), (None, Some(real.clone()), true));
        assert_eq!(at(&format!("file://{real}")).unwrap(), (None, Some(real.clone()), true));
        assert_eq!(at("https://nas.lan/x").unwrap(), (Some("https://nas.lan/x".into()), None, true));
        assert!(at(&format!("{real}/gone")).is_err() && at("file://elsewhere/srv").is_err());
    }

    #[test]
    fn an_address_with_a_password_is_refused_ahead_of_any_row_and_not_repeated() {
        for text in
            ["https://me:s3cr3t@r.example/", "https://s3cr3t@r.example/", "https://r.example/?token=s3cr3t", "https://r.example/#s3cr3t"]
        {
            let refused = located("x".into(), text, vec!["*".into()], (false, None)).unwrap_err().to_string();
            assert!(refused.contains("no user") && !refused.contains("s3cr3t"), "{refused}");
        }
    }

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
