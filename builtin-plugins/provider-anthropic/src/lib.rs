//! Answers with Claude models through the Messages API.
//!
//! `exchange` is the way of one request; `request`, `conversation`, `stream`,
//! `usage`, `models` and `error` are the mapping, free of I/O. The key
//! never comes here: the host adds the header where the manifest says.

pub mod conversation;
pub mod error;
pub mod exchange;
pub mod limits;
pub mod models;
pub mod request;
pub mod settings;
pub mod stream;
pub mod usage;

use settings::Settings;
use skynet_plugin_sdk::http::Client;
use skynet_plugin_sdk::provider::{Completion, CompletionRequest, ModelInfo, ProviderError, Sink};
use skynet_plugin_sdk::{Description, Lifecycle, Provider, config, export_provider};

/// The plugin.
pub struct Anthropic;

impl Lifecycle for Anthropic {
    fn describe() -> Description {
        Description::new("Anthropic", "Claude models through the Messages API of Anthropic.").with_config_schema(settings::SCHEMA)
    }

    fn configure(proposed: &str) -> Result<(), String> {
        settings::check(proposed)
    }
}

impl Provider for Anthropic {
    fn models() -> Result<Vec<ModelInfo>, ProviderError> {
        exchange::models(&in_force()?, &mut Client::new())
    }

    fn complete(request: CompletionRequest, sink: &Sink<'_>) -> Result<Completion, ProviderError> {
        exchange::complete(&in_force()?, &request, &mut Client::new(), sink)
    }
}

fn in_force() -> Result<Settings, ProviderError> {
    Settings::read(&|key| config::get(key).ok().flatten()).map_err(settings::unusable)
}

export_provider!(Anthropic);
