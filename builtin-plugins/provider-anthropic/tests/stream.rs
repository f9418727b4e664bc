//! Recorded answers, and what the host hears of them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests fail by panicking")]

use expect_test::expect_file;
use provider_anthropic::exchange;
use provider_anthropic::settings::Settings;
use provider_tests::{ask, replay};
use skynet_plugin_sdk::serde_json::json;

fn settings() -> Settings {
    Settings::read(&|key| (key == "base_url").then(|| json!("http://127.0.0.1:1"))).unwrap()
}

fn check(name: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded");
    let body = std::fs::read(format!("{folder}/{name}.txt")).unwrap();
    let request = ask::request("claude-sonnet-4-5", vec![ask::user("hello")]);
    let got = replay::every_cut("text/event-stream; charset=utf-8", &body, &move |transport, sink| {
        exchange::complete(&settings(), &request, transport, sink)
    });
    expect_file![format!("{folder}/{name}.deltas")].assert_eq(&got);
}

#[test]
fn text_comes_as_text_and_cached_tokens_are_part_of_the_input() {
    check("text");
}

#[test]
fn tool_calls_stream_their_arguments_and_no_arguments_are_an_empty_object() {
    check("tools");
}

#[test]
fn thinking_keeps_its_seal_and_hidden_thinking_its_bytes() {
    check("thinking");
}

#[test]
fn an_error_inside_a_good_stream_is_that_error_after_the_text() {
    check("overloaded");
}

#[test]
fn unknown_events_blocks_pieces_and_fields_are_passed_over() {
    check("unknown");
}

#[test]
fn a_pause_hands_on_the_servers_own_blocks_to_be_sent_back() {
    check("pause");
}

#[test]
fn a_cut_stream_is_an_error_and_its_open_call_is_never_ended() {
    check("cut_in_call");
}

#[test]
fn a_call_cut_by_the_output_limit_is_never_ended_but_a_whole_one_is() {
    check("cut_by_limit");
}

#[test]
fn broken_arguments_that_the_model_meant_reach_the_loop() {
    check("broken_arguments");
}

#[test]
fn a_refusal_says_why() {
    check("refusal");
}

#[test]
fn a_window_that_fills_up_cuts_the_answer_with_a_notice() {
    check("window_full");
}

#[test]
fn a_window_without_room_for_any_answer_is_an_overflow() {
    check("window_full_at_once");
}

#[test]
fn a_compatible_server_may_give_input_whole_and_forget_the_id_and_the_last_event() {
    check("whole_input");
}

#[test]
fn no_cut_of_an_answer_looks_like_a_whole_one() {
    use skynet_plugin_sdk::provider::{Delta, ProviderError};
    use skynet_plugin_sdk::testing::{Collected, Reply, Script};
    let body = include_bytes!("recorded/tools.txt");
    let text = std::str::from_utf8(body).unwrap();
    let said_to_stop = text.find("event: message_stop").unwrap() - 1;
    let closed = text.find("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2").unwrap() - 1;
    let request = ask::request("claude-sonnet-4-5", vec![ask::user("hello")]);
    for cut in 0..said_to_stop {
        let sink = Collected::new();
        let reply = Reply::new(200, &body[..cut]).header("content-type", "text/event-stream");
        let outcome = exchange::complete(&settings(), &request, &mut Script::new().reply(reply), &sink);
        assert!(matches!(outcome, Err(ProviderError::Protocol(_))), "cut at byte {cut}: {outcome:?}");
        let ended = sink.deltas().iter().any(|delta| matches!(delta, Delta::ToolCallEnd(_)));
        assert!(!ended || cut >= closed, "cut at byte {cut} ended a call that was open");
    }
}
