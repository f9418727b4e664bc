//! A real language model inside the sandbox, through the whole product: weights read
//! from a granted folder, tokens pushed through the sink, an answer in the terminal.
//!
//! `SKYNET_MODEL_DIR` names the folder that `provider-local/fetch-model.sh` filled.
//! Built only with the feature `peers`.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "e2e/household.rs"]
#[allow(dead_code)]
mod household;

use household::Household;

#[test]
fn a_model_in_the_sandbox_knows_the_capital_of_france() {
    let models = std::env::var("SKYNET_MODEL_DIR").expect("SKYNET_MODEL_DIR names no folder; provider-local/fetch-model.sh fills one");
    let mut home = Household::new();
    home.run(&["config", "set", "roots.models", &format!("{{ path = {models:?} }}")]).done();
    home.install("provider-local");
    home.start();
    let asks = home.until_state("skynet/provider-local", "pending")["asks"].to_string();
    assert!(asks.contains("models"), "{asks}");
    home.run(&["plugin", "grant", "--yes", "skynet/provider-local"]).done();
    home.until_model();

    let answer = home.run(&["--json", "chat", "What is the capital of France? Answer in one sentence."]).json();
    assert!(answer["text"].as_str().unwrap().contains("Paris"), "{answer}");
    assert!(answer["usage"]["output"].as_u64().unwrap() > 0, "{answer}");
}
