//! `skynet plugin new`: a folder that builds, from the templates in this program.
//!
//! Words in templates: `{{id}}` namespace/name, `{{name}}` the name, `{{ident}}` the name with
//! `_` for `-`, `{{title}}` the name for people. Refuses a folder that holds anything.

use super::language::{self, NewFile};
use super::{embedded, instant};
use crate::args::author::NewPlugin;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::output::Out;
use anyhow::{Context as _, Result};
use serde_json::json;
use skynet_core::PluginId;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Whose plugins are when nobody says: the dev key of a machine may sign for any namespace.
const NAMESPACE: &str = "local";

/// An id from what an author calls it.
pub(super) fn id_of(name: &str) -> Result<PluginId> {
    let id = if name.contains('/') { name.to_owned() } else { format!("{NAMESPACE}/{name}") };
    PluginId::new(&id).map_err(|error| fail(Kind::Usage, error.to_string()))
}

pub(super) async fn run(home: &Home, args: &NewPlugin, out: &Out) -> Result<()> {
    if let Some(script) = &args.instant {
        return instant::run(home, args, script, out).await;
    }
    let id = id_of(args.name.as_deref().unwrap_or_default())?;
    let kind = args.kind.world();
    let language = language::named(&args.lang)
        .ok_or_else(|| fail(Kind::Usage, format!("there is no language `{}`; there are: {}", args.lang, language::names())))?;
    let templates = language::templates(language.name(), kind).ok_or_else(|| {
        let (lang, short) = (language.name(), language::short(kind));
        let able = language::able(kind);
        fail(Kind::Refused, format!("the SDK for {lang} cannot make a {short} yet; these languages can: {able}"))
    })?;
    let folder = args.path.clone().unwrap_or_else(|| PathBuf::from(id.name()));
    let mut files = filled(&format!("plugins-sdk/templates/any/{}", language::short(kind)), &id);
    files.extend(filled(&templates, &id));
    files.extend(language.companions(kind)?);
    write(&folder, &files)?;
    let (lang, kind) = (language.name(), language::short(kind));
    out.both(
        &format!("made {}: {id}, a {kind} in {lang}; go on with: cd {} && skynet plugin build", folder.display(), folder.display()),
        &json!({ "folder": std::path::absolute(&folder)?, "id": id, "language": lang, "kind": kind, "files": files.len() }),
    );
    Ok(())
}

/// Templates with their words filled in. What is no text stays as it is.
fn filled(folder: &str, id: &PluginId) -> Vec<NewFile> {
    let name = id.name();
    let words = [
        ("{{id}}", id.as_str().to_owned()),
        ("{{name}}", name.to_owned()),
        ("{{ident}}", name.replace('-', "_")),
        ("{{title}}", title(name)),
    ];
    let file = |(path, bytes): (&str, &'static [u8])| {
        let path = path.split('/').map(|part| part.strip_prefix("dot-").map_or_else(|| part.to_owned(), |rest| format!(".{rest}")));
        let path = words.iter().fold(path.collect::<Vec<_>>().join("/"), |path, (word, value)| path.replace(word, value));
        let bytes = match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Owned(words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value)).into_bytes()),
            Err(_) => Cow::Borrowed(bytes),
        };
        (path, bytes)
    };
    embedded::below(folder).map(file).collect()
}

/// `pull-request-bot` as `Pull request bot`.
fn title(name: &str) -> String {
    let words = name.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn write(folder: &Path, files: &[NewFile]) -> Result<()> {
    let full = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if full || folder.is_file() {
        let why = format!("{} exists and is not empty; take another NAME, or another folder with --path", folder.display());
        return Err(fail(Kind::Refused, why));
    }
    for (path, bytes) in files {
        let path = folder.join(path);
        let put = || -> std::io::Result<()> {
            std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
            std::fs::write(&path, bytes)
        };
        put().with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use skynet_policy::manifest::{Manifest, World};

    #[test]
    fn a_name_for_people_is_made_of_the_name() {
        assert_eq!(title("pull-request-bot"), "Pull request bot");
    }

    #[test]
    fn every_template_has_a_manifest_of_its_kind_and_no_word_left_open() {
        let id = PluginId::new("local/some-thing").unwrap();
        let mut seen = 0;
        for kind in [World::ToolPlugin, World::ProviderPlugin, World::ChannelPlugin, World::HookPlugin] {
            let any = filled(&format!("plugins-sdk/templates/any/{}", language::short(kind)), &id);
            let (_, manifest) = any.iter().find(|(path, _)| path == "plugin.toml").expect("a manifest");
            let manifest = Manifest::parse(std::str::from_utf8(manifest).unwrap()).unwrap();
            assert_eq!((manifest.world, manifest.id.as_str()), (kind, "local/some-thing"));
            for language in language::ALL {
                let Some(folder) = language::templates(language.name(), kind) else { continue };
                seen += 1;
                let files = filled(&folder, &id);
                assert!(
                    files.iter().chain(&language.companions(kind).unwrap()).any(|(path, _)| path.starts_with(language.mark())),
                    "{folder}"
                );
                let open = files.iter().find(|(_, bytes)| String::from_utf8_lossy(bytes).contains("{{id}}"));
                assert!(open.is_none(), "{folder}: {:?}", open.map(|(path, _)| path));
            }
        }
        assert!(seen >= 4, "{seen}");
    }

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mine"), "x").unwrap();
        let error = write(folder.path(), &[("plugin.toml".to_owned(), Cow::Borrowed(b"y"))]).unwrap_err().to_string();
        assert!(error.contains("not empty") && error.contains("--path"), "{error}");
        assert!(!folder.path().join("plugin.toml").exists());
    }
}
