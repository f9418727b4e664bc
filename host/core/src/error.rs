//! The three kinds of failure, which never mix.
//!
//! A guest fault is the plugin's; a denial is policy doing its work; a host bug is
//! ours. Each says what failed, in which `plugin@version#generation`, why, and
//! what to do. What goes to a model is made from these by the turn loop, which
//! leaves paths and internals out.

use crate::ids::PluginRef;
use crate::tool::ToolError;

/// A plugin misbehaved: trapped, ran over a limit, answered nonsense.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{plugin} failed in {during}: {reason}. {remedy}")]
pub struct GuestFault {
    /// Whose code.
    pub plugin: PluginRef,
    /// The call, such as `tool.call time_now`.
    pub during: String,
    /// Which limit or trap.
    pub kind: FaultKind,
    /// In words.
    pub reason: String,
    /// What a person can do.
    pub remedy: String,
}

/// What sort of misbehaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// `unreachable`, division by zero, out-of-bounds, stack overflow, an abort.
    Trap,
    /// The CPU budget was used up.
    CpuLimit,
    /// The wall-clock limit passed.
    Timeout,
    /// Memory, table, handle or host-call limit.
    ResourceLimit,
    /// The answer breaks the contract: not JSON, too long, unknown name.
    BadAnswer,
    /// The component could not be instantiated.
    Instantiation,
}

/// Policy refused an effect. Nothing happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} was denied to {who}: {why}. {remedy}")]
pub struct Denial {
    /// The plugin, or the client.
    pub who: String,
    /// The effect, such as `GET https://example.com`.
    pub what: String,
    /// The rule.
    pub why: String,
    /// The command that would allow it, or where to change the rule.
    pub remedy: String,
}

/// We failed. The text is for the log and a bug report.
#[derive(Debug, Clone, thiserror::Error)]
#[error("internal error in {place}: {reason}. This is a fault of the host; please report it with the log")]
pub struct HostBug {
    /// Module or operation.
    pub place: &'static str,
    /// What was not as it must be.
    pub reason: String,
}

/// How a call into a plugin failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PluginError {
    /// The tool ran and said no.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The plugin misbehaved.
    #[error(transparent)]
    Fault(#[from] GuestFault),
    /// Policy refused.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The host failed.
    #[error(transparent)]
    Bug(#[from] HostBug),
    /// The caller lost interest.
    #[error("cancelled")]
    Cancelled,
    /// Too much is running; the text says what.
    #[error("busy: {0}; try again in a moment")]
    Busy(String),
}

/// How a completion failed. The router decides by the case.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ModelError {
    /// Missing, wrong or spent credential.
    #[error("the model server refused the credential: {0}")]
    Unauthorized(String),
    /// Asked to wait.
    #[error("rate limited: {message}")]
    RateLimited {
        /// The server's words.
        message: String,
        /// How long it asked to wait.
        retry_after_ms: Option<u64>,
    },
    /// It may work later.
    #[error("unavailable: {message}")]
    Unavailable {
        /// The server's words.
        message: String,
        /// How long it asked to wait.
        retry_after_ms: Option<u64>,
    },
    /// It never will.
    #[error("the model server refused the request: {0}")]
    InvalidRequest(String),
    /// Too long for the model.
    #[error("the conversation does not fit the model: {0}")]
    ContextOverflow(String),
    /// The model would not.
    #[error("the model declined: {0}")]
    Refused(String),
    /// The server broke the protocol or the connection.
    #[error("the model server broke off: {0}")]
    Protocol(String),
    /// The provider's own kind.
    #[error("{0}")]
    Other(String),
    /// The plugin or the host failed, or policy refused.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

/// Durable state could not be read or written. Nothing is half done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another writer, or a disk that fails; the text says which.
    #[error("the database could not be used: {0}. Check free space and that no other skynet runs on this folder")]
    Unavailable(String),
    /// No room on the disk, or a quota of the system's.
    #[error("the disk that holds the database is full: {0}. Make room and try again")]
    Full(String),
    /// The stored bytes are not what they must be.
    #[error("the database holds what it must not: {0}. Restore a backup or move the file away")]
    Corrupt(String),
    /// Asked for something that is not there.
    #[error("not found: {0}")]
    NotFound(String),
    /// A quota of the caller is used up.
    #[error("quota exceeded: {0}")]
    Quota(String),
    /// A newer owner holds the session: this writer's lease epoch is old.
    #[error("this session was taken over by a newer owner")]
    LeaseLost,
}
