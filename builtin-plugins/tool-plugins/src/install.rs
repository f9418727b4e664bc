//! `plugin_search`, `plugin_install`, `plugin_proposals`: plugins of the owner's registries,
//! and what became of what was proposed.

use serde::Deserialize;
use skynet_plugin_sdk::services::propose::{self, Found, Proposal};
use skynet_plugin_sdk::tool::{Outcome, ToolError, ToolSpec};

/// The host's desk, or a test in its place. Errors are sentences of the host's.
pub(crate) trait Desk {
    fn search(&self, query: &str, limit: u32) -> Result<Vec<Found>, String>;
    fn propose_install(&self, id: &str, version: Option<&str>) -> Result<Proposal, String>;
    fn propose_plugin(&self, source: &str, manifest: &str) -> Result<Proposal, String>;
    fn proposals(&self) -> Result<Vec<Proposal>, String>;
}

/// The real one.
pub(crate) struct Host;

impl Desk for Host {
    fn search(&self, query: &str, limit: u32) -> Result<Vec<Found>, String> {
        propose::search(query, limit)
    }

    fn propose_install(&self, id: &str, version: Option<&str>) -> Result<Proposal, String> {
        propose::propose_install(id, version)
    }

    fn propose_plugin(&self, source: &str, manifest: &str) -> Result<Proposal, String> {
        propose::propose_plugin(source, manifest)
    }

    fn proposals(&self) -> Result<Vec<Proposal>, String> {
        propose::proposals()
    }
}

#[derive(Deserialize)]
pub(crate) struct Search {
    query: String,
    limit: Option<u32>,
}

#[derive(Deserialize)]
pub(crate) struct Install {
    id: String,
    version: Option<String>,
}

pub(crate) fn search_spec() -> ToolSpec {
    ToolSpec::new(
        "plugin_search",
        "Searches the plugins of the owner's registries, for abilities that you lack. It installs nothing.",
        r#"{"type":"object","properties":{"query":{"type":"string","minLength":1,"maxLength":200},"limit":{"type":"integer","minimum":1,"maximum":20}},"required":["query"],"additionalProperties":false}"#,
    )
    .read_only()
    .idempotent()
    .closed_world()
}

pub(crate) fn install_spec() -> ToolSpec {
    ToolSpec::new(
        "plugin_install",
        "Proposes a plugin of a registry to the owner, by its id from plugin_search. It is not installed by this: it waits until the owner \
         has looked at what it may do and approved it outside of this conversation. You cannot approve it.",
        r#"{"type":"object","properties":{"id":{"type":"string","description":"namespace/name","maxLength":128},"version":{"type":"string","maxLength":64}},"required":["id"],"additionalProperties":false}"#,
    )
    .closed_world()
}

pub(crate) fn proposals_spec() -> ToolSpec {
    ToolSpec::new(
        "plugin_proposals",
        "Lists the plugins that were proposed with these tools, and whether the owner has answered.",
        r#"{"type":"object","properties":{},"additionalProperties":false}"#,
    )
    .read_only()
    .idempotent()
    .closed_world()
}

pub(crate) fn search(desk: &impl Desk, Search { query, limit }: &Search) -> Result<Outcome, ToolError> {
    let found = desk.search(query, limit.unwrap_or(10)).map_err(ToolError::Failed)?;
    if found.is_empty() {
        return Ok(Outcome::text("No plugin of the owner's registries fits. Other words may find one."));
    }
    let line = |found: &Found| format!("{} {} ({}): {}", found.id, found.version, found.registry, found.summary);
    Ok(Outcome::text(found.iter().map(line).collect::<Vec<_>>().join("\n")))
}

pub(crate) fn install(desk: &impl Desk, Install { id, version }: &Install) -> Result<Outcome, ToolError> {
    let proposal = desk.propose_install(id, version.as_deref()).map_err(ToolError::Failed)?;
    Ok(Outcome::text(waits(&proposal)))
}

