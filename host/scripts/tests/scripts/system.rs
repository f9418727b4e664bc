//! Tools of the system: what they inherit and how they end.

use crate::lifeline::PATIENCE;
use skynet_scripts::system::{ToolError, ToolOutput, run_tool};
use std::time::Duration;

#[tokio::test]
async fn a_tool_gives_its_code_and_both_outputs() {
    let output = run_tool("sh", &["-c", "echo out; echo err >&2; exit 4"], PATIENCE).await.unwrap();
    assert_eq!(output, ToolOutput { code: 4, stdout: "out\n".into(), stderr: "err\n".into() });
}

#[tokio::test]
async fn a_tool_inherits_nothing_but_the_five_variables() {
    let allowed = ["PATH", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "LANG"];
    let output = run_tool("env", &[], PATIENCE).await.unwrap();
    let names: Vec<_> = output.stdout.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    assert!(names.contains(&"PATH"), "{names:?}");
    assert!(names.iter().all(|name| allowed.contains(name)), "{names:?}");
    assert!(std::env::vars_os().count() > names.len(), "there was something to leave out");
}

#[tokio::test]
async fn a_tool_that_waits_for_input_gets_none() {
    assert_eq!(run_tool("cat", &[], PATIENCE).await.unwrap().stdout, "");
}

#[tokio::test]
async fn a_tool_that_hangs_is_killed_and_one_that_is_missing_is_named() {
    let error = run_tool("sleep", &["1000"], Duration::from_millis(200)).await.unwrap_err();
    assert!(matches!(error, ToolError::Deadline { .. }), "{error}");
    let error = run_tool("no-such-tool-here", &[], PATIENCE).await.unwrap_err();
    assert!(matches!(&error, ToolError::NotInstalled(name) if name == "no-such-tool-here"), "{error}");
}

#[tokio::test]
async fn a_tool_that_floods_or_is_killed_is_an_error() {
    assert!(matches!(run_tool("yes", &[], PATIENCE).await, Err(ToolError::OutputTooLarge { .. })));
    let error = run_tool("sh", &["-c", "kill -KILL $$"], PATIENCE).await.unwrap_err();
    assert!(error.to_string().starts_with("`sh` was ended by signal 9"), "{error}");
}
