//! Native code of a component: out of the cache, cast in its mould, else compiled.
//!
//! Owns the order and the deadline of the compiler. What is compiled is kept; of
//! components that share a mould (`mould.rs`) only the mould's code is.

use crate::compile::CompileError;
use crate::host::PluginHost;
use crate::limits;
use crate::mould::Mould;
use crate::runtime::Runtime;
use tokio::time::timeout;
use wasmtime::component::Component;

impl Runtime {
    /// The code of an admitted component.
    pub(crate) async fn component(&self, digest: &str) -> Result<Component, CompileError> {
        if let Some(component) = self.artifacts.get(&self.engine, digest) {
            return Ok(component);
        }
        let bytes = self.blobs.get(digest).map_err(|error| CompileError::Broken(error.to_string()))?;
        if let Some(mould) = Mould::of(&bytes)
            && let Some(component) = self.cast(&mould).await?
        {
            return Ok(component);
        }
        let artifact = self.compiled(bytes).await?;
        self.keep(digest, &artifact)?;
        self.artifacts.load(&self.engine, digest).map_err(|reason| CompileError::Rejected(format!("this host cannot hold it: {reason}")))
    }

    /// The code by way of the mould; `None` where the component must be compiled by itself.
    async fn cast(&self, mould: &Mould) -> Result<Option<Component>, CompileError> {
        if !self.has_mould(mould).await? {
            return Ok(None);
        }
        let cast = self.artifacts.cast(&self.engine, mould);
        Ok(cast.inspect_err(|reason| tracing::warn!(%reason, "a compiled mould is thrown away; the component is compiled by itself")).ok())
    }

    /// Makes sure that the mould is compiled; false where nothing can be cast in its code.
    async fn has_mould(&self, mould: &Mould) -> Result<bool, CompileError> {
        // One at a time: who comes while a mould is compiled wants what is made there.
        let _alone = self.moulding.lock().await;
        if self.artifacts.has(&mould.digest) {
            return Ok(true);
        }
        let artifact = match self.compiled(mould.component.clone()).await {
            Ok(artifact) => artifact,
            // What is said of it should be said of the component itself.
            Err(CompileError::Rejected(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        if !mould.fits(&artifact) {
            return Ok(false);
        }
        self.keep(&mould.digest, &artifact)?;
        Ok(true)
    }

    async fn compiled(&self, component: Vec<u8>) -> Result<Vec<u8>, CompileError> {
        let compiling = timeout(limits::COMPILE_WALL, self.compiler.compile(component)).await;
        compiling.map_err(|_| CompileError::OverLimit(format!("more than {} s", limits::COMPILE_WALL.as_secs())))?
    }

    fn keep(&self, digest: &str, artifact: &[u8]) -> Result<(), CompileError> {
        self.artifacts.put(digest, artifact).map_err(|error| CompileError::Broken(format!("the artifact could not be kept: {error}")))
    }
}

impl PluginHost {
    /// Compiles what components that differ from this one in their room alone share, so that the
    /// first of them serves at once. Gives false where they share nothing. Nothing of it is run.
    pub async fn compile_ahead(&self, component: &[u8]) -> Result<bool, CompileError> {
        match Mould::of(component) {
            Some(mould) => self.shared.runtime.has_mould(&mould).await,
            None => Ok(false),
        }
    }
}
