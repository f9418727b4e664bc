//! The real model, for who asks for it: `SKYNET_MODEL_DIR` names the folder that
//! fetch-model.sh filled. Asked for and missing is a failure.

use crate::tiny::{request, said};
use candle_core::quantized::gguf_file::Content;
use provider_local::complete;
use provider_local::settings::{DEFAULT_FILE, Settings};
use provider_local::vocabulary::Vocabulary;
use skynet_plugin_sdk::provider::{Role, StopReason};
use skynet_plugin_sdk::testing::{Collected, with};
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

/// The folder, if the tests were asked to use it.
fn folder() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("SKYNET_MODEL_DIR").map(PathBuf::from) else {
        eprintln!("not asked for: set SKYNET_MODEL_DIR to the folder of the real model");
        return None;
    };
    assert!(file(&folder).is_file(), "SKYNET_MODEL_DIR is set, but {} is missing; run fetch-model.sh", file(&folder).display());
    Some(folder)
}

fn file(folder: &std::path::Path) -> PathBuf {
    folder.join(DEFAULT_FILE.trim_start_matches("/models/"))
}

#[test]
fn with_skynet_model_dir_the_real_model_knows_the_capital_of_france() {
    let Some(folder) = folder() else { return };
    with(|world| world.roots.insert("models".to_owned(), folder));
    let mut request =
        request("You are a helpful assistant.", vec![said(Role::User, "Hello!"), said(Role::Assistant, "Hello! How can I help you?")]);
    request.messages.push(said(Role::User, "What is the capital of France? Answer in one sentence."));
    request.model = Settings::read(None).unwrap().model_id().to_owned();
    let sink = Collected::new();
    let completion = complete(&request, &sink).unwrap();
    eprintln!("the real model: {:?} {:?}", sink.text(), completion.extra);
    assert!(sink.text().contains("Paris"), "{}", sink.text());
    assert_eq!(completion.stop, StopReason::EndTurn);
    assert!(completion.usage.input > 40 && completion.usage.output > 5);
    assert!(sink.emits() > 5, "the answer came in {} pieces", sink.emits());
}

#[test]
fn with_skynet_model_dir_the_real_vocabulary_gives_the_known_tokens() {
    let Some(folder) = folder() else { return };
    let mut content = Content::read(&mut BufReader::new(File::open(file(&folder)).unwrap())).unwrap();
    let vocabulary = Vocabulary::take(&mut content.metadata).unwrap();
    // As the model's authors' own tokenizer gives them.
    let known = [9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407, 19712, 8182];
    assert_eq!(vocabulary.encode("system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face").unwrap(), known);
    for text in ["naïve café 🦀👩‍👩‍👧 2024-01-31\r\n\tfn main() {}", "東京 — “quoted” ’s", "   leading and trailing   "]
    {
        let tokens = vocabulary.encode(text).unwrap();
        let bytes: Vec<u8> = tokens.iter().flat_map(|token| vocabulary.bytes(*token)).collect();
        assert_eq!(bytes, text.as_bytes());
    }
}
