//! Answers by a few fixed rules when no model is set up.
//!
//! `rules.rs` reads what a person wants, `decide.rs` makes an answer or a real
//! tool call of it, `say.rs` holds the sentences, `push.rs` streams. It never
//! pretends to be a model: every general answer says what it is.

mod decide;
mod limits;
mod push;
mod rules;
mod say;

use skynet_plugin_sdk::provider::{Completion, CompletionRequest, ModelInfo, ProviderError, Sink};
use skynet_plugin_sdk::{Description, Lifecycle, Provider, export_provider};

/// The one model on offer.
pub(crate) const MODEL: &str = "rules";

struct Offline;

impl Lifecycle for Offline {
    fn describe() -> Description {
        Description::new("Offline rules", "Answers by a few fixed rules when no model is set up, and says that it does.")
    }
}

impl Provider for Offline {
    fn models() -> Result<Vec<ModelInfo>, ProviderError> {
        Ok(vec![ModelInfo {
            abilities: vec!["tools".to_owned(), "last-resort".to_owned()],
            ..ModelInfo::new(MODEL, "Offline rules (no language model)")
        }])
    }

    fn complete(request: CompletionRequest, sink: &Sink<'_>) -> Result<Completion, ProviderError> {
        if request.model != MODEL {
            return Err(ProviderError::InvalidRequest(format!("the offline provider has no model `{}`, only `{MODEL}`", request.model)));
        }
        push::push(&request, &decide::decide(&request), sink)
    }
}

export_provider!(Offline);
