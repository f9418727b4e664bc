//! Answers end to end on a tiny made-up model: streaming, stops, cancel, context.

use crate::tiny::{CONTEXT, Tiny, request, said};
use provider_local::answer::Loaded;
use skynet_plugin_sdk::provider::{Completion, CompletionRequest, Delta, ProviderError, Role, StopReason};
use skynet_plugin_sdk::testing::Collected;

fn answer(request: &CompletionRequest, sink: &Collected) -> Result<Completion, ProviderError> {
    Loaded::read(&mut Tiny::new().reader()).unwrap().answer(request, sink)
}

fn question() -> CompletionRequest {
    request("s", vec![said(Role::User, "tell me")])
}

fn text(request: &CompletionRequest) -> String {
    let sink = Collected::new();
    answer(request, &sink).unwrap();
    sink.text()
}

#[test]
fn an_answer_ends_with_its_usage_and_its_reason() {
    let sink = Collected::new();
    let completion = answer(&question(), &sink).unwrap();
    assert_eq!(completion.stop, StopReason::MaxTokens);
    // `<|im_start|>system\ns<|im_end|>\n<|im_start|>user\ntell me<|im_end|>\n<|im_start|>assistant\n`, a token each byte.
    assert_eq!((completion.usage.input, completion.usage.output), (1 + 8 + 2 + 1 + 12 + 2 + 1 + 10, 24));
    assert!(!sink.text().is_empty());
    let deltas = sink.deltas();
    assert!(matches!(&deltas[0], Delta::Usage(usage) if usage.output == 0));
    assert!(matches!(&deltas[deltas.len() - 2..], [Delta::Usage(usage), Delta::Stop(StopReason::MaxTokens)] if usage.output == 24));
    assert!(sink.emits() > 10, "the answer came in {} pieces", sink.emits());
}

#[test]
fn without_randomness_an_answer_repeats_itself_and_the_seed_repeats_the_other() {
    assert_eq!(text(&question()), text(&question()));
    let mut drawn = question();
    (drawn.temperature, drawn.options) = (Some(2.0), "{\"seed\":5,\"top_p\":1}".to_owned());
    assert_eq!(text(&drawn), text(&drawn));
    assert_ne!(text(&drawn), text(&question()));
}

#[test]
fn a_cancel_ends_the_work_at_once() {
    for lists in [0, 1, 5] {
        let sink = Collected::cancelling_after(lists);
        assert!(matches!(answer(&question(), &sink), Err(ProviderError::Cancelled)));
        assert_eq!(sink.emits(), lists);
    }
}

#[test]
fn a_stop_text_ends_the_answer_before_itself() {
    let whole = text(&question());
    let letters: Vec<char> = whole.chars().collect();
    let stop: String = letters[letters.len() / 2..letters.len() / 2 + 2].iter().collect();
    let mut stopped = question();
    stopped.stop = vec!["never said".to_owned(), stop.clone()];
    let sink = Collected::new();
    let completion = answer(&stopped, &sink).unwrap();
    assert_eq!(completion.stop, StopReason::StopSequence);
    assert_eq!(sink.text(), whole.split_once(&stop).unwrap().0);
    assert!(completion.usage.output < 24);
}

#[test]
fn a_control_token_ends_the_answer_and_is_not_shown() {
    // Every token of this model is one but the bytes that the prompt needs.
    let mut tiny = Tiny::new();
    let kinds = (0..263).map(|index| candle_core::quantized::gguf_file::Value::I32(if index < 1000 { 3 } else { 1 }));
    tiny = tiny.set("tokenizer.ggml.token_type", candle_core::quantized::gguf_file::Value::Array(kinds.collect()));
    let sink = Collected::new();
    let completion = Loaded::read(&mut tiny.reader()).unwrap().answer(&question(), &sink).unwrap();
    assert_eq!((completion.stop, completion.usage.output, sink.text().as_str()), (StopReason::EndTurn, 1, ""));
}

#[test]
fn an_answer_ends_where_the_window_does() {
    let mut long = question();
    long.max_output = Some(100_000);
    let completion = answer(&long, &Collected::new()).unwrap();
    if completion.stop == StopReason::MaxTokens {
        assert_eq!(completion.usage.input + completion.usage.output, CONTEXT as u64);
    }
    assert!(completion.usage.input + completion.usage.output <= CONTEXT as u64);
}

#[test]
fn a_long_conversation_is_cut_with_a_notice_and_answered() {
    let past = (0..40).flat_map(|_| [said(Role::User, "again"), said(Role::Assistant, "yes")]);
    let sink = Collected::new();
    let completion = answer(&request("s", past.chain([said(Role::User, "now")]).collect()), &sink).unwrap();
    assert!(completion.usage.input > 128 && completion.usage.input + completion.usage.output <= CONTEXT as u64);
    assert!(sink.deltas().iter().any(|delta| matches!(delta, Delta::Notice(text) if text.contains("oldest messages did not fit"))));
}

#[test]
fn a_message_longer_than_the_window_is_an_overflow() {
    let refused = answer(&request("s", vec![said(Role::User, &"x".repeat(400))]), &Collected::new());
    assert!(matches!(refused, Err(ProviderError::ContextOverflow(text)) if text.contains("tokens")));
}
