//! One tool call that a client asks for by name, over any transport.
//!
//! The tool's own time limit bounds it. The result is given only when its audit row is
//! on disk.

use crate::server::Server;
use serde_json::Value;
use skynet_agent::{Invocation, InvokeError};
use skynet_core::{SessionKey, UserId};

/// How it ended.
pub(crate) enum Invoked {
    /// What a model would have read, and the same as data.
    Done(Invocation),
    /// The tool ran or was refused, and says why it failed.
    Failed(String),
    /// There is no such tool.
    Unknown(String),
    /// Too often; again in so many milliseconds.
    TooOften(u64),
    /// What it did could not be recorded.
    Withheld(String),
}

/// The session that a call belongs to.
pub(crate) fn session(key: Option<&str>) -> Result<SessionKey, String> {
    key.map_or_else(|| Ok(SessionKey::main()), |key| SessionKey::canonical(key).map_err(|error| error.to_string()))
}

/// Runs it for this client, by its name in the audit log, to its end or until `stop`.
pub(crate) async fn run(
    server: &Server,
    client: &str,
    tool: &str,
    arguments: Value,
    session: SessionKey,
    stop: impl Future<Output = ()> + Send,
) -> Invoked {
    let user = UserId::owner();
    if let Err(after_ms) = server.rates.invocation(&user, client) {
        return Invoked::TooOften(after_ms);
    }
    let done = match server.agent.invoke_until(tool, &arguments, session, user, Some(client), stop).await {
        Ok(done) => done,
        Err(error @ InvokeError::Unknown(_)) => return Invoked::Unknown(error.to_string()),
        Err(error @ InvokeError::Unrecorded(_)) => return Invoked::Withheld(error.to_string()),
    };
    if let Err(error) = server.audit_on_disk().await {
        return Invoked::Withheld(InvokeError::from(error).to_string());
    }
    if done.result.is_error { Invoked::Failed(done.result.to_text()) } else { Invoked::Done(done) }
}
