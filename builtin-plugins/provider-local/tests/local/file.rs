//! Files that are not what they should be: an error with a name, never a panic.

use crate::tiny::{Tiny, WIDTH, random};
use candle_core::quantized::gguf_file::Value;
use proptest::prelude::*;
use provider_local::answer::Loaded;
use provider_local::error::LocalError;
use std::io::Cursor;

fn fault(bytes: Vec<u8>) -> LocalError {
    Loaded::read(&mut Cursor::new(bytes)).err().expect("the file should be refused")
}

#[test]
fn the_sound_file_is_read() {
    assert!(Loaded::read(&mut Tiny::new().reader()).is_ok());
}

#[test]
fn what_is_no_gguf_file_is_refused() {
    for bytes in [&b""[..], b"GGUF", b"<html>not found</html>", b"version https://git-lfs.github.com/spec/v1\n"] {
        assert!(matches!(fault(bytes.to_vec()), LocalError::Damaged(_)));
    }
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let whole = Tiny::new().bytes();
    for tenth in 0..40 {
        let length = whole.len() * tenth / 40;
        assert!(matches!(fault(whole[..length].to_vec()), LocalError::Damaged(_)), "{length} of {}", whole.len());
    }
}

#[test]
fn a_tensor_that_is_missing_or_of_other_sizes_is_named() {
    let mut tiny = Tiny::new();
    tiny.tensors.remove("blk.1.ffn_up.weight");
    assert!(matches!(fault(tiny.bytes()), LocalError::Entry { key, .. } if key == "blk.1.ffn_up.weight"));

    tiny.tensors.insert("blk.1.ffn_up.weight".to_owned(), random(1, &[WIDTH, WIDTH]));
    let wanted = LocalError::Shape { name: "blk.1.ffn_up.weight".to_owned(), found: vec![64, 64], wanted: vec![96, 64] };
    assert_eq!(fault(tiny.bytes()), wanted);
}

#[test]
fn senseless_sizes_are_named() {
    for (key, value) in [
        ("llama.block_count", Value::U32(0)),
        ("llama.block_count", Value::U32(1_000_000)),
        ("llama.block_count", Value::String("two".to_owned())),
        ("llama.attention.head_count", Value::U32(0)),
        ("llama.attention.head_count", Value::U32(5)),
        ("llama.attention.head_count_kv", Value::U32(3)),
        ("llama.attention.head_count_kv", Value::U32(8)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(f32::NAN)),
        ("llama.rope.freq_base", Value::F32(-1.0)),
        ("llama.context_length", Value::U32(0)),
        ("llama.embedding_length", Value::U64(u64::MAX)),
        ("tokenizer.ggml.tokens", Value::Array(Vec::new())),
    ] {
        let error = fault(Tiny::new().set(key, value.clone()).bytes());
        assert!(matches!(&error, LocalError::Entry { key: named, .. } if named == key), "{key} {value:?}: {error}");
    }
}

#[test]
fn another_architecture_is_refused_by_name() {
    let error = fault(Tiny::new().set("general.architecture", Value::String("mamba".to_owned())).bytes());
    assert_eq!(error, LocalError::Unsupported("its architecture is `mamba`".to_owned()));
    let error = fault(Tiny::new().set("llama.rope.dimension_count", Value::U32(8)).bytes());
    assert!(matches!(error, LocalError::Unsupported(_)), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn flipped_bytes_are_an_error_or_another_model_but_never_a_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
    ) {
        let mut bytes = Tiny::new().bytes();
        // The tables at the front are what can mislead; behind them are only weights.
        let front = bytes.len().min(14_000);
        for (place, flip) in flips {
            bytes[place.index(front)] ^= flip;
        }
        let _ = Loaded::read(&mut Cursor::new(bytes));
    }
}
