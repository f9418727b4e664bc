//! What the owner can set: which model file.
//!
//! The path is `/ROOT/NAME`: a granted folder and a file in it. The file's name
//! is the model's name, so that two files are two models.

use serde_json::Value;
use skynet_plugin_sdk::files::Root;
use std::path::PathBuf;

/// The configuration schema.
pub const SCHEMA: &str = include_str!("../config.schema.json");

/// Where fetch-model.sh puts the model.
pub const DEFAULT_FILE: &str = "/models/smollm2-135m-instruct-q4_1.gguf";

/// The settings in force for one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `/ROOT/NAME.gguf`
    pub model_file: String,
}

/// Looks at a proposed configuration.
pub fn check(proposed: &str) -> Result<(), String> {
    let value: Value = serde_json::from_str(proposed).map_err(|error| format!("the settings are not JSON: {error}"))?;
    let Value::Object(map) = value else { return Err("the settings must be an object".to_owned()) };
    Settings::read(map.get("model_file")).map(|_| ())
}

impl Settings {
    /// Reads them.
    pub fn read(model_file: Option<&Value>) -> Result<Self, String> {
        let wrong = || format!("`model_file` must be the path of a GGUF file in a granted folder, such as \"{DEFAULT_FILE}\"");
        let model_file = match model_file {
            None | Some(Value::Null) => DEFAULT_FILE,
            Some(value) => value.as_str().ok_or_else(wrong)?,
        };
        let parts = model_file.strip_prefix('/').and_then(|path| path.split_once('/'));
        let (_, rest) = parts.filter(|(root, rest)| !root.is_empty() && rest.ends_with(".gguf")).ok_or_else(wrong)?;
        if rest.split('/').any(|step| matches!(step, "" | "." | ".." | ".gguf")) {
            return Err(wrong());
        }
        Ok(Self { model_file: model_file.to_owned() })
    }

    /// What the model is called in requests.
    pub fn model_id(&self) -> &str {
        let name = self.model_file.rsplit('/').next().unwrap_or_default();
        name.strip_suffix(".gguf").unwrap_or(name)
    }

    /// Where the file is, among the granted folders.
    pub fn find(&self, roots: &[Root]) -> Result<PathBuf, String> {
        let (name, rest) = self.model_file.trim_start_matches('/').split_once('/').unwrap_or_default();
        match roots.iter().find(|root| root.name == name) {
            Some(root) => Ok(root.path.join(rest)),
            None => Err(format!("the folder `{name}` is not granted, or does not exist")),
        }
    }
}
