//! Names of the events that clients can hear here.

/// As hello announces them.
pub(crate) const NAMES: &[&str] = &[
    "connect.challenge",
    "agent",
    "chat",
    "session.message",
    "session.tool",
    "sessions.changed",
    "presence",
    "tick",
    "shutdown",
    "health",
    "cron",
    "plugins.updates",
    "device.pair.requested",
    "device.pair.resolved",
    "proposal.created",
];
