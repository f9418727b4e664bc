//! Through the plugin's own door: settings, granted folders, the model's name.

use crate::tiny::{Tiny, request, said};
use provider_local::settings::{self, DEFAULT_FILE, Settings};
use provider_local::{Local, complete, models};
use skynet_plugin_sdk::provider::{ProviderError, Role};
use skynet_plugin_sdk::testing::{Collected, with};
use skynet_plugin_sdk::{Lifecycle, serde_json};
use tempfile::TempDir;

/// A granted folder with a tiny model, set as the model.
fn granted() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tiny.gguf"), Tiny::new().bytes()).unwrap();
    with(|world| {
        world.roots.insert("models".to_owned(), folder.path().to_owned());
        world.config.insert("model_file".to_owned(), "\"/models/tiny.gguf\"".to_owned());
    });
    folder
}

fn failure(model: &str) -> ProviderError {
    let mut request = request("s", vec![said(Role::User, "hi")]);
    request.model = model.to_owned();
    complete(&request, &Collected::new()).unwrap_err()
}

#[test]
fn the_model_is_on_offer_where_its_file_is_and_answers() {
    let _folder = granted();
    let offered = models().unwrap();
    assert_eq!(offered.len(), 1);
    assert_eq!((offered[0].id.as_str(), offered[0].context_window), ("tiny", Some(2048)));
    assert!(offered[0].abilities.is_empty());
    let sink = Collected::new();
    let completion = complete(&request("s", vec![said(Role::User, "hi")]), &sink).unwrap();
    assert!(completion.usage.output > 0);
}

#[test]
fn without_the_grant_or_the_file_nothing_is_on_offer_and_the_log_says_why() {
    assert!(models().unwrap().is_empty());
    assert!(with(|world| world.log[0].1.contains("the folder `models` is not granted")));
    assert!(matches!(failure("smollm2-135m-instruct-q4_1"), ProviderError::Other((kind, text))
        if kind == "not-configured" && text.contains("fetch-model.sh")));

    let folder = granted();
    std::fs::remove_file(folder.path().join("tiny.gguf")).unwrap();
    assert!(models().unwrap().is_empty());
    // A folder of that name is no file either.
    std::fs::create_dir(folder.path().join("tiny.gguf")).unwrap();
    assert!(models().unwrap().is_empty());
}

#[test]
fn a_damaged_file_is_the_models_fault_not_the_requests() {
    let folder = granted();
    std::fs::write(folder.path().join("tiny.gguf"), b"GGUF").unwrap();
    assert!(matches!(failure("tiny"), ProviderError::Other((kind, _)) if kind == "model-file"));
}

#[test]
fn another_model_or_an_empty_conversation_is_refused() {
    let _folder = granted();
    assert!(matches!(failure("gpt"), ProviderError::InvalidRequest(text) if text.contains("`tiny`")));
    assert!(matches!(complete(&request("s", Vec::new()), &Collected::new()), Err(ProviderError::InvalidRequest(_))));
}

#[test]
fn only_a_gguf_file_in_a_folder_can_be_set() {
    for file in ["/models/a.gguf", "/other/deep/b.gguf"] {
        assert_eq!(Local::configure(&serde_json::json!({"model_file": file}).to_string()), Ok(()));
    }
    for file in ["", "a.gguf", "/a.gguf", "/models/a.bin", "//a.gguf", "/models/../etc/a.gguf", "/models//a.gguf", "/models/.gguf"] {
        let refused = Local::configure(&serde_json::json!({"model_file": file}).to_string());
        assert!(refused.is_err_and(|why| why.contains(DEFAULT_FILE)), "{file}");
    }
    assert!(settings::check("[]").is_err() && settings::check("{").is_err());
    with(|world| world.config.insert("model_file".to_owned(), "7".to_owned()));
    assert!(matches!(models(), Err(ProviderError::Other((kind, _))) if kind == "not-configured"));
}

#[test]
fn the_schema_and_the_code_have_the_same_default() {
    let schema: serde_json::Value = serde_json::from_str(settings::SCHEMA).unwrap();
    assert_eq!(schema["properties"]["model_file"]["default"], DEFAULT_FILE);
    assert_eq!(Settings::read(None).unwrap().model_id(), "smollm2-135m-instruct-q4_1");
}
