//! Plugins that somebody asks the owner for: the desk between who proposes and who decides.
//!
//! `propose` is what a tool reaches: it ends as a proposal that waits. `decide` is what only
//! owner surfaces reach: a code that approves one digest once, and what follows. `draft`
//! reads what a model wrote, `code` makes what is shown. Nothing here builds, signs or
//! fetches: that is behind the ports `Workshop` and `Market`.

mod code;
mod decide;
mod draft;
mod propose;
mod record;

use skynet_core::ports::{Audit, Clock, PluginStore};
use skynet_core::proposals::{Candidate, Market, Proposal, ProposalKind, ProposalStore, Supply, Workshop};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// What the desk needs of the host.
#[derive(Clone)]
pub struct DeskParts {
    /// Where proposals are kept.
    pub proposals: Arc<dyn ProposalStore>,
    /// What plugins were granted so far.
    pub plugins: Arc<dyn PluginStore>,
    /// The audit log.
    pub audit: Arc<dyn Audit>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Makes plugins from source.
    pub workshop: Arc<dyn Workshop>,
    /// Finds them in registries.
    pub market: Arc<dyn Market>,
}

type Hear = Box<dyn Fn(&Proposal) + Send + Sync>;

/// The desk. One per host.
pub struct ProposalDesk {
    parts: DeskParts,
    heard: RwLock<Vec<Hear>>,
    /// One approval at a time: what is installed is looked at in between.
    busy: tokio::sync::Mutex<()>,
    /// Who is making a plugin now, so that one user cannot keep all cores at it.
    making: Mutex<Vec<String>>,
}

impl ProposalDesk {
    /// An empty desk over what is kept.
    pub fn new(parts: DeskParts) -> Self {
        Self { parts, heard: RwLock::default(), busy: tokio::sync::Mutex::default(), making: Mutex::default() }
    }

    fn supply(&self, candidate: &Candidate) -> &dyn Supply {
        match candidate.kind {
            ProposalKind::Source => &*self.parts.workshop,
            ProposalKind::Registry => &*self.parts.market,
        }
    }

    fn tell(&self, proposal: &Proposal) {
        self.heard.read().unwrap_or_else(PoisonError::into_inner).iter().for_each(|hear| hear(proposal));
    }
}
