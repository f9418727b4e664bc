//! Plugins that somebody asks the owner for: what a proposal is, and the ports around it.
//!
//! Owns the words for what waits, what was decided and what came of it. A plugin reaches
//! `Propose` and nothing else here; approving is `Approvals`, which only owner surfaces
//! are given. Refuses: codes in the clear, which never leave the answer they are made in.

use crate::error::StoreError;
use crate::ids::{PluginId, SessionKey, UserId};
use crate::neighbours::Caller;
use crate::ports::{AuditRow, PluginChange, StoredGrant};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where what is proposed comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProposalKind {
    /// From source, which the host built and its own key will sign.
    Source,
    /// From a registry, signed by its publisher.
    Registry,
}

/// How far a proposal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProposalState {
    /// It waits for the owner.
    Open,
    /// The owner said yes; it is being installed.
    Approved,
    /// It is installed.
    Done,
    /// The owner said no, it was replaced, or its code was guessed at.
    Refused,
    /// Nobody decided in time.
    Expired,
    /// The owner said yes, and it could not be installed.
    Failed,
}

impl ProposalState {
    /// Its word, as it is stored and shown.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }
}

/// Exactly what would be installed, and what a person needs to know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Where it comes from.
    pub kind: ProposalKind,
    /// The plugin.
    pub subject: PluginId,
    /// Its version.
    pub version: semver::Version,
    /// SHA-256 of its `release.json`, hex; that names component, permissions and all else.
    pub digest: String,
    /// Key id of whose signature it will have.
    pub publisher: String,
    /// One sentence, in the author's words.
    pub summary: String,
    /// What it asks for, as `skynet-policy` writes permissions.
    pub permissions: Value,
    /// SHA-256 of that, hex.
    pub request: String,
    /// The same, one plain sentence each.
    pub asks: Vec<String>,
    /// Its tools: name and description, one line each.
    pub tools: Vec<String>,
    /// What was found in it, one line each.
    pub findings: Vec<String>,
    /// How its trial calls ended, one line each.
    pub trials: Vec<String>,
    /// The version that serves now and would be replaced.
    pub replaces: Option<String>,
    /// Its source, where there is one.
    pub source: Option<String>,
    /// Whose list it stands in, where it comes from a registry.
    pub registry: Option<String>,
}

/// On whose behalf something was proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposer {
    /// The user of the conversation.
    pub user: UserId,
    /// The conversation.
    pub session: SessionKey,
    /// The plugin whose tool was called.
    pub plugin: PluginId,
}

/// What waits for the owner, or waited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its name: short, unique on this host.
    pub id: String,
    /// What would be installed.
    pub candidate: Candidate,
    /// By whom.
    pub by: Proposer,
    /// Milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// From then on it can no longer be approved.
    pub expires_ms: u64,
    /// How far it has come.
    pub state: ProposalState,
    /// Why it is in that state; empty where the state says it.
    pub why: String,
}

/// A plugin as a model wrote it: the `manifest` of `propose-plugin`, and the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Its name, without a namespace.
    pub name: String,
    /// Its version.
    pub version: semver::Version,
    /// One sentence.
    pub summary: String,
    /// What it asks for.
    #[serde(default)]
    pub permissions: Value,
    /// Calls that show that it works with nothing granted.
    pub trials: Vec<Trial>,
    /// The source text; not part of the manifest.
    #[serde(skip)]
    pub source: String,
}

/// A call with the answer that it should give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Which tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Value,
    /// Text that the answer must hold; any answer will do without it.
    #[serde(default)]
    pub expect: Option<String>,
    /// Whether the call should fail, for want of a permission say.
    #[serde(default)]
    pub fails: bool,
}

/// A plugin in a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Which.
    pub id: PluginId,
    /// Its newest version.
    pub version: semver::Version,
    /// One sentence, in the publisher's words.
    pub summary: String,
    /// The owner's name for the registry.
    pub registry: String,
}

/// Why nothing was proposed, for the model: what to change.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProposeError {
    /// It cannot be proposed as it is.
    #[error("{0}")]
    Unfit(String),
    /// Durable state failed, or a quota is reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Behind the door: what plugins may ask for. Nothing of it installs anything.
#[async_trait]
pub trait Propose: Send + Sync {
    /// What the owner's registries offer.
    async fn search(&self, caller: &Caller, query: &str, limit: usize) -> Result<Vec<Found>, ProposeError>;
    /// Proposes one of it.
    async fn propose_install(&self, caller: &Caller, id: &str, version: Option<&str>) -> Result<Proposal, ProposeError>;
    /// Proposes what was written.
    async fn propose_plugin(&self, caller: &Caller, source: String, manifest: &str) -> Result<Proposal, ProposeError>;
    /// What this plugin proposed for this user, newest first.
    async fn proposals_of(&self, caller: &Caller) -> Result<Vec<Proposal>, ProposeError>;
}

/// What makes and installs candidates. `check` and `install` look at the bytes again.
#[async_trait]
pub trait Supply: Send + Sync {
    /// Whether what would be installed now is what was proposed, byte for byte.
    async fn check(&self, candidate: &Candidate) -> Result<(), String>;
    /// Installs it and waits until it serves; `by` is who approved. Doing it again is harmless.
    /// What is installed from a registry gets its grant here, from source with the approval.
    async fn install(&self, candidate: &Candidate, by: &str) -> Result<(), String>;
    /// It will not be installed: what was kept for it may go.
    async fn forget(&self, candidate: &Candidate);
}

