//! A llama model of two layers with random weights and a byte vocabulary, as a
//! file in memory; tests change its entries and tensors before it is written.

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use skynet_plugin_sdk::provider::{CompletionRequest, Message, Part, Role, SystemBlock, ThinkingLevel, ToolChoice};
use skynet_plugin_sdk::testing::context;
use std::collections::BTreeMap;
use std::io::Cursor;

pub(crate) const LAYERS: usize = 2;
pub(crate) const WIDTH: usize = 64;
pub(crate) const INNER: usize = 96;
pub(crate) const HEADS: usize = 4;
pub(crate) const KV_HEADS: usize = 2;
pub(crate) const HEAD: usize = WIDTH / HEADS;
pub(crate) const CONTEXT: usize = 256;
/// Control tokens, the 256 bytes, and what the merges make.
pub(crate) const FIRST_BYTE: u32 = 3;

pub(crate) struct Tiny {
    pub(crate) entries: BTreeMap<String, Value>,
    pub(crate) tensors: BTreeMap<String, Tensor>,
    /// How matrices are stored.
    pub(crate) kind: GgmlDType,
}

impl Tiny {
    pub(crate) fn new() -> Self {
        let (tokens, merges) = vocabulary();
        let types = (0..tokens.len()).map(|index| Value::I32(if index < 3 { 3 } else { 1 })).collect();
        let mut tensors = BTreeMap::new();
        let mut seed = 1;
        let mut add = |name: String, dims: &[usize]| {
            seed += 1;
            let values = random(seed, dims);
            // Norms are factors about 1: smaller ones would leave nothing to attend to.
            tensors.insert(name, if dims.len() == 1 { values.affine(1.0, 1.0).unwrap() } else { values });
        };
        add("token_embd.weight".to_owned(), &[tokens.len(), WIDTH]);
        for layer in 0..LAYERS {
            let mut add = |part: &str, dims: &[usize]| add(format!("blk.{layer}.{part}.weight"), dims);
            add("attn_norm", &[WIDTH]);
            add("attn_q", &[WIDTH, WIDTH]);
            add("attn_k", &[KV_HEADS * HEAD, WIDTH]);
            add("attn_v", &[KV_HEADS * HEAD, WIDTH]);
            add("attn_output", &[WIDTH, WIDTH]);
            add("ffn_norm", &[WIDTH]);
            add("ffn_gate", &[INNER, WIDTH]);
            add("ffn_up", &[INNER, WIDTH]);
            add("ffn_down", &[WIDTH, INNER]);
        }
        add("output_norm.weight".to_owned(), &[WIDTH]);
        let number = |value: usize| Value::U32(u32::try_from(value).unwrap());
        let texts = |list: Vec<String>| Value::Array(list.into_iter().map(Value::String).collect());
        let entries = [
            ("general.architecture", Value::String("llama".to_owned())),
            ("llama.block_count", number(LAYERS)),
            ("llama.context_length", number(CONTEXT)),
            ("llama.embedding_length", number(WIDTH)),
            ("llama.feed_forward_length", number(INNER)),
            ("llama.attention.head_count", number(HEADS)),
            ("llama.attention.head_count_kv", number(KV_HEADS)),
            ("llama.rope.freq_base", Value::F32(100.0)),
            ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
            ("tokenizer.ggml.model", Value::String("gpt2".to_owned())),
            ("tokenizer.ggml.pre", Value::String("smollm".to_owned())),
            ("tokenizer.ggml.tokens", texts(tokens)),
            ("tokenizer.ggml.token_type", Value::Array(types)),
            ("tokenizer.ggml.merges", texts(merges)),
        ];
        let entries = entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self { entries, tensors, kind: GgmlDType::Q4_1 }
    }

    pub(crate) fn set(mut self, key: &str, value: Value) -> Self {
        self.entries.insert(key.to_owned(), value);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let stored = |tensor: &Tensor| QTensor::quantize(tensor, if tensor.rank() == 2 { self.kind } else { GgmlDType::F32 }).unwrap();
        let stored: Vec<(&str, QTensor)> = self.tensors.iter().map(|(name, tensor)| (name.as_str(), stored(tensor))).collect();
        let tensors: Vec<(&str, &QTensor)> = stored.iter().map(|(name, tensor)| (*name, tensor)).collect();
        let entries: Vec<(&str, &Value)> = self.entries.iter().map(|(key, value)| (key.as_str(), value)).collect();
        let mut file = Cursor::new(Vec::new());
        gguf_file::write(&mut file, &entries, &tensors).unwrap();
        file.into_inner()
    }

    pub(crate) fn reader(&self) -> Cursor<Vec<u8>> {
        Cursor::new(self.bytes())
    }
}

fn vocabulary() -> (Vec<String>, Vec<String>) {
    let mut tokens: Vec<String> = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"].map(str::to_owned).into();
    // As GPT-2's vocabulary writes bytes: the printable ones as they are, the rest from U+0100 on.
    let mut free = 0x100;
    for byte in 0..=255_u32 {
        let shown = matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
        let letter = if shown { byte } else { free };
        free += u32::from(!shown);
        tokens.push(char::from_u32(letter).unwrap().to_string());
    }
    let merges = ["h e", "t he", "Ġ the", "1 2"];
    tokens.extend(merges.iter().map(|merge| merge.replace(' ', "")));
    (tokens, merges.map(str::to_owned).into())
}

/// Even numbers about 0, wide enough that the answer is not the same token for ever.
pub(crate) fn random(seed: u64, dims: &[usize]) -> Tensor {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / 8_388_608.0 - 1.0) * 0.4
    };
    let values: Vec<f32> = std::iter::repeat_with(next).take(dims.iter().product()).collect();
    Tensor::from_vec(values, dims, &Device::Cpu).unwrap()
}

pub(crate) fn said(role: Role, text: &str) -> Message {
    Message { role, parts: vec![Part::Text(text.to_owned())], extra: Vec::new() }
}

/// A request without randomness.
pub(crate) fn request(system: &str, messages: Vec<Message>) -> CompletionRequest {
    CompletionRequest {
        model: "tiny".to_owned(),
        system: vec![SystemBlock { text: system.to_owned(), cache_anchor: false }],
        messages,
        tools: Vec::new(),
        tool_choice: ToolChoice::Automatic,
        max_output: Some(24),
        temperature: Some(0.0),
        thinking: ThinkingLevel::Off,
        stop: Vec::new(),
        options: "{}".to_owned(),
        context: context(),
        extra: Vec::new(),
    }
}
