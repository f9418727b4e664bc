//! `skynet:plugin/propose`: asking the owner for plugins.
//!
//! Linked only when granted. What comes through here ends as a proposal that waits; no
//! function of it approves, and the code that does is never in an answer of this file.

use super::door::{Act, Shut, granted};
use super::memory::{checked_query, told};
use crate::bindings::v0::skynet::plugin::propose::{Found, Host, Proposal};
use crate::limits;
use crate::store::CallState;
use skynet_core::limits::{DRAFT_MANIFEST_BYTES, DRAFT_SOURCE_BYTES, PLUGINS_FOUND};
use skynet_core::proposals::{self, ProposeError};
use skynet_policy::naming::plain_line;

impl CallState {
    fn may_propose(&self) -> Result<(), Shut> {
        granted(self.reach.permissions.propose, "proposing plugins")
    }

    /// The same, and counted: building and looking at a plugin is work.
    fn may_propose_one(&mut self) -> Result<(), Shut> {
        self.may_propose()?;
        self.reach.proposed = self.reach.proposed.saturating_add(1);
        if self.reach.proposed > limits::PROPOSALS_OF_CALL {
            return Err(Shut::too_much(format!("one call may propose {} plugins", limits::PROPOSALS_OF_CALL)));
        }
        Ok(())
    }

    async fn unfit(&mut self, act: &Act, error: ProposeError) -> String {
        match error {
            ProposeError::Unfit(why) => {
                // The row says that it was refused; what the builder said may quote the source.
                let _ = self.failed(act, "it could not be proposed as it is".into()).await;
                // A registry may have had a word in it.
                plain_line(&self.clean(&why), limits::UNFIT_CHARS)
            }
            ProposeError::Store(error) => self.failed(act, told(error)).await,
        }
    }

    async fn search_plugins(&mut self, query: String, limit: u32) -> Result<Vec<Found>, String> {
        let act = Act::new("propose", "search", "");
        let allowed = self.may_propose();
        let caller = self.enter(&act, allowed).await?;
        checked_query(&query)?;
        let limit = usize::try_from(limit).unwrap_or(PLUGINS_FOUND).min(PLUGINS_FOUND);
        let propose = self.reach.neighbours.propose.clone();
        match propose.search(&caller, &query, limit).await {
            Ok(found) => Ok(found.into_iter().map(of_found).collect()),
            Err(error) => Err(self.unfit(&act, error).await),
        }
    }

    async fn propose_one(&mut self, id: String, version: Option<String>) -> Result<Proposal, String> {
        let act = Act::new("propose", "install", &id);
        let allowed = self.may_propose_one();
        let caller = self.enter(&act, allowed).await?;
        let propose = self.reach.neighbours.propose.clone();
        match propose.propose_install(&caller, &id, version.as_deref()).await {
            Ok(proposal) => Ok(of_proposal(proposal)),
            Err(error) => Err(self.unfit(&act, error).await),
        }
    }

    async fn propose_own(&mut self, source: String, manifest: String) -> Result<Proposal, String> {
        let act = Act::new("propose", "plugin", "");
        let allowed = self.may_propose_one();
        let caller = self.enter(&act, allowed).await?;
        for (what, text, most) in [("source", &source, DRAFT_SOURCE_BYTES), ("manifest", &manifest, DRAFT_MANIFEST_BYTES)] {
            if text.len() > most {
                return Err(self.failed(&act, format!("the {what} has more than {most} bytes")).await);
            }
        }
        let (source, manifest) = (self.clean(&source), self.clean(&manifest));
        let propose = self.reach.neighbours.propose.clone();
        match propose.propose_plugin(&caller, source, &manifest).await {
            Ok(proposal) => Ok(of_proposal(proposal)),
            Err(error) => Err(self.unfit(&act, error).await),
        }
    }

    async fn own_proposals(&mut self) -> Result<Vec<Proposal>, String> {
        let act = Act::new("propose", "proposals", "");
        let allowed = self.may_propose();
        let caller = self.enter(&act, allowed).await?;
        let propose = self.reach.neighbours.propose.clone();
        match propose.proposals_of(&caller).await {
            Ok(all) => Ok(all.into_iter().map(of_proposal).collect()),
            Err(error) => Err(self.unfit(&act, error).await),
        }
    }
}

fn of_found(found: proposals::Found) -> Found {
    let summary = plain_line(&found.summary, limits::REPORT_LINE);
    Found { id: found.id.to_string(), version: found.version.to_string(), summary, registry: plain_line(&found.registry, 64) }
}

fn of_proposal(proposal: proposals::Proposal) -> Proposal {
    let candidate = proposal.candidate;
    let line = |text: &String| plain_line(text, limits::REPORT_LINE);
    let asks = candidate.asks.iter().map(|ask| format!("asks: {}", line(ask)));
    let findings = candidate.findings.iter().map(|finding| format!("finding: {}", line(finding)));
    let trials = candidate.trials.iter().map(|trial| format!("trial: {}", line(trial)));
    let why = (!proposal.why.is_empty()).then(|| format!("why: {}", line(&proposal.why)));
    let report: Vec<String> = asks.chain(findings).chain(trials).chain(why).collect();
    Proposal {
        id: proposal.id,
        subject: candidate.subject.to_string(),
        version: candidate.version.to_string(),
        state: proposal.state.word().into(),
        report: report.join("\n"),
    }
}

impl Host for CallState {
    async fn search(&mut self, query: String, limit: u32) -> wasmtime::Result<Result<Vec<Found>, String>> {
        Ok(self.search_plugins(query, limit).await)
    }

    async fn propose_install(&mut self, id: String, version: Option<String>) -> wasmtime::Result<Result<Proposal, String>> {
        Ok(self.propose_one(id, version).await)
    }

    async fn propose_plugin(&mut self, source: String, manifest: String) -> wasmtime::Result<Result<Proposal, String>> {
        Ok(self.propose_own(source, manifest).await)
    }

    async fn proposals(&mut self) -> wasmtime::Result<Result<Vec<Proposal>, String>> {
        Ok(self.own_proposals().await)
    }
}
