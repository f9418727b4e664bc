//! The model against the same arithmetic, written plainly and without candle.

use crate::tiny::{CONTEXT, HEAD, HEADS, KV_HEADS, LAYERS, Tiny, WIDTH};
use candle_core::Tensor;
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::Content;
use provider_local::error::LocalError;
use provider_local::model::Model;

type Rows = Vec<Vec<f32>>;

fn load(tiny: &Tiny) -> Model {
    let mut reader = tiny.reader();
    let content = Content::read(&mut reader).unwrap();
    Model::load(&content, &mut reader).unwrap()
}

/// The largest difference, as a share of the spread of the scores.
fn apart(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    let spread = one.iter().copied().fold(f32::MIN, f32::max) - one.iter().copied().fold(f32::MAX, f32::min);
    one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max) / spread
}

const TOKENS: [u32; 9] = [1, 70, 71, 259, 2, 13, 1, 99, 100];

#[test]
fn the_scores_are_those_of_the_plain_arithmetic() {
    // Eight bits of weight and of activation are worth about half a percent each.
    for (kind, tolerance) in [(GgmlDType::Q8_0, 0.06), (GgmlDType::F32, 0.06), (GgmlDType::F16, 0.06), (GgmlDType::Q4_1, 0.3)] {
        let mut tiny = Tiny::new();
        tiny.kind = kind;
        let apart = apart(&plain(&tiny, &TOKENS), &load(&tiny).read(&TOKENS).unwrap());

        assert!(apart < tolerance, "{kind:?}: {apart}");
    }
}

#[test]
fn the_order_of_the_tokens_counts() {
    let tiny = Tiny::new();
    let mut turned = TOKENS;
    turned.swap(1, 2);
    let differs = apart(&plain(&tiny, &TOKENS), &plain(&tiny, &turned));
    assert!(differs > 0.05, "{differs}");
    assert!(apart(&load(&tiny).read(&TOKENS).unwrap(), &load(&tiny).read(&turned).unwrap()) > 0.05);
}

#[test]
fn reading_in_chunks_or_one_by_one_gives_the_same_scores() {
    let tiny = Tiny::new();
    let whole = load(&tiny).read(&TOKENS).unwrap();
    for size in [1, 2, 4] {
        let mut model = load(&tiny);
        model.reserve(TOKENS.len());
        let mut scores = Vec::new();
        for chunk in TOKENS.chunks(size) {
            scores = model.read(chunk).unwrap();
        }
        assert!(apart(&whole, &scores) < 0.03, "{size}: {}", apart(&whole, &scores));
    }
}

#[test]
fn an_own_matrix_for_the_way_out_is_used() {
    let mut tiny = Tiny::new();
    let flipped = tiny.tensors["token_embd.weight"].neg().unwrap();
    let tied = load(&tiny).read(&TOKENS).unwrap();
    tiny.tensors.insert("output.weight".to_owned(), flipped);
    let turned: Vec<f32> = load(&tiny).read(&TOKENS).unwrap().iter().map(|score| -score).collect();
    assert!(apart(&tied, &turned) < 0.03);
}

#[test]
fn more_than_the_window_is_refused() {
    let mut model = load(&Tiny::new());
    assert_eq!(model.blueprint().context, CONTEXT);
    model.read(&[5; CONTEXT]).unwrap();
    assert!(matches!(model.read(&[5]), Err(LocalError::Compute(why)) if why.contains("do not fit")));
    assert!(matches!(load(&Tiny::new()).read(&[]), Err(LocalError::Compute(_))));
}

#[test]
fn a_token_outside_the_vocabulary_is_an_error() {
    assert!(matches!(load(&Tiny::new()).read(&[100_000]), Err(LocalError::Compute(_))));
}

fn rows(tensor: &Tensor) -> Rows {
    tensor.to_vec2().unwrap()
}

fn times(matrix: &Rows, vector: &[f32]) -> Vec<f32> {
    matrix.iter().map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum()).collect()
}

fn normed(vector: &[f32], factors: &Tensor) -> Vec<f32> {
    let mean = vector.iter().map(|value| value * value).sum::<f32>() / vector.len() as f32;
    let factors: Vec<f32> = factors.to_vec1().unwrap();
    vector.iter().zip(factors).map(|(value, factor)| value / (mean + 1e-5).sqrt() * factor).collect()
}

fn rotated(mut vector: Vec<f32>, position: usize) -> Vec<f32> {
    for head in vector.chunks_mut(HEAD) {
        for (pair, values) in head.chunks_mut(2).enumerate() {
            let angle = position as f32 * 100.0_f32.powf(-2.0 * pair as f32 / HEAD as f32);
            let (a, b) = (values[0], values[1]);
            values[0] = a * angle.cos() - b * angle.sin();
            values[1] = a * angle.sin() + b * angle.cos();
        }
    }
    vector
}

fn attended(query: &[f32], keys: &Rows, values: &Rows) -> Vec<f32> {
    let mut mixed = Vec::new();
    for head in 0..HEADS {
        let shared = head / (HEADS / KV_HEADS) * HEAD;
        let own = &query[head * HEAD..(head + 1) * HEAD];
        let score = |key: &Vec<f32>| own.iter().zip(&key[shared..]).map(|(a, b)| a * b).sum::<f32>() / (HEAD as f32).sqrt();
        let weights: Vec<f32> = keys.iter().map(|key| score(key).exp()).collect();
        let sum: f32 = weights.iter().sum();
        mixed.extend((0..HEAD).map(|at| weights.iter().zip(values).map(|(weight, value)| weight / sum * value[shared + at]).sum::<f32>()));
    }
    mixed
}

fn plain(tiny: &Tiny, tokens: &[u32]) -> Vec<f32> {
    let embedding = rows(&tiny.tensors["token_embd.weight"]);
    let mut streams: Rows = tokens.iter().map(|token| embedding[*token as usize].clone()).collect();
    for layer in 0..LAYERS {
        let tensor = |part: &str| &tiny.tensors[&format!("blk.{layer}.{part}.weight")];
        let matrix = |part: &str| rows(tensor(part));
        let (mut keys, mut values) = (Rows::new(), Rows::new());
        for (position, stream) in streams.iter_mut().enumerate() {
            let x = normed(stream, tensor("attn_norm"));
            keys.push(rotated(times(&matrix("attn_k"), &x), position));
            values.push(times(&matrix("attn_v"), &x));
            let mixed = attended(&rotated(times(&matrix("attn_q"), &x), position), &keys, &values);
            let joined = times(&matrix("attn_output"), &mixed);
            stream.iter_mut().zip(joined).for_each(|(value, more)| *value += more);
            let x = normed(stream, tensor("ffn_norm"));
            let gate = times(&matrix("ffn_gate"), &x);
            let inner: Vec<f32> =
                gate.iter().zip(times(&matrix("ffn_up"), &x)).map(|(gate, up)| gate / (1.0 + (-gate).exp()) * up).collect();
            stream.iter_mut().zip(times(&matrix("ffn_down"), &inner)).for_each(|(value, more)| *value += more);
        }
    }
    let last = normed(&streams[tokens.len() - 1], &tiny.tensors["output_norm.weight"]);
    assert_eq!(last.len(), WIDTH);
    times(&embedding, &last)
}
