//! The owner's side: look, approve with the code that was shown, refuse.
//!
//! A yes is one transaction: the proposal is closed, the grant for exactly what was shown
//! is stored, and the row says by whom. What is installed follows, from bytes that are
//! compared with the digest again; a crash in between is finished at the next start.
//! Closed when in doubt: another digest, a wrong, old or second code change nothing.

use super::{ProposalDesk, code, record};
use crate::ledger::within;
use async_trait::async_trait;
use skynet_core::StoreError;
use skynet_core::limits::{CODE_MS, PROPOSALS_SHOWN};
use skynet_core::plugin::PluginKind;
use skynet_core::ports::{PluginChange, StoredGrant};
use skynet_core::proposals::{ApprovalError, Approvals, Decision, Proposal, ProposalFilter, ProposalKind, ProposalState, Shown, Verdict};
use std::sync::PoisonError;

/// Who acts when nobody asked.
const HOST: &str = "host";

impl ProposalDesk {
    async fn one(&self, id: &str) -> Result<Proposal, ApprovalError> {
        let found = within(&*self.parts.clock, self.parts.proposals.proposal(id)).await?;
        // What was typed is quoted as far as it can be an id.
        found.ok_or_else(|| ApprovalError::Unknown(id.chars().filter(char::is_ascii_alphanumeric).take(16).collect()))
    }

    /// What is stored with a yes: the grant that was shown, and an end of any earlier no.
    fn steps(&self, proposal: &Proposal, by: &str) -> Vec<PluginChange> {
        let candidate = &proposal.candidate;
        if candidate.kind == ProposalKind::Registry {
            // An installation makes the grant of what was kept back before, with its own row.
            return Vec::new();
        }
        let unhold = PluginChange::Unhold { id: candidate.subject.clone(), release: Some(candidate.digest.clone()) };
        if candidate.asks.is_empty() {
            return vec![unhold];
        }
        let grant = StoredGrant {
            plugin: candidate.subject.clone(),
            publisher: candidate.publisher.clone(),
            request: candidate.request.clone(),
            permissions: candidate.permissions.clone(),
            by: by.to_owned(),
            at_ms: self.parts.clock.now_ms(),
            expires_ms: None,
            // Nothing else is built of a model's source.
            kinds: vec![PluginKind::Tool],
        };
        vec![unhold, PluginChange::Grant(grant)]
    }

    /// What takes the grant of a yes back that came to nothing: the one of before is in force again.
    async fn undo(&self, proposal: &Proposal) -> Result<Vec<PluginChange>, StoreError> {
        let candidate = &proposal.candidate;
        if candidate.kind == ProposalKind::Registry || candidate.asks.is_empty() {
            return Ok(Vec::new());
        }
        let there = within(&*self.parts.clock, self.parts.plugins.grant(&candidate.subject)).await?;
        // One that was narrowed or given an end since is not what the yes gave either.
        let of_this = |grant: &StoredGrant| {
            let same = grant.publisher == candidate.publisher && grant.request == candidate.request;
            same && grant.permissions == candidate.permissions && grant.expires_ms.is_none()
        };
        if !there.as_ref().is_some_and(of_this) {
            // Its owner said something else meanwhile, and that stands.
            return Ok(Vec::new());
        }
        let before = within(&*self.parts.clock, self.parts.proposals.grant_before(&proposal.id)).await?;
        let id = candidate.subject.clone();
        let back = before.map_or_else(|| PluginChange::Revoke(id.clone()), PluginChange::Grant);
        Ok(vec![PluginChange::Still { id, grant: there }, back])
    }

    /// Installs what is approved, and writes down how that ended.
    async fn carry_out(&self, proposal: &Proposal, by: &str) -> Result<(), ApprovalError> {
        let supply = self.supply(&proposal.candidate);
        // It compares the bytes with the digest itself, and knows what an earlier attempt has done.
        let installed = supply.install(&proposal.candidate, by).await;
        let (state, verdict, why, steps) = match &installed {
            Ok(()) => (ProposalState::Done, "ok", "", Vec::new()),
            Err(why) => (ProposalState::Failed, "error", why.as_str(), self.undo(proposal).await?),
        };
        let row = record::of(by, "install", verdict, proposal, why);
        let end = |steps| within(&*self.parts.clock, self.parts.proposals.end_proposal(&proposal.id, state, why, steps, row.clone()));
        match end(steps).await {
            // Its owner said something else between the look and this, and that stands.
            Err(StoreError::Changed(_)) => end(Vec::new()).await?,
            ended => ended?,
        };
        supply.forget(&proposal.candidate).await;
        installed.map_err(ApprovalError::NotInstalled)
    }

