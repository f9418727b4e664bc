//! What `[ceiling]` in `skynet.toml` keeps from a plugin, in words.
//!
//! A ceiling may be lowered after a grant was made. Then the plugin serves on with less,
//! and whoever meets the difference must read where it comes from: a grant does not help.

use crate::book::Entry;
use crate::generation::Terms;
use crate::host::PluginHost;
use crate::imports::door::Act;
use skynet_core::{Denial, PluginId, PluginRef};
use skynet_policy::grant;
use skynet_policy::permission::Permissions;

/// What helps against a ceiling.
pub(crate) const REMEDY: &str = "Raise [ceiling] in skynet.toml, then: skynet daemon restart";

/// What the ceiling takes out of what was granted, in one line; `None` when nothing.
pub(crate) fn cut(withheld: &Permissions) -> Option<String> {
    let sentences = withheld.sentences();
    // Without the last full stop: what follows in a denial brings its own.
    let text = sentences.join(" ");
    (!sentences.is_empty()).then(|| format!("[ceiling] in skynet.toml keeps from it: {}", text.trim_end_matches('.')))
}

/// The same where it is this act that the ceiling keeps back.
pub(crate) fn cut_of(withheld: &Permissions, act: &Act) -> Option<String> {
    let named = |names: &[String]| act.subject.split(' ').next().is_some_and(|name| names.iter().any(|kept| kept == name));
    let kept = match act.kind {
        "agent" => withheld.agent.is_some(),
        "memory" | "knowledge" => withheld.memory.is_some(),
        "messages" => named(&withheld.messages),
        "propose" => withheld.propose,
        "schedule" => withheld.schedule,
        "script" => named(&withheld.script),
        "terminal" => withheld.terminal,
        _ => false,
    };
    if kept { cut(withheld) } else { None }
}

/// A component that was granted what it imports and cannot be linked with what the
/// ceiling leaves of that.
pub(crate) fn denial(plugin: &PluginRef, terms: &Terms) -> Option<Denial> {
    let why = cut(&terms.withheld)?;
    Some(Denial { who: plugin.to_string(), what: "running".to_owned(), why, remedy: REMEDY.to_owned() })
}

impl PluginHost {
    /// What the ceiling takes out of these permissions, one sentence each.
    pub(crate) fn above_ceiling(&self, id: &PluginId, permissions: &Permissions) -> Vec<String> {
        let Some(ceiling) = &self.shared.ceiling else { return Vec::new() };
        grant::exceeds(&grant::resolve_settings(permissions, &self.settings_of(id)), ceiling)
    }

    /// The same for a plugin as it stands: of what it asks for, and of what was granted
    /// beyond that, such as a private server.
    pub(crate) fn kept_from(&self, id: &PluginId, entry: &Entry) -> Vec<String> {
        let mut kept = self.above_ceiling(id, &entry.request);
        let granted = entry.serving.iter().flat_map(|serving| serving.terms.withheld.sentences());
        for sentence in granted {
            if !kept.contains(&sentence) {
                kept.push(sentence);
            }
        }
        kept
    }
}
