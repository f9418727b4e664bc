//! Answers with a small language model that runs right here, in the sandbox.
//!
//! `answer` is the way of one completion; `model`, `weights` and `blueprint` are
//! the model, `vocabulary`, `prompt` and `text` its language, `sample` its choice.
//! Nothing leaves the machine: the only thing granted is a folder to read from.

#[cfg(all(target_family = "wasm", not(target_feature = "simd128")))]
compile_error!(
    "without SIMD the model is many times slower: run cargo in builtin-plugins/, whose .cargo/config.toml turns it on, \
     and leave RUSTFLAGS unset or add -C target-feature=+simd128"
);

pub mod answer;
pub mod blueprint;
pub mod error;
pub mod limits;
pub mod model;
pub mod prompt;
pub mod sample;
pub mod settings;
pub mod text;
pub mod vocabulary;
mod weights;

use answer::Loaded;
use error::LocalError;
use settings::Settings;
use skynet_plugin_sdk::provider::{Completion, CompletionRequest, Emit, ModelInfo, ProviderError, Sink};
use skynet_plugin_sdk::{Description, Lifecycle, Provider, config, export_provider, files, log};
use std::fs::File;
use std::io::BufReader;

/// The plugin.
pub struct Local;

impl Lifecycle for Local {
    fn describe() -> Description {
        Description::new("Local model", "A small language model that runs inside the sandbox.").with_config_schema(settings::SCHEMA)
    }

    fn configure(proposed: &str) -> Result<(), String> {
        settings::check(proposed)
    }
}

impl Provider for Local {
    fn models() -> Result<Vec<ModelInfo>, ProviderError> {
        models()
    }

    fn complete(request: CompletionRequest, sink: &Sink<'_>) -> Result<Completion, ProviderError> {
        complete(&request, sink)
    }
}

/// The model, if its file is there.
pub fn models() -> Result<Vec<ModelInfo>, ProviderError> {
    let settings = in_force()?;
    if let Err(error) = open(&settings) {
        log::info(format!("no model on offer: {error}"));
        return Ok(Vec::new());
    }
    let mut model = ModelInfo::new(settings.model_id(), settings.model_id());
    model.context_window = u64::try_from(limits::CONTEXT).ok();
    model.max_output = u64::try_from(limits::CONTEXT / 2).ok();
    Ok(vec![model])
}

/// Answers one request into any sink.
pub fn complete(request: &CompletionRequest, sink: &dyn Emit) -> Result<Completion, ProviderError> {
    let settings = in_force()?;
    if request.model != settings.model_id() {
        let why = format!("this plugin has the model `{}`, not `{}`", settings.model_id(), request.model);
        return Err(ProviderError::InvalidRequest(why));
    }
    if request.messages.is_empty() {
        return Err(ProviderError::InvalidRequest("there is no message to answer".to_owned()));
    }
    let mut reader = BufReader::with_capacity(limits::READ_BUFFER, open(&settings)?);
    Loaded::read(&mut reader)?.answer(request, sink)
}

fn in_force() -> Result<Settings, ProviderError> {
    let value = config::get("model_file").map_err(|error| error.to_string());
    let settings = value.and_then(|value| Settings::read(value.as_ref()));
    settings.map_err(|sentence| ProviderError::Other(("not-configured".to_owned(), sentence)))
}

fn open(settings: &Settings) -> Result<File, LocalError> {
    let file = settings.find(&files::roots()).and_then(|path| {
        let file = File::open(&path).map_err(|error| error.to_string())?;
        // A folder opens like a file.
        let metadata = file.metadata().map_err(|error| error.to_string())?;
        if metadata.is_file() { Ok(file) } else { Err("it is no file".to_owned()) }
    });
    file.map_err(|reason| LocalError::Absent { path: settings.model_file.clone(), reason })
}

export_provider!(Local);
