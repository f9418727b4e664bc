//! The side that plugins reach: search, propose, look at what was proposed.
//!
//! Each ends as something that waits for the owner, or as a sentence. Refuses a second
//! plugin of one user while one is being made, and what is not fit to be proposed.

use super::{ProposalDesk, draft, record};
use crate::ledger::within;
use async_trait::async_trait;
use serde_json::json;
use skynet_core::PluginId;
use skynet_core::limits::{PROPOSAL_MS, PROPOSALS_SHOWN};
use skynet_core::neighbours::Caller;
use skynet_core::proposals::{Candidate, Found, Proposal, ProposalFilter, Propose, ProposeError, Proposer};
use std::sync::PoisonError;

/// One user's place in the workshop, given back when the work ends, however it does.
struct Place<'a> {
    desk: &'a ProposalDesk,
    user: String,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.desk.making.lock().unwrap_or_else(PoisonError::into_inner).retain(|user| *user != self.user);
    }
}

impl ProposalDesk {
    fn place(&self, caller: &Caller) -> Result<Place<'_>, ProposeError> {
        let user = caller.context.user.0.clone();
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if making.contains(&user) {
            return Err(ProposeError::Unfit("another plugin is being looked at for this person; try again when that is done".into()));
        }
        making.push(user.clone());
        drop(making);
        Ok(Place { desk: self, user })
    }

    async fn keep(&self, caller: &Caller, candidate: Candidate) -> Result<Proposal, ProposeError> {
        let by = Proposer { user: caller.context.user.clone(), session: caller.context.session.clone(), plugin: caller.plugin.id.clone() };
        let more = json!({ "user": by.user, "session": by.session, "turn": caller.context.turn });
        let row = record::of_candidate(&caller.plugin.to_string(), "propose", "ok", &candidate, more);
        let expires_ms = self.parts.clock.now_ms().saturating_add(PROPOSAL_MS);
        let kept = within(&*self.parts.clock, self.parts.proposals.add_proposal(candidate.clone(), by, expires_ms, row)).await;
        let (proposal, replaced) = match kept {
            Ok(kept) => kept,
            Err(error) => {
                self.supply(&candidate).forget(&candidate).await;
                return Err(error.into());
            }
        };
        for old in replaced.iter().filter(|old| old.candidate.digest != proposal.candidate.digest) {
            self.supply(&old.candidate).forget(&old.candidate).await;
        }
        tracing::info!(proposal = %proposal.id, plugin = %proposal.candidate.subject, "a plugin was proposed; it waits for the owner");
        self.tell(&proposal);
        Ok(proposal)
    }
}

#[async_trait]
impl Propose for ProposalDesk {
    async fn search(&self, _: &Caller, query: &str, limit: usize) -> Result<Vec<Found>, ProposeError> {
        self.parts.market.search(query, limit).await.map_err(ProposeError::Unfit)
    }

    async fn propose_install(&self, caller: &Caller, id: &str, version: Option<&str>) -> Result<Proposal, ProposeError> {
        let id = PluginId::new(id).map_err(|error| ProposeError::Unfit(error.to_string()))?;
        let version = version.map(str::parse::<semver::Version>).transpose();
        let version = version.map_err(|error| ProposeError::Unfit(format!("the version is none: {error}")))?;
        let _place = self.place(caller)?;
        let candidate = self.parts.market.plan(&id, version.as_ref()).await.map_err(ProposeError::Unfit)?;
        self.keep(caller, candidate).await
    }

    async fn propose_plugin(&self, caller: &Caller, source: String, manifest: &str) -> Result<Proposal, ProposeError> {
        let draft = draft::read(source, manifest).map_err(ProposeError::Unfit)?;
        let _place = self.place(caller)?;
        let candidate = self.parts.workshop.make(&draft).await.map_err(ProposeError::Unfit)?;
        self.keep(caller, candidate).await
    }

    async fn proposals_of(&self, caller: &Caller) -> Result<Vec<Proposal>, ProposeError> {
        let filter = ProposalFilter { of: Some((caller.context.user.clone(), caller.plugin.id.clone())), state: None };
        Ok(within(&*self.parts.clock, self.parts.proposals.proposals(&filter, PROPOSALS_SHOWN)).await?)
    }
}
