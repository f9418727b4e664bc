//! Text to tokens and back, from the model file's own entries.
//!
//! Text is only ever text here: a message that contains `<|im_end|>` becomes
//! ordinary tokens that spell it, so nobody can end their own turn and speak in
//! another's name. The control tokens are placed by number, by the prompt alone.

use crate::error::LocalError;
use candle_core::quantized::gguf_file::Value;
use std::collections::HashMap;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{Model as _, Tokenizer};

/// In the file: a token that is never text.
const CONTROL: u64 = 3;

/// The vocabulary of one model.
pub struct Vocabulary {
    tokenizer: Tokenizer,
    control: Vec<bool>,
    bytes: HashMap<char, u8>,
    /// Begins a turn.
    pub start: u32,
    /// Ends a turn.
    pub end: u32,
    /// Bytes of the longest token, at least 1: no text has fewer tokens than its length by this.
    pub longest: usize,
}

impl Vocabulary {
    /// Builds it, taking the large entries out of the file's.
    pub fn take(entries: &mut HashMap<String, Value>) -> Result<Self, LocalError> {
        let kind = text(entries, "tokenizer.ggml.model")?;
        if kind != "gpt2" {
            return Err(LocalError::Unsupported(format!("its tokens are of the kind `{kind}`")));
        }
        let splitter = splitter(&text(entries, "tokenizer.ggml.pre")?)?;
        let control = list(entries, "tokenizer.ggml.token_type", &|value| integer(&value))?.iter().map(|kind| *kind == CONTROL).collect();
        let tokens = list(entries, "tokenizer.ggml.tokens", &string)?;
        let merges = list(entries, "tokenizer.ggml.merges", &|value| {
            string(value)?.split_once(' ').map(|(left, right)| (left.to_owned(), right.to_owned()))
        })?;
        // Each byte is one letter there.
        let longest = tokens.iter().map(|token| token.chars().count()).max().unwrap_or_default().max(1);
        let numbered: Vocab = tokens.into_iter().zip(0..).collect();
        let bpe = BPE::builder().vocab_and_merges(numbered, merges).build();
        let bpe = bpe.map_err(|error| wrong("tokenizer.ggml.merges", &error.to_string()))?;
        let number = |token: &str| {
            bpe.token_to_id(token)
                .ok_or_else(|| LocalError::Unsupported(format!("its vocabulary has no `{token}`, so it is no ChatML model")))
        };
        let (start, end) = (number("<|im_start|>")?, number("<|im_end|>")?);
        let mut tokenizer = Tokenizer::new(bpe);
        tokenizer.with_pre_tokenizer(Some(splitter));
        Ok(Self { tokenizer, control, bytes: byte_letters(), start, end, longest })
    }

    /// The tokens that spell a text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, LocalError> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(|error| LocalError::Compute(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Whether the model said that it is done, or what only a prompt may say.
    pub fn is_control(&self, token: u32) -> bool {
        usize::try_from(token).ok().and_then(|token| self.control.get(token)).copied().unwrap_or(true)
    }

    /// The bytes of one token: a part of a text, not always whole characters.
    pub fn bytes(&self, token: u32) -> Vec<u8> {
        if self.is_control(token) {
            return Vec::new();
        }
        let letters = self.tokenizer.id_to_token(token).unwrap_or_default();
        letters.chars().filter_map(|letter| self.bytes.get(&letter)).copied().collect()
    }
}

fn splitter(name: &str) -> Result<PreTokenizerWrapper, LocalError> {
    let words = ByteLevel::new(false, true, true);
    match name {
        "smollm" => Ok(Sequence::new(vec![Digits::new(true).into(), words.into()]).into()),
        "gpt-2" | "gpt2" | "default" => Ok(words.into()),
        _ => Err(LocalError::Unsupported(format!("its text is split in the way `{name}`"))),
    }
}

/// Byte-level vocabularies write each byte as a printable letter: itself where
/// it is one, else the next free letter from 256 on.
fn byte_letters() -> HashMap<char, u8> {
    let mut free = (256..).filter_map(char::from_u32);
    (0..=u8::MAX)
        .filter_map(|byte| {
            let shown = matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
            if shown { Some((char::from(byte), byte)) } else { free.next().map(|letter| (letter, byte)) }
        })
        .collect()
}

fn wrong(key: &str, reason: &str) -> LocalError {
    LocalError::Entry { key: key.to_owned(), reason: reason.to_owned() }
}

fn text(entries: &HashMap<String, Value>, key: &str) -> Result<String, LocalError> {
    let value = entries.get(key).ok_or_else(|| wrong(key, "is missing"))?;
    value.to_string().cloned().map_err(|_| wrong(key, "is no text"))
}

fn string(value: Value) -> Option<String> {
    if let Value::String(text) = value { Some(text) } else { None }
}

fn integer(value: &Value) -> Option<u64> {
    value.to_u64().ok().or_else(|| if let Value::I32(number) = value { u64::try_from(*number).ok() } else { None })
}

fn list<T>(entries: &mut HashMap<String, Value>, key: &str, each: &dyn Fn(Value) -> Option<T>) -> Result<Vec<T>, LocalError> {
    let Some(Value::Array(values)) = entries.remove(key) else { return Err(wrong(key, "is missing or no list")) };
    values.into_iter().map(each).collect::<Option<_>>().ok_or_else(|| wrong(key, "holds something of another kind"))
}
