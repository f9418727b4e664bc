//! What is special about a language: one row each, in `ALL`.
//!
//! To add one: a file beside this with a unit type that implements `Language`, a line in
//! `ALL`, and templates in `plugins-sdk/templates/NAME/KIND/`. Everything in such a folder
//! lands in the new project, after `plugins-sdk/templates/any/KIND/`, which all languages
//! share; in the text of both, `{{…}}` is filled in (`new.rs` lists the words), and a file
//! `dot-NAME` lands as `.NAME`.

use super::console::Console;
use super::project::Project;
use super::{c, embedded, go, javascript, python, rust};
use anyhow::Result;
use async_trait::async_trait;
use skynet_policy::manifest::World;
use std::borrow::Cow;
use std::path::PathBuf;

/// A file of a new project: its path from there, and its bytes.
pub(super) type NewFile = (String, Cow<'static, [u8]>);

/// A language that plugins are written in.
#[async_trait]
pub(super) trait Language: Sync {
    /// As `--lang` names it, and the folder of its templates.
    fn name(&self) -> &'static str;

    /// A file or folder that every project in this language has, and none in a language that
    /// comes later in `ALL`.
    fn mark(&self) -> &'static str;

    /// Folders of a project that building fills; they are neither watched nor committed.
    fn built(&self) -> &'static [&'static str];

    /// What is laid beside the template: the SDK, where no package registry has it.
    fn companions(&self, kind: World) -> Result<Vec<NewFile>>;

    /// Builds a component of the world that the manifest names; gives its file. What a tool
    /// says goes to the console as it comes. An error names the package to install.
    async fn build(&self, project: &Project, console: &Console) -> Result<PathBuf>;
}

/// Every language; the first whose mark a project has is its own.
pub(super) const ALL: &[&dyn Language] = &[&rust::Rust, &python::Python, &javascript::TYPESCRIPT, &javascript::JAVASCRIPT, &go::Go, &c::C];

/// The languages by name, for help texts and errors.
pub(super) fn names() -> String {
    ALL.iter().map(|language| language.name()).collect::<Vec<_>>().join(", ")
}

/// The languages that have that kind, for errors.
pub(super) fn able(kind: World) -> String {
    let able = ALL.iter().filter(|language| templates(language.name(), kind).is_some());
    able.map(|language| language.name()).collect::<Vec<_>>().join(", ")
}

/// The language of that name.
pub(super) fn named(name: &str) -> Option<&'static dyn Language> {
    ALL.iter().copied().find(|language| language.name() == name)
}

/// The folder of templates for a kind; `None` where nobody wrote one.
pub(super) fn templates(language: &str, kind: World) -> Option<String> {
    let folder = format!("plugins-sdk/templates/{language}/{}", short(kind));
    let any = embedded::below(&folder).next().is_some();
    any.then_some(folder)
}

/// A kind as authors name it.
pub(super) fn short(kind: World) -> &'static str {
    kind.as_str().trim_end_matches("-plugin")
}
