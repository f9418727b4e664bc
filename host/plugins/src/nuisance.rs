//! Guests that take what they can get, for `skynet bench`: what does another plugin's
//! call cost while they run?
//!
//! Each is a component of its own, in `nuisance/*.wat`, and runs as any plugin's call
//! does, under a call's limits, with nothing granted. Nobody can install one.

use crate::generation::{Loaded, Terms};
use crate::host::PluginHost;
use crate::runtime::Runtime;
use crate::store::{CallLimits, Purpose};
use skynet_core::{Generation, HostBug, PluginError, PluginId, PluginRef};
use std::sync::Arc;
use wasmtime::component::Component;

/// What it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nuisance {
    /// Computes until its CPU budget ends.
    Spin,
    /// Takes memory, and writes to all of it, until it gets no more.
    Grab,
    /// Calls the host until its CPU budget ends.
    Storm,
}

/// `nuisance/spin.wat`
const SPIN: &[u8] = b"\x00asm\r\x00\x01\x00\x01&\x00asm\x01\x00\x00\x00\x01\x04\x01`\x00\x00\x03\x02\x01\x00\x07\x07\x01\x03run\x00\x00\n\t\x01\x07\x00\x03@\x0c\x00\x0b\x0b\x02\x04\x01\x00\x00\x00\x07\x05\x01@\x00\x01\x00\x06\t\x01\x00\x00\x01\x00\x03run\x08\x06\x01\x00\x00\x00\x00\x00\x0b\t\x01\x00\x03run\x01\x00\x00";
/// `nuisance/grab.wat`
const GRAB: &[u8] = b"\x00asm\r\x00\x01\x00\x01D\x00asm\x01\x00\x00\x00\x01\x04\x01`\x00\x00\x03\x02\x01\x00\x05\x03\x01\x00\x01\x07\x07\x01\x03run\x00\x00\n\"\x01 \x00\x03@A\x10@\x00\x1a?\x00A\x10kA\x80\x80\x04lA\x01A\x80\x80\xc0\x00\xfc\x0b\x00\x0c\x00\x0b\x0b\x02\x04\x01\x00\x00\x00\x07\x05\x01@\x00\x01\x00\x06\t\x01\x00\x00\x01\x00\x03run\x08\x06\x01\x00\x00\x00\x00\x00\x0b\t\x01\x00\x03run\x01\x00\x00";
/// `nuisance/storm.wat`
const STORM: &[u8] = b"\x00asm\r\x00\x01\x00\x07\x10\x01B\x02\x01@\x00\x00w\x04\x00\x03now\x01\x00\n\'\x01\x00\"wasi:clocks/monotonic-clock@0.2.12\x05\x00\x06\x08\x01\x01\x00\x00\x03now\x08\x05\x01\x01\x00\x00\x00\x017\x00asm\x01\x00\x00\x00\x01\x08\x02`\x00\x01~`\x00\x00\x02\x08\x01\x00\x03now\x00\x00\x03\x02\x01\x01\x07\x07\x01\x03run\x00\x01\n\x0c\x01\n\x00\x03@\x10\x00\x1a\x0c\x00\x0b\x0b\x02\x0f\x02\x01\x01\x03now\x00\x00\x00\x00\x01\x00\x12\x00\x07\x05\x01@\x00\x01\x00\x06\t\x01\x00\x00\x01\x01\x03run\x08\x06\x01\x00\x00\x01\x00\x01\x0b\t\x01\x00\x03run\x01\x01\x00";

impl Nuisance {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Spin, Self::Grab, Self::Storm];

    fn component(self) -> &'static [u8] {
        match self {
            Self::Spin => SPIN,
            Self::Grab => GRAB,
            Self::Storm => STORM,
        }
    }
}

/// A nuisance that is ready to run.
pub struct Bother {
    runtime: Arc<Runtime>,
    loaded: Arc<Loaded>,
    plugin: PluginRef,
}

impl PluginHost {
    /// Makes one ready, under the plugin name `bench/nuisance`.
    pub fn nuisance(&self, kind: Nuisance) -> Result<Bother, HostBug> {
        let bug = |reason: String| HostBug { place: "plugins/nuisance", reason };
        let runtime = Arc::clone(&self.shared.runtime);
        let id = PluginId::new("bench/nuisance").map_err(|error| bug(error.to_string()))?;
        let component = Component::new(&runtime.engine, kind.component()).map_err(|error| bug(format!("{error:#}")))?;
        let loaded = Loaded::unnamed(&runtime.engine, &component).map_err(bug)?;
        let plugin = PluginRef { id, version: semver::Version::new(0, 0, 0), generation: Generation(0) };
        Ok(Bother { runtime, loaded: Arc::new(loaded), plugin })
    }
}

impl Bother {
    /// Runs it once, to the limit that ends it; gives that limit's words.
    pub async fn once(&self) -> PluginError {
        let terms = Terms {
            permissions: Arc::default(),
            settings: Arc::default(),
            folder: None,
            validity: Arc::default(),
            withheld: Arc::default(),
        };
        let limits = CallLimits::call(&terms.permissions);
        let ended = self.runtime.run_loaded(
            &self.plugin,
            &terms,
            &self.loaded,
            Purpose::of_host(limits, "run"),
            Box::new(|call| {
                Box::pin(async move {
                    let run = call.instance.get_typed_func::<(), ()>(&mut *call.store, "run")?;
                    run.call_async(&mut *call.store, ()).await
                })
            }),
        );
        match ended.await.result {
            Err(error) => error,
            Ok(()) => HostBug { place: "plugins/nuisance", reason: "it came to an end by itself".into() }.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_each_are_what_its_text_says() {
        let texts = [include_str!("nuisance/spin.wat"), include_str!("nuisance/grab.wat"), include_str!("nuisance/storm.wat")];
        let made = texts.map(|text| wat::parse_str(text).unwrap().escape_ascii().to_string());
        assert_eq!(Nuisance::ALL.map(|kind| kind.component().escape_ascii().to_string()), made);
    }
}
