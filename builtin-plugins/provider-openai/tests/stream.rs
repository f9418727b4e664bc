//! Recorded answers, and what the host hears of them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests fail by panicking")]

use expect_test::expect_file;
use provider_openai::exchange;
use provider_openai::settings::Settings;
use provider_tests::{ask, replay};
use skynet_plugin_sdk::serde_json::json;

fn settings() -> Settings {
    Settings::read(&|key| (key == "base_url").then(|| json!("http://127.0.0.1:1/v1"))).unwrap()
}

fn check_as(name: &str, content_type: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded");
    let body = std::fs::read(format!("{folder}/{name}.txt")).unwrap();
    let request = ask::request("gpt-5-mini", vec![ask::user("hello")]);
    let got = replay::every_cut(content_type, &body, &move |transport, sink| exchange::complete(&settings(), &request, transport, sink));
    expect_file![format!("{folder}/{name}.deltas")].assert_eq(&got);
}

fn check(name: &str) {
    check_as(name, "text/event-stream");
}

#[test]
fn text_comes_as_text_and_the_last_chunk_counts() {
    check("text");
}

#[test]
fn interleaved_calls_are_joined_by_index() {
    check("tools");
}

#[test]
fn whole_arguments_objects_and_a_missing_done_are_read() {
    check("whole_arguments");
}

#[test]
fn new_calls_under_one_index_are_told_apart() {
    check("index_always_zero");
}

#[test]
fn calls_without_ids_are_numbered() {
    check("no_ids");
}

#[test]
fn a_new_id_for_each_piece_does_not_split_a_call() {
    check("new_id_for_each_piece");
}

#[test]
fn one_id_for_two_calls_is_made_unique() {
    check("same_id_twice");
}

#[test]
fn reasoning_is_thinking_and_is_not_doubled() {
    check("reasoning");
}

#[test]
fn content_may_be_a_list() {
    check("lists");
}

#[test]
fn a_refusal_is_text_and_a_reason() {
    check("refusal");
}

#[test]
fn an_error_in_a_chunk_is_that_error_after_the_text() {
    check("error_in_stream");
}

#[test]
fn an_error_object_alone_is_that_error() {
    check("error_object");
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
fn done_without_a_reason_ends_the_turn() {
    check("done_without_reason");
}

#[test]
fn done_within_a_call_is_a_cut_stream() {
    check("done_in_call");
}

#[test]
fn the_old_form_of_one_call_is_read() {
    check("old_function_call");
}

#[test]
fn an_answer_that_was_not_streamed_is_read() {
    check_as("not_streamed", "application/json; charset=utf-8");
}

#[test]
fn a_web_page_is_no_stream() {
    let request = ask::request("m", vec![ask::user("hello")]);
    let got = replay::every_cut("text/html", b"<html>", &move |transport, sink| exchange::complete(&settings(), &request, transport, sink));
    assert!(got.starts_with("! protocol: the server answered with a web page"), "{got}");
}

#[test]
fn no_cut_of_an_answer_looks_like_a_whole_one() {
    use skynet_plugin_sdk::provider::{Delta, ProviderError};
    use skynet_plugin_sdk::testing::{Collected, Reply, Script};
    let body = include_bytes!("recorded/tools.txt");
    let reason = b"\"finish_reason\":\"tool_calls\"";
    let said_to_stop = body.windows(reason.len()).position(|window| window == reason).unwrap();
    let request = ask::request("gpt-5-mini", vec![ask::user("hello")]);
    for cut in 0..said_to_stop {
        let sink = Collected::new();
        let reply = Reply::new(200, &body[..cut]).header("content-type", "text/event-stream");
        let outcome = exchange::complete(&settings(), &request, &mut Script::new().reply(reply), &sink);
        assert!(matches!(outcome, Err(ProviderError::Protocol(_))), "cut at byte {cut}: {outcome:?}");
        assert!(!sink.deltas().iter().any(|delta| matches!(delta, Delta::ToolCallEnd(_))), "cut at byte {cut} ended a call");
    }
}
