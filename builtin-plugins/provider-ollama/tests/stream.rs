//! Recorded answers, and what the host hears of them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests fail by panicking")]

use expect_test::expect_file;
use provider_ollama::exchange;
use provider_ollama::settings::Settings;
use provider_tests::{ask, replay};
use skynet_plugin_sdk::provider::Role;
use skynet_plugin_sdk::serde_json::json;

fn settings() -> Settings {
    Settings::read(&|key| (key == "base_url").then(|| json!("http://127.0.0.1:1"))).unwrap()
}

fn check(name: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded");
    let body = std::fs::read(format!("{folder}/{name}.txt")).unwrap();
    let earlier = ask::message(Role::Assistant, vec![ask::call("call_1", "get_time", "{}")]);
    let request = ask::request("qwen3", vec![ask::user("hello"), earlier, ask::user("again")]);
    let got = replay::every_cut("application/x-ndjson", &body, &move |transport, sink| {
        exchange::complete(&settings(), &request, transport, sink)
    });
    expect_file![format!("{folder}/{name}.deltas")].assert_eq(&got);
}

#[test]
fn text_comes_as_text_and_the_last_line_counts() {
    check("text");
}

#[test]
fn calls_come_whole_and_are_numbered_on_where_they_have_no_id() {
    check("tools");
}

#[test]
fn thinking_comes_before_the_answer() {
    check("thinking");
}

#[test]
fn an_error_line_after_a_good_beginning_is_an_error() {
    check("error_line");
}

#[test]
fn a_stream_without_its_last_line_is_broken() {
    check("cut");
}

#[test]
fn the_output_limit_is_told() {
    check("length");
}

#[test]
fn a_model_that_was_only_loaded_says_so() {
    check("loaded");
}

#[test]
fn the_last_line_needs_no_newline() {
    check("no_last_newline");
}
