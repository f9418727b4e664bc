//! What can be wrong with a model file, or happen while it runs.
//!
//! Each case says what the owner can do. The mapping to the router's cases is
//! here too: none of these is the request's fault, and none passes by waiting.

use crate::limits::CONTEXT;
use skynet_plugin_sdk::provider::ProviderError;

/// Why the model did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalError {
    /// The file is not there, or its folder is not granted.
    #[error("the model file `{path}` cannot be opened: {reason}; put it there with fetch-model.sh, or set `model_file`")]
    Absent {
        /// As the owner set it.
        path: String,
        /// What stands in the way.
        reason: String,
    },
    /// The file is cut short or no GGUF.
    #[error("the model file is damaged or no GGUF file: {0}; fetch it again")]
    Damaged(String),
    /// The file lacks an entry, or the entry makes no sense.
    #[error("the model file's entry `{key}` {reason}; fetch the file again, or choose another model")]
    Entry {
        /// The entry's name.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor has other sizes than the entries say.
    #[error("the model file's tensor `{name}` is {found:?}, but its entries ask for {wanted:?}; fetch the file again")]
    Shape {
        /// The tensor.
        name: String,
        /// Its sizes.
        found: Vec<usize>,
        /// The sizes that fit.
        wanted: Vec<usize>,
    },
    /// A sound file of a kind that this plugin has no code for.
    #[error("this plugin cannot run the model: {0}; it runs models of the llama architecture with a ChatML vocabulary")]
    Unsupported(String),
    /// The arithmetic failed.
    #[error("the model could not be run: {0}")]
    Compute(String),
    /// The newest message and the system text alone are too long.
    #[error("the newest message and the system text need at least {needed} tokens; {room} of the model's {CONTEXT} are free for them")]
    TooLong {
        /// Tokens of both, or fewer: what is far too long is not counted.
        needed: usize,
        /// Tokens that they may have.
        room: usize,
    },
}

impl LocalError {
    /// For failures within the arithmetic.
    pub(crate) fn compute(error: candle_core::Error) -> Self {
        Self::Compute(error.to_string())
    }

    /// For failures while the file is read.
    pub(crate) fn damaged(error: impl ToString) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<LocalError> for ProviderError {
    fn from(error: LocalError) -> Self {
        let text = error.to_string();
        match error {
            LocalError::TooLong { .. } => Self::ContextOverflow(text),
            LocalError::Absent { .. } => Self::Other(("not-configured".to_owned(), text)),
            LocalError::Compute(_) => Self::Other(("inference".to_owned(), text)),
            _ => Self::Other(("model-file".to_owned(), text)),
        }
    }
}
