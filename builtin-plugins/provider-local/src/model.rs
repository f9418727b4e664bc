//! The llama architecture: tokens in, the scores of the next token out.
//!
//! Positions already read are remembered in one preallocated cache per layer, so
//! a conversation can be read in chunks. The query heads that share a key head
//! are multiplied as one matrix, which spares copying the cache for each token.

use crate::blueprint::Blueprint;
use crate::error::LocalError;
use crate::weights::Weights;
use candle_core::quantized::QMatMul;
use candle_core::quantized::gguf_file::Content;
use candle_core::{DType, Device, IndexOp, Module, Result, Tensor};
use candle_nn::kv_cache::KvCache;
use candle_nn::ops::{rms_norm, softmax_last_dim};
use candle_nn::rotary_emb::rope_i;
use std::io::{Read, Seek};

/// A loaded model and what it has read so far.
pub struct Model {
    blueprint: Blueprint,
    embedding: QMatMul,
    layers: Vec<Layer>,
    norm: Tensor,
    /// The embedding serves for the way out too where the file has no other.
    output: Option<QMatMul>,
    cosines: Tensor,
    sines: Tensor,
    read: usize,
}

struct Layer {
    attention_norm: Tensor,
    query: QMatMul,
    key: QMatMul,
    value: QMatMul,
    joined: QMatMul,
    inner_norm: Tensor,
    gate: QMatMul,
    up: QMatMul,
    down: QMatMul,
    cache: KvCache,
}

impl Model {
    /// Reads the tensors, one after the other.
    pub fn load<R: Read + Seek>(content: &Content, reader: &mut R) -> std::result::Result<Self, LocalError> {
        let blueprint = Blueprint::read(content)?;
        let mut weights = Weights::new(content, reader);
        let embedding = weights.matrix("token_embd.weight", blueprint.vocabulary, blueprint.width)?;
        let layers =
            (0..blueprint.layers).map(|index| Layer::load(&blueprint, &mut weights, index)).collect::<std::result::Result<_, _>>()?;
        let norm = weights.vector("output_norm.weight", blueprint.width)?;
        let output = match weights.has("output.weight") {
            true => Some(weights.matrix("output.weight", blueprint.vocabulary, blueprint.width)?),
            false => None,
        };
        let (cosines, sines) = rotations(&blueprint).map_err(LocalError::compute)?;
        Ok(Self { blueprint, embedding, layers, norm, output, cosines, sines, read: 0 })
    }

    /// The model's sizes.
    pub fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    /// Makes room for so many tokens, which is all that will be read: the room
    /// for a whole window would be most of the memory of a short conversation.
    pub fn reserve(&mut self, tokens: usize) {
        for layer in &mut self.layers {
            layer.cache = KvCache::new(2, tokens.clamp(1, self.blueprint.context));
        }
        self.read = 0;
    }

    /// Reads on, and scores every token of the vocabulary as the next one.
    pub fn read(&mut self, tokens: &[u32]) -> std::result::Result<Vec<f32>, LocalError> {
        if tokens.is_empty() || self.read + tokens.len() > self.blueprint.context {
            let window = self.blueprint.context;
            return Err(LocalError::Compute(format!("{} tokens after {} do not fit a window of {window}", tokens.len(), self.read)));
        }
        let scores = self.forward(tokens).map_err(LocalError::compute)?;
        self.read += tokens.len();
        Ok(scores)
    }

    fn forward(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        let count = tokens.len();
        let ids = Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?;
        let mut stream = self.embedding.embedding(&ids)?;
        let place = Place {
            cosines: self.cosines.narrow(0, self.read, count)?,
            sines: self.sines.narrow(0, self.read, count)?,
            mask: if count > 1 { Some(mask(self.read, count)?) } else { None },
        };
        for layer in &mut self.layers {
            stream = layer.forward(&self.blueprint, &stream, &place)?;
        }
        let last = stream.i((.., count - 1, ..))?.contiguous()?;
        let last = rms_norm(&last, &self.norm, self.blueprint.epsilon)?;
        self.output.as_ref().unwrap_or(&self.embedding).forward(&last)?.squeeze(0)?.to_dtype(DType::F32)?.to_vec1()
    }
}

