//! wasi:http's question "send this": handed to the door with who asks.

use super::budget::HttpBudget;
use super::door::{Door, Errand};
use super::proxy;
use crate::validity::Granted;
use skynet_core::PluginRef;
use skynet_policy::permission::Permissions;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// The hooks of one store.
pub(crate) struct Hooks {
    pub(crate) door: Arc<Door>,
    pub(crate) plugin: PluginRef,
    pub(crate) permissions: Arc<Permissions>,
    pub(crate) budget: Arc<HttpBudget>,
    pub(crate) granted: Arc<Granted>,
}

impl Hooks {
    /// A connection for a program of this plugin, and what serves its requests as long as it is awaited.
    pub(crate) fn way_out(&self) -> std::io::Result<(OwnedFd, impl Future<Output = ()> + Send + use<>)> {
        let errand = self.errand(RequestOptions::default());
        proxy::open(Arc::clone(&self.door), errand)
    }

    fn errand(&self, options: RequestOptions) -> Errand {
        Errand {
            plugin: self.plugin.clone(),
            permissions: Arc::clone(&self.permissions),
            budget: Arc::clone(&self.budget),
            granted: Arc::clone(&self.granted),
            options,
        }
    }
}

type Sent = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let errand = self.errand(options.unwrap_or_default());
        let door = Arc::clone(&self.door);
        Box::new(async move {
            let response = door.send(errand, request).await?;
            Ok((response, Box::new(async { Ok(()) }) as Box<dyn Future<Output = Result<(), Error>> + Send>))
        })
    }

    // The door writes its own `host` header.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        crate::limits::BODY_CHUNK
    }
}
