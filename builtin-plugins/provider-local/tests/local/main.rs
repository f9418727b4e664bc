//! The plugin against a random model of a few kilobytes, made by the tests, and,
//! where `SKYNET_MODEL_DIR` names its folder, against the real one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]
mod answer;
mod file;
mod numbers;
mod plugin;
mod prompt;
mod real;
mod sample;
mod text;
mod tiny;
mod vocabulary;
