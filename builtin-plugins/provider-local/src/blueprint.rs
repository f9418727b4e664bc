//! The sizes of a model, from the entries of its file.
//!
//! Everything later trusts these numbers, so they are checked here: none is
//! zero, none is absurd, and those that must divide one another do.

use crate::error::LocalError;
use crate::limits::{CONTEXT, LAYERS, VOCABULARY, WIDTH};
use candle_core::quantized::gguf_file::{Content, Value};

/// The sizes of a llama model.
#[derive(Debug, Clone, PartialEq)]
pub struct Blueprint {
    /// Layers.
    pub layers: usize,
    /// Width of the stream between the layers.
    pub width: usize,
    /// Width inside the feed-forward part.
    pub inner: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; each serves `heads / kv_heads` query heads.
    pub kv_heads: usize,
    /// Width of one head.
    pub head: usize,
    /// Tokens in the vocabulary.
    pub vocabulary: usize,
    /// Tokens that are attended to at most.
    pub context: usize,
    /// Base of the rotary positions.
    pub rope_base: f32,
    /// What keeps the norms from dividing by zero.
    pub epsilon: f32,
}

impl Blueprint {
    /// Reads and checks the entries.
    pub fn read(content: &Content) -> Result<Self, LocalError> {
        let architecture = entry(content, "general.architecture")?.to_string().map_err(|_| wrong("general.architecture", "is no text"))?;
        if architecture != "llama" {
            return Err(LocalError::Unsupported(format!("its architecture is `{architecture}`")));
        }
        let width = size(content, "llama.embedding_length", WIDTH)?;
        let heads = size(content, "llama.attention.head_count", WIDTH)?;
        let kv_heads = match content.metadata.get("llama.attention.head_count_kv") {
            Some(_) => size(content, "llama.attention.head_count_kv", heads)?,
            None => heads,
        };
        let head = divided(width, heads, "llama.attention.head_count")?;
        divided(heads, kv_heads, "llama.attention.head_count_kv")?;
        divided(head, 2, "llama.embedding_length")?;
        if content.metadata.contains_key("llama.rope.dimension_count") && size(content, "llama.rope.dimension_count", WIDTH)? != head {
            return Err(LocalError::Unsupported("only a part of each head is rotated".to_owned()));
        }
        let vocabulary = match entry(content, "tokenizer.ggml.tokens")? {
            Value::Array(tokens) if (1..=VOCABULARY).contains(&tokens.len()) => tokens.len(),
            _ => return Err(wrong("tokenizer.ggml.tokens", &format!("is no list of 1 to {VOCABULARY} tokens"))),
        };
        Ok(Self {
            layers: size(content, "llama.block_count", LAYERS)?,
            inner: size(content, "llama.feed_forward_length", WIDTH)?,
            context: size(content, "llama.context_length", usize::MAX)?.min(CONTEXT),
            rope_base: positive(content, "llama.rope.freq_base", Some(10_000.0))?,
            epsilon: positive(content, "llama.attention.layer_norm_rms_epsilon", None)?,
            width,
            heads,
            kv_heads,
            head,
            vocabulary,
        })
    }
}

fn entry<'a>(content: &'a Content, key: &str) -> Result<&'a Value, LocalError> {
    content.metadata.get(key).ok_or_else(|| wrong(key, "is missing"))
}

fn wrong(key: &str, reason: &str) -> LocalError {
    LocalError::Entry { key: key.to_owned(), reason: reason.to_owned() }
}

fn size(content: &Content, key: &str, most: usize) -> Result<usize, LocalError> {
    let number = entry(content, key)?.to_u64().ok().and_then(|number| usize::try_from(number).ok());
    number.filter(|number| (1..=most).contains(number)).ok_or_else(|| wrong(key, &format!("is no number from 1 to {most}")))
}

fn positive(content: &Content, key: &str, otherwise: Option<f32>) -> Result<f32, LocalError> {
    let number = match (content.metadata.get(key), otherwise) {
        (None, Some(otherwise)) => Ok(otherwise),
        _ => entry(content, key)?.to_f32(),
    };
    number.ok().filter(|number| number.is_finite() && *number > 0.0).ok_or_else(|| wrong(key, "is no number above 0"))
}

fn divided(whole: usize, parts: usize, key: &str) -> Result<usize, LocalError> {
    if whole.is_multiple_of(parts) { Ok(whole / parts) } else { Err(wrong(key, &format!("does not fit: {whole} over {parts}"))) }
}
