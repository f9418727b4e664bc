//! What is put through tests: a packed plugin, built just now or handed in by somebody.

use super::bed::Bed;
use super::project::Project;
use super::secrets::StageSecrets;
use crate::cli::plugin::file;
use crate::exit::{Kind, fail};
use anyhow::{Context as _, Result};
use skynet_core::PluginId;
use skynet_core::plugin::PluginKind;
use skynet_plugins::{Settings, Staged};
use skynet_policy::permission::Permissions;
use skynet_policy::release::{self, Release};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One.
pub(super) struct Subject {
    /// Stands in errors.
    pub(super) path: PathBuf,
    /// With its release section; whoever signed it does not matter here.
    pub(super) packed: Vec<u8>,
    pub(super) id: PluginId,
    /// All that it asks for.
    pub(super) request: Permissions,
    pub(super) kinds: Vec<PluginKind>,
    /// Where its code is kept between one host of its own and the next: some components take half a minute to compile.
    code: tempfile::TempDir,
}

impl Subject {
    /// What a project was built to.
    pub(super) fn built(project: &Project, component: &Path) -> Result<Self> {
        let bytes = std::fs::read(component).with_context(|| format!("{} cannot be read", component.display()))?;
        let (release, packed) = file::packed(component, &bytes, project.manifest.clone(), None)?;
        Self::new(component, packed, &release)
    }

    /// A plugin file of somebody's.
    pub(super) fn handed_in(path: &Path, packed: &[u8]) -> Result<Self> {
        let parts = release::split(packed).map_err(|error| file::refused(path, error))?;
        let release = Release::parse(parts.release_json).map_err(|error| file::refused(path, error))?;
        Self::new(path, packed.to_vec(), &release)
    }

    /// A host of its own for it, under this grant, where servers are played back.
    pub(super) async fn bed(&self, grant: &Permissions, settings: Settings, staged: Arc<Staged>) -> Result<Bed> {
        self.bed_with(grant, settings, staged, StageSecrets::placeholders(grant)).await
    }

    /// The same with these secrets.
    pub(super) async fn bed_with(
        &self,
        grant: &Permissions,
        settings: Settings,
        staged: Arc<Staged>,
        secrets: StageSecrets,
    ) -> Result<Bed> {
        let code = Some(self.code.path());
        Bed::packed(self.id.clone(), (&self.path, &self.packed), grant, settings, staged, secrets, code).await
    }

    fn new(path: &Path, packed: Vec<u8>, release: &Release) -> Result<Self> {
        let kinds = skynet_plugins::file::look(release::strip(&packed)).map_err(|why| fail(Kind::Refused, why))?.kinds;
        let private = std::fs::Permissions::from_mode(0o700);
        let code = tempfile::Builder::new().prefix("skynet-code-").permissions(private).tempdir()?;
        Ok(Self { path: path.to_owned(), id: release.id.clone(), request: release.permissions.clone(), packed, kinds, code })
    }
}