/// Makes plugins from source.
#[async_trait]
pub trait Workshop: Supply {
    /// Builds it, looks through it, tries it out with nothing granted, and keeps it.
    /// The error is a sentence for whoever wrote it.
    async fn make(&self, draft: &Draft) -> Result<Candidate, String>;
}

/// Finds plugins in the owner's registries.
#[async_trait]
pub trait Market: Supply {
    /// What the registries offer under these words.
    async fn search(&self, query: &str, limit: usize) -> Result<Vec<Found>, String>;
    /// What an installation would bring, verified; without a version the newest one.
    async fn plan(&self, id: &PluginId, version: Option<&semver::Version>) -> Result<Candidate, String>;
}

/// SHA-256 over a proposal's id, its digest and the code that was shown for both.
pub type CodeHash = [u8; 32];

/// An answer to a proposal, on its way into the store.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Which.
    pub id: String,
    /// What the owner saw: the candidate's digest.
    pub digest: String,
    /// Of the code that was typed; `None` says no, which takes no code.
    pub code: Option<CodeHash>,
    /// What is stored with a yes.
    pub steps: Vec<PluginChange>,
    /// The row that tells of it.
    pub row: AuditRow,
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is decided and on record.
    Taken,
    /// No such proposal.
    Unknown,
    /// It is decided already, or over.
    Closed(ProposalState),
    /// What is stored is not what the owner saw.
    Changed,
    /// No code is out for it, or its time is over.
    NoCode,
    /// Not this code; so many more tries.
    WrongCode(u32),
    /// Not this code, and it was the last try: the proposal is refused.
    LockedUp,
}

/// Which proposals to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProposalFilter {
    /// Of this user and this plugin.
    pub of: Option<(UserId, PluginId)>,
    /// In this state.
    pub state: Option<ProposalState>,
}

/// Durable proposals.
#[async_trait]
pub trait ProposalStore: Send + Sync {
    /// Keeps a new one with its row. An open one of the same proposer for the same plugin
    /// is replaced; gives those that were, too.
    async fn add_proposal(
        &self,
        candidate: Candidate,
        by: Proposer,
        expires_ms: u64,
        row: AuditRow,
    ) -> Result<(Proposal, Vec<Proposal>), StoreError>;
    /// The newest first.
    async fn proposals(&self, filter: &ProposalFilter, limit: usize) -> Result<Vec<Proposal>, StoreError>;
    /// One.
    async fn proposal(&self, id: &str) -> Result<Option<Proposal>, StoreError>;
    /// Puts a new code in place of an older one. `false` when it no longer waits.
    async fn set_code(&self, id: &str, digest: &str, code: CodeHash, until_ms: u64) -> Result<bool, StoreError>;
    /// Takes a decision, its steps and its row in one transaction; a wrong code is counted. With a yes
    /// the grant that was in force for the plugin is kept.
    async fn decide(&self, decision: Decision) -> Result<Verdict, StoreError>;
    /// The grant that was in force for its plugin when it was approved.
    async fn grant_before(&self, id: &str) -> Result<Option<StoredGrant>, StoreError>;
    /// What came of an approved one, with its steps and its row in one transaction.
    async fn end_proposal(
        &self,
        id: &str,
        state: ProposalState,
        why: &str,
        steps: Vec<PluginChange>,
        row: AuditRow,
    ) -> Result<bool, StoreError>;
}

/// A code, to be shown to the owner once.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown {
    /// What it approves.
    pub proposal: Proposal,
    /// What to type; `None` when the proposal no longer waits.
    pub code: Option<String>,
    /// When the code stops working, in milliseconds since the Unix epoch.
    pub until_ms: u64,
}

/// Why an owner's word on a proposal was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApprovalError {
    /// No such proposal.
    #[error("there is no proposal {0}; `skynet proposals list` shows those that wait")]
    Unknown(String),
    /// Not as things are; the sentence says why and what to do.
    #[error("{0}")]
    Refused(String),
    /// It was approved and could not be installed.
    #[error("it was approved, and it could not be installed: {0}")]
    NotInstalled(String),
    /// Durable state failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The owner's side. `by` is who decides, for the record.
#[async_trait]
pub trait Approvals: Send + Sync {
    /// All that is kept, newest first; `open` alone those that wait.
    async fn list(&self, open: bool) -> Result<Vec<Proposal>, ApprovalError>;
    /// One, with a new code that approves exactly this.
    async fn show(&self, id: &str, by: &str) -> Result<Shown, ApprovalError>;
    /// Yes, with the code that was shown. Returns when it is installed.
    async fn approve(&self, id: &str, code: &str, by: &str) -> Result<Proposal, ApprovalError>;
    /// No.
    async fn refuse(&self, id: &str, by: &str) -> Result<Proposal, ApprovalError>;
    /// Calls back with each new proposal. It must not wait.
    fn watch(&self, hear: Box<dyn Fn(&Proposal) + Send + Sync>);
}
