//! What the running host makes of a build: asked until its word is on this very release.
//!
//! What it said of the build before is told apart by the release's digest; states that name none
//! count when they changed, or once the host has surely looked.

use super::LOOK;
use crate::client;
use crate::exit::{Failure, Kind};
use crate::home::Home;
use crate::limits::ANSWER;
use anyhow::Result;
use serde_json::{Value, json};
use skynet_core::PluginId;
use tokio::time::sleep;

/// How often the host is asked what became of a version before its own log must do.
const QUESTIONS: usize = 40;

/// Questions after which the host has looked at its folder: it does so every two seconds.
const SETTLED: usize = 15;

/// What the host says of the plugin once it has seen this very release, or refused the file.
pub(super) async fn taken_up(real: &Home, id: &PluginId, file: &str, release: &str, before: Option<&Value>) -> Option<Value> {
    for question in 0..QUESTIONS {
        match said_of(real, id, file).await {
            Ok(said) if is_about(&said, release, before, question) => return Some(said),
            // Not known yet, or no host: only the first is worth another question.
            Err(error) if is_without_host(&error) => return None,
            Ok(_) | Err(_) => {}
        }
        sleep(LOOK).await;
    }
    None
}

/// The line of a file that was refused, else what is known of the plugin.
pub(super) async fn said_of(real: &Home, id: &PluginId, file: &str) -> Result<Value> {
    let list = client::call(real, "plugins.list", json!({}), ANSWER).await?;
    let refused = |line: &&Value| line["name"] == file && line["state"] == "refused";
    match list["plugins"].as_array().and_then(|lines| lines.iter().find(refused)) {
        Some(line) => Ok(json!({ "status": line })),
        None => client::call(real, "plugins.info", json!({ "id": id }), ANSWER).await,
    }
}

/// Whether this is the host's word on this release, and not what it said of the one before.
fn is_about(said: &Value, release: &str, before: Option<&Value>, question: usize) -> bool {
    if ["receipt", "waiting", "denied"].iter().any(|place| said[place]["release"] == release) {
        return true;
    }
    // These name no release. Said again without a change, they count once the host has surely looked.
    let state = &said["status"]["state"];
    let nameless = ["refused", "disabled", "sick"].iter().any(|nameless| state == nameless);
    nameless && (question >= SETTLED || before.is_none_or(|before| before["status"] != said["status"]))
}

fn is_without_host(error: &anyhow::Error) -> bool {
    let failure =
        |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<Failure>().is_some_and(|one| one.kind == Kind::NotRunning);
    error.chain().any(failure)
}

/// A line for the author.
pub(super) fn told(info: &Value) -> String {
    let status = &info["status"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match status["state"].as_str() {
        Some("serving") => format!("serves as {} {}", text(&status["serving"]["version"]), status["serving"]["generation"]),
        Some("pending") => format!("waits for your grant: skynet plugin grant {}", text(&status["name"])),
        Some(other) => format!("{other}: {}", text(&status["reason"])),
        None => "unknown to the host".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_said_of_the_build_before_is_not_taken_for_its_word_on_this_one() {
        let waits = |release: &str| json!({ "status": { "state": "pending" }, "waiting": { "release": release } });
        assert!(is_about(&waits("new"), "new", None, 0) && !is_about(&waits("old"), "new", None, QUESTIONS));
        let serves = |release: &str| json!({ "status": { "state": "serving" }, "receipt": { "release": release } });
        assert!(is_about(&serves("new"), "new", Some(&serves("old")), 0) && !is_about(&serves("old"), "new", None, QUESTIONS));
        let refused = |reason: &str| json!({ "status": { "state": "refused", "reason": reason } });
        assert!(is_about(&refused("b"), "new", Some(&refused("a")), 0) && is_about(&refused("b"), "new", None, 0));
        assert!(!is_about(&refused("a"), "new", Some(&refused("a")), 0) && is_about(&refused("a"), "new", Some(&refused("a")), SETTLED));
    }
}
