//! One tool call that a client asks for by name, over any transport.
//!
//! The tool's own time limit bounds it. The result is given only when its audit row is
//! on disk.

use crate::auth::scope::{Scope, Scopes};
use crate::server::Server;
use serde_json::Value;
use skynet_agent::{Invocation, InvokeError};
use skynet_core::plugin::{PluginState, PluginStatus};
use skynet_core::{PluginId, SessionKey, UserId};
use skynet_policy::naming::exposed_name;

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

/// The plugins whose tools have names like this one and that do not serve: a grant that is
/// awaited, was taken back, or is over.
fn missing(plugins: &[PluginStatus], tool: &str) -> String {
    let named = |status: &&PluginStatus| {
        let prefix = PluginId::new(&status.name).map(|id| exposed_name(&id, ""));
        status.serving.is_none() && prefix.is_ok_and(|prefix| tool.starts_with(&prefix))
    };
    let found = plugins.iter().filter(named).map(|status| match status.state {
        PluginState::Pending { .. } => format!("; {0} has such and waits for its owner's word: skynet plugin info {0}", status.name),
        _ => format!("; {0} has such and does not serve: skynet plugin info {0}", status.name),
    });
    found.collect()
}

/// Who reads what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Somebody who may change everything here: told where something is to be mended.
    Owner,
    /// A model, or a client of few rights: nothing of the machine's insides.
    Other,
}

impl Reader {
    /// A client with these rights.
    pub(crate) fn with(scopes: Scopes) -> Self {
        if scopes.cover(Scope::Admin) { Self::Owner } else { Self::Other }
    }
}

/// Runs it for this client, by its name in the audit log, to its end or until `stop`.
pub(crate) async fn run(
    server: &Server,
    client: &str,
    reader: Reader,
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
        Err(error @ InvokeError::Unknown(_)) => {
            return Invoked::Unknown(format!("{error}{}", missing(&server.admin.list().await, tool)));
        }
        Err(error @ InvokeError::Unrecorded(_)) => return Invoked::Withheld(error.to_string()),
    };
    if let Err(error) = server.audit_on_disk().await {
        return Invoked::Withheld(InvokeError::from(error).to_string());
    }
    if !done.result.is_error {
        return Invoked::Done(done);
    }
    let words = done.for_owner.filter(|_| reader == Reader::Owner);
    Invoked::Failed(words.unwrap_or_else(|| done.result.to_text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_a_tool_whose_plugin_waits_hears_which() {
        let status = |name: &str, state: PluginState| PluginStatus {
            name: name.into(),
            serving: None,
            state,
            kinds: Vec::new(),
            summary: String::new(),
            tools: Vec::new(),
            trust: String::new(),
            note: None,
            waiting: None,
        };
        let off = || PluginState::Disabled { reason: "switched off".into() };
        let plugins = [
            status("skynet/tool-fetch", PluginState::Pending { asks: Vec::new() }),
            status("acme/fetcher", off()),
            status("acme/time", off()),
            status("a file.wasm", PluginState::Refused { reason: String::new() }),
        ];
        let fetch = missing(&plugins, "fetch__get");
        assert_eq!(fetch, "; skynet/tool-fetch has such and waits for its owner's word: skynet plugin info skynet/tool-fetch");
        assert_eq!(missing(&plugins, "time__now"), "; acme/time has such and does not serve: skynet plugin info acme/time");
        assert_eq!(missing(&plugins, "nope__x"), "");
    }
}
