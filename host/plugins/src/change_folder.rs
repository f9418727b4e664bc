//! What is special about script plugins in the ways in which what serves can change.
//!
//! A folder is read, kept and admitted like a file; its code is the bridge's. Owns the steps up to the
//! point from which both are one, in `change.rs`.

use crate::admit::{self, Refusal, Signed};
use crate::folder_plugin::{self, FolderPlugin};
use crate::host::PluginHost;
use crate::inbox::folder::ReadError;
use crate::trees::PREFIX;
use skynet_core::PluginId;
use skynet_core::plugin::PluginKind;
use skynet_policy::naming;
use skynet_policy::release::Release;
use skynet_policy::script::ScriptManifest;
use skynet_policy::tree::Files;
use std::collections::BTreeSet;
use std::sync::Arc;

impl PluginHost {
    /// The host's own copy of a script plugin's folder; none for a component.
    pub(crate) async fn kept_folder(&self, release: &Release) -> Result<Option<Arc<FolderPlugin>>, String> {
        if !folder_plugin::is_script(release) {
            return Ok(None);
        }
        let (trees, tree) = (self.shared.trees.clone(), release.component.sha256.clone());
        let read = move || {
            let files = trees.kept(&tree).map_err(|error| error.to_string())?;
            Ok::<_, String>(FolderPlugin { manifest: ScriptManifest::of(&files)?, tree })
        };
        let folder = Arc::new(tokio::task::spawn_blocking(read).await.map_err(|error| error.to_string())??);
        self.shared.trees.meet(&folder);
        Ok(Some(folder))
    }

    /// Removes old copies. Those of signed releases stay: their owner may go back to one.
    pub(crate) async fn sweep_folders(&self) {
        let ids: Vec<PluginId> = {
            let book = self.shared.book.lock().await;
            book.plugins.iter().filter(|(_, entry)| entry.file.starts_with(PREFIX)).map(|(id, _)| id.clone()).collect()
        };
        let mut needed = BTreeSet::new();
        for id in ids {
            let receipts = match self.shared.state.receipts(&id).await {
                Ok(receipts) => receipts,
                Err(error) => return tracing::warn!(%error, "old copies of script plugins stay for now"),
            };
            let signed = receipts.iter().filter(|receipt| !receipt.signers.is_empty());
            needed.extend(signed.filter_map(|receipt| Some(Release::parse(receipt.release_json.as_bytes()).ok()?.component.sha256)));
        }
        let trees = self.shared.trees.clone();
        match tokio::task::spawn_blocking(move || trees.sweep(&needed)).await {
            Ok(Ok(removed)) if removed > 0 => tracing::info!(removed, "old copies of script plugins were removed"),
            Ok(Err(error)) => tracing::warn!(%error, "old copies of script plugins could not be removed"),
            _ => {}
        }
    }

    /// A folder of a script plugin came to rest.
    pub(crate) async fn arrived_folder(&self, file: &str) {
        let (trees, name) = (self.shared.trees.clone(), file.to_owned());
        let shown = naming::plain_line(file, 120);
        let files = match tokio::task::spawn_blocking(move || trees.read(&name)).await {
            Ok(Ok(files)) => files,
            Ok(Err(ReadError::Changed)) | Err(_) => {
                self.shared.book.lock().await.inbox.forget(file);
                return;
            }
            Ok(Err(error)) => return self.refused(file, format!("{shown} was refused (folder): {error}")).await,
        };
        if let Err(refusal) = self.admit_folder(file, files).await {
            self.refused(file, refusal.to_string()).await;
        }
    }

    async fn admit_folder(&self, file: &str, files: Files) -> Result<(), Refusal> {
        let trust = (self.shared.trust)().map_err(admit::refuse(file, "trusted keys"))?;
        let signed = folder_plugin::verify(file, &files, &trust)?;
        signed.folder.iter().for_each(|folder| self.shared.trees.meet(folder));
        if let Some(other) = self.name_taken(file, &signed).await {
            return Err(admit::refuse(file, "name")(format!("{} is {} already; rename the folder", signed.release.id, other)));
        }
        let trees = self.shared.trees.clone();
        let kept = tokio::task::spawn_blocking(move || trees.keep(&files)).await;
        let kept = kept.map_err(std::io::Error::other).and_then(|kept| kept);
        kept.map_err(|error| admit::refuse(file, "store")(format!("the files could not be kept: {error}")))?;
        self.take_in(file, Arc::new(signed)).await
    }

    /// What else goes by the name that a folder has only from itself.
    async fn name_taken(&self, file: &str, signed: &Signed) -> Option<String> {
        let book = self.shared.book.lock().await;
        let others = if signed.is_unsigned() { book.files_of(&signed.release.id) } else { Vec::new() };
        others.into_iter().find(|other| other != file).map(|other| naming::plain_line(&other, 120))
    }

    /// What it can be, and the component that runs in the place of a script plugin's own.
    pub(crate) async fn code_of(&self, signed: &Arc<Signed>) -> Result<(Vec<PluginKind>, Option<String>), Refusal> {
        if signed.folder.is_some() {
            let bridge = self.shared.book.lock().await.bridge();
            let missing =
                || "no script bridge serves, the built-in plugin that presents scripts; put script-bridge.wasm into the plugins folder";
            let bridge = bridge.ok_or_else(|| admit::refuse(&signed.file, "bridge")(missing().into()))?;
            return Ok((vec![PluginKind::Tool], Some(bridge.receipt.component.clone())));
        }
        let look = Arc::clone(signed);
        let compared = tokio::task::spawn_blocking(move || admit::compare(&look)).await;
        let contents = compared.map_err(|error| admit::refuse(&signed.file, "component")(error.to_string()))??;
        Ok((contents.kinds(), None))
    }
}