    /// Finishes what was approved before the host stopped. For the start, once plugins serve.
    pub async fn recover(&self) -> Result<(), StoreError> {
        let filter = ProposalFilter { of: None, state: Some(ProposalState::Approved) };
        for proposal in within(&*self.parts.clock, self.parts.proposals.proposals(&filter, usize::MAX)).await? {
            let _one = self.busy.lock().await;
            match self.carry_out(&proposal, HOST).await {
                Ok(()) => tracing::info!(proposal = %proposal.id, plugin = %proposal.candidate.subject, "an approved plugin was installed"),
                Err(error) => tracing::warn!(proposal = %proposal.id, plugin = %proposal.candidate.subject, %error, "an approved plugin"),
            }
        }
        Ok(())
    }

    /// Leaves a row of an attempt that came to nothing.
    async fn refused(&self, by: &str, action: &str, proposal: &Proposal, why: &str) -> ApprovalError {
        let row = record::of(by, action, "denied", proposal, why);
        // Nothing was changed, so nothing is undone for want of this row.
        if let Err(error) = within(&*self.parts.clock, self.parts.audit.record(row)).await {
            tracing::error!(%error, by, proposal = %proposal.id, why, "an attempt was not recorded");
        }
        ApprovalError::Refused(why.to_owned())
    }

    async fn taken(&self, decision: Decision, by: &str, proposal: &Proposal) -> Result<(), ApprovalError> {
        let action = if decision.code.is_some() { "approve" } else { "refuse" };
        let id = &proposal.id;
        let why = match within(&*self.parts.clock, self.parts.proposals.decide(decision)).await? {
            Verdict::Taken => return Ok(()),
            Verdict::Unknown => return Err(ApprovalError::Unknown(id.clone())),
            Verdict::Closed(state) => format!("proposal {id} no longer waits: it is {}", state.word()),
            Verdict::Changed => format!("proposal {id} is not what you saw any more; look at it again: skynet proposals show {id}"),
            Verdict::NoCode => format!("no code is out for proposal {id}, or its time is over: skynet proposals show {id} gives a new one"),
            Verdict::WrongCode(left) => format!("this is not the code of proposal {id}; {left} more tries, then it is refused"),
            Verdict::LockedUp => format!("this is not the code of proposal {id}, and it was the last try: it is refused now"),
        };
        Err(self.refused(by, action, proposal, &why).await)
    }
}

#[async_trait]
impl Approvals for ProposalDesk {
    async fn list(&self, open: bool) -> Result<Vec<Proposal>, ApprovalError> {
        let filter = ProposalFilter { of: None, state: open.then_some(ProposalState::Open) };
        Ok(within(&*self.parts.clock, self.parts.proposals.proposals(&filter, PROPOSALS_SHOWN)).await?)
    }

    async fn show(&self, id: &str, by: &str) -> Result<Shown, ApprovalError> {
        let proposal = self.one(id).await?;
        if proposal.state != ProposalState::Open {
            return Ok(Shown { proposal, code: None, until_ms: 0 });
        }
        let row = record::of(by, "show", "ok", &proposal, "");
        within(&*self.parts.clock, self.parts.audit.record(row)).await?;
        let until_ms = self.parts.clock.now_ms().saturating_add(CODE_MS).min(proposal.expires_ms);
        let code = code::new();
        let digest = &proposal.candidate.digest;
        let hash = code::hash(&proposal.id, digest, &code);
        let set = within(&*self.parts.clock, self.parts.proposals.set_code(&proposal.id, digest, hash, until_ms)).await?;
        Ok(Shown { proposal, code: set.then_some(code), until_ms })
    }

    async fn approve(&self, id: &str, code: &str, by: &str) -> Result<Proposal, ApprovalError> {
        let _one = self.busy.lock().await;
        let proposal = self.one(id).await?;
        let candidate = &proposal.candidate;
        if proposal.state == ProposalState::Open
            && let Err(why) = self.supply(candidate).check(candidate).await
        {
            let why = format!("it cannot be installed as it was proposed, so nothing was decided: {why}");
            return Err(self.refused(by, "approve", &proposal, &why).await);
        }
        let decision = Decision {
            id: proposal.id.clone(),
            digest: candidate.digest.clone(),
            code: Some(code::hash(&proposal.id, &candidate.digest, code)),
            steps: self.steps(&proposal, by),
            row: record::of(by, "approve", "ok", &proposal, ""),
        };
        self.taken(decision, by, &proposal).await?;
        self.carry_out(&proposal, by).await?;
        self.one(id).await
    }

    async fn refuse(&self, id: &str, by: &str) -> Result<Proposal, ApprovalError> {
        let proposal = self.one(id).await?;
        let decision = Decision {
            id: proposal.id.clone(),
            digest: proposal.candidate.digest.clone(),
            code: None,
            steps: Vec::new(),
            row: record::of(by, "refuse", "ok", &proposal, ""),
        };
        self.taken(decision, by, &proposal).await?;
        self.supply(&proposal.candidate).forget(&proposal.candidate).await;
        self.one(id).await
    }

    fn watch(&self, hear: Box<dyn Fn(&Proposal) + Send + Sync>) {
        self.heard.write().unwrap_or_else(PoisonError::into_inner).push(hear);
    }
}
