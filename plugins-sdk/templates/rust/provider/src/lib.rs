//! {{title}}: answers as a model. This one says back what it was told.

use skynet_plugin_sdk::provider::{
    Completion, CompletionRequest, Delta, Emit, ModelInfo, Part, ProviderError, Role, Sink, StopReason, Usage,
};
use skynet_plugin_sdk::{Description, Lifecycle, Provider, export_provider};

struct Plugin;

impl Lifecycle for Plugin {
    fn describe() -> Description {
        Description::new("{{title}}", "Says back what it was told.")
    }
}

impl Provider for Plugin {
    fn models() -> Result<Vec<ModelInfo>, ProviderError> {
        Ok(vec![ModelInfo::new("echo", "Echo")])
    }

    fn complete(request: CompletionRequest, sink: &Sink<'_>) -> Result<Completion, ProviderError> {
        answer(&request, sink)
    }
}

/// Takes any sink, so that a test can collect what is said.
fn answer(request: &CompletionRequest, sink: &dyn Emit) -> Result<Completion, ProviderError> {
    let last = request.messages.iter().rev().find(|message| message.role == Role::User);
    let said = last.into_iter().flat_map(|message| &message.parts).find_map(|part| if let Part::Text(text) = part { Some(text) } else { None });
    let said = said.ok_or_else(|| ProviderError::InvalidRequest("nobody said anything".to_owned()))?;
    sink.emit(vec![Delta::Text(format!("You said: {said}"))])?;
    Ok(Completion { stop: StopReason::EndTurn, usage: Usage::zero(), extra: Vec::new() })
}

export_provider!(Plugin);