/// What depends on the position alone, shared by all layers.
struct Place {
    cosines: Tensor,
    sines: Tensor,
    mask: Option<Tensor>,
}

impl Layer {
    fn load<R: Read + Seek>(blueprint: &Blueprint, weights: &mut Weights<'_, R>, index: usize) -> std::result::Result<Self, LocalError> {
        let Blueprint { width, inner, context, .. } = *blueprint;
        let shared = blueprint.kv_heads * blueprint.head;
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        Ok(Self {
            attention_norm: weights.vector(&name("attn_norm"), width)?,
            query: weights.matrix(&name("attn_q"), width, width)?,
            key: weights.matrix(&name("attn_k"), shared, width)?,
            value: weights.matrix(&name("attn_v"), shared, width)?,
            joined: weights.matrix(&name("attn_output"), width, width)?,
            inner_norm: weights.vector(&name("ffn_norm"), width)?,
            gate: weights.matrix(&name("ffn_gate"), inner, width)?,
            up: weights.matrix(&name("ffn_up"), inner, width)?,
            down: weights.matrix(&name("ffn_down"), width, inner)?,
            cache: KvCache::new(2, context),
        })
    }

    fn forward(&mut self, blueprint: &Blueprint, stream: &Tensor, place: &Place) -> Result<Tensor> {
        let attended = self.attend(blueprint, &rms_norm(stream, &self.attention_norm, blueprint.epsilon)?, place)?;
        let stream = (stream + attended)?;
        let normed = rms_norm(&stream, &self.inner_norm, blueprint.epsilon)?;
        let inner = (self.gate.forward(&normed)?.silu()? * self.up.forward(&normed)?)?;
        stream + self.down.forward(&inner)?
    }

    fn attend(&mut self, blueprint: &Blueprint, normed: &Tensor, place: &Place) -> Result<Tensor> {
        let (_, count, width) = normed.dims3()?;
        let Blueprint { heads, kv_heads, head, .. } = *blueprint;
        let split = |tensor: Tensor, heads: usize| tensor.reshape((1, count, heads, head))?.transpose(1, 2)?.contiguous();
        let query = rope_i(&split(self.query.forward(normed)?, heads)?, &place.cosines, &place.sines)?;
        let key = rope_i(&split(self.key.forward(normed)?, kv_heads)?, &place.cosines, &place.sines)?;
        let value = split(self.value.forward(normed)?, kv_heads)?;
        let (keys, values) = self.cache.append(&key, &value)?;
        let seen = keys.dim(2)?;
        let query = (query * (1.0 / (head as f64).sqrt()))?.reshape((1, kv_heads, heads / kv_heads * count, head))?;
        let scores = query.matmul(&keys.t()?)?.reshape((1, heads, count, seen))?;
        let scores = match &place.mask {
            Some(mask) => scores.broadcast_add(mask)?,
            None => scores,
        };
        let shares = softmax_last_dim(&scores)?.reshape((1, kv_heads, heads / kv_heads * count, seen))?;
        let mixed = shares.matmul(&values)?.reshape((1, heads, count, head))?;
        self.joined.forward(&mixed.transpose(1, 2)?.reshape((1, count, width))?)
    }
}

/// Each token sees what was read before, itself, and nothing after it.
fn mask(before: usize, count: usize) -> Result<Tensor> {
    let row = |own: usize| (0..before + count).map(move |other| if other > before + own { f32::NEG_INFINITY } else { 0.0 });
    Tensor::from_iter((0..count).flat_map(row), &Device::Cpu)?.reshape((count, before + count))
}

fn rotations(blueprint: &Blueprint) -> Result<(Tensor, Tensor)> {
    let half = blueprint.head / 2;
    let speeds = (0..half).map(|pair| blueprint.rope_base.powf(-(pair as f32) / half as f32));
    let speeds = Tensor::from_iter(speeds, &Device::Cpu)?.reshape((1, half))?;
    let positions = Tensor::from_iter((0..blueprint.context).map(|position| position as f32), &Device::Cpu)?;
    let angles = positions.reshape((blueprint.context, 1))?.broadcast_mul(&speeds)?;
    Ok((angles.cos()?, angles.sin()?))
}