pub(crate) fn proposals(desk: &impl Desk) -> Result<Outcome, ToolError> {
    let all = desk.proposals().map_err(ToolError::Failed)?;
    if all.is_empty() {
        return Ok(Outcome::text("Nothing was proposed."));
    }
    let line = |proposal: &Proposal| format!("{}: {} {}, {}", proposal.id, proposal.subject, proposal.version, proposal.state);
    Ok(Outcome::text(all.iter().map(line).collect::<Vec<_>>().join("\n")))
}

/// What the model tells the person.
pub(crate) fn waits(Proposal { id, subject, version, report, .. }: &Proposal) -> String {
    let mut said = format!(
        "{subject} {version} is proposed and not installed. It waits for the owner, who looks at it and approves it with:\n\
         skynet proposals show {id}"
    );
    if !report.is_empty() {
        said.push_str("\n\n");
        said.push_str(report);
    }
    said
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use skynet_plugin_sdk::tool::ResultPart;
    use std::cell::RefCell;

    /// Proposes everything but what is called `bad`, and notes what it was given.
    #[derive(Default)]
    pub(crate) struct OneDesk(pub(crate) RefCell<Vec<String>>);

    fn proposal(subject: &str) -> Proposal {
        let (subject, version, state) = (subject.into(), "1.0.0".into(), "open".into());
        Proposal { id: "abc234".into(), subject, version, state, report: "asks: Plan work.".into() }
    }

    impl Desk for OneDesk {
        fn search(&self, query: &str, _: u32) -> Result<Vec<Found>, String> {
            let found =
                |name: &str| Found { id: name.into(), version: "1.0.0".into(), summary: "Knows it.".into(), registry: "main".into() };
            Ok(if query == "weather" { vec![found("acme/weather")] } else { Vec::new() })
        }

        fn propose_install(&self, id: &str, version: Option<&str>) -> Result<Proposal, String> {
            self.0.borrow_mut().push(format!("{id} {version:?}"));
            if id == "acme/bad" { Err("its signature is not good".into()) } else { Ok(proposal(id)) }
        }

        fn propose_plugin(&self, source: &str, manifest: &str) -> Result<Proposal, String> {
            self.0.borrow_mut().push(format!("{source} {manifest}"));
            if source == "bad" { Err("a trial did not go as it should".into()) } else { Ok(proposal("made/dice")) }
        }

        fn proposals(&self) -> Result<Vec<Proposal>, String> {
            Ok(self.0.borrow().iter().map(|_| proposal("made/dice")).collect())
        }
    }

    pub(crate) fn said(outcome: Result<Outcome, ToolError>) -> String {
        match outcome {
            Ok(outcome) => outcome.content.iter().map(|part| if let ResultPart::Text(text) = part { text.as_str() } else { "" }).collect(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn what_is_found_is_proposed_and_the_model_is_told_that_it_waits() {
        let desk = OneDesk::default();
        let query = |query: &str| Search { query: query.into(), limit: None };
        assert_eq!(said(search(&desk, &query("weather"))), "acme/weather 1.0.0 (main): Knows it.");
        assert!(said(search(&desk, &query("other"))).contains("Other words"));
        assert_eq!(said(proposals(&desk)), "Nothing was proposed.");
        let told = said(install(&desk, &Install { id: "acme/weather".into(), version: None }));
        assert!(told.contains("not installed") && told.contains("skynet proposals show abc234") && told.contains("Plan work"), "{told}");
        assert_eq!(said(proposals(&desk)), "abc234: made/dice 1.0.0, open");
    }

    #[test]
    fn what_the_host_refuses_is_said_in_its_words() {
        let told = said(install(&OneDesk::default(), &Install { id: "acme/bad".into(), version: Some("1.0.0".into()) }));
        assert!(told.contains("signature is not good"), "{told}");
    }
}
