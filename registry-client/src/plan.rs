//! What would be done, as data and as text, before anything is done.
//!
//! A plan changes nothing and grants nothing. It says what a person needs for a
//! decision, and names each reason for which a person has to make it.

use crate::limits::SETTLING;
use crate::lock::{Lock, Locked};
use crate::offer::Offer;
use jiff::Timestamp;
use semver::Version;
use serde::Serialize;
use skynet_core::PluginId;
use skynet_policy::diff::{PermissionDiff, diff};
use skynet_policy::grant::exceeds;
use skynet_policy::naming::plain_line;
use skynet_policy::permission::Permissions;
use skynet_policy::registry::advisories::AdvisoryKind;
use skynet_policy::registry::publisher::Continuity;
use skynet_policy::signature::KeyId;
use std::fmt;

/// All steps, in the order in which they would be taken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Plan {
    /// One for each plugin.
    pub steps: Vec<Step>,
}

/// What would become of one plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which.
    pub id: PluginId,
    /// What would be done.
    pub action: Action,
    /// Where it comes from.
    pub registry: String,
    /// Who signed it.
    pub publisher_keys: Vec<KeyId>,
    /// How these keys relate to those of the installed release; none for a new plugin.
    pub continuity: Option<Continuity>,
    /// One line.
    pub summary: String,
    /// When its publisher made it; RFC 3339.
    pub created: String,
    /// Days since the registry listed it, where it says.
    pub listed_days: Option<i64>,
    /// Bytes of the component.
    pub size: u64,
    /// Sentences: all that it asks for.
    pub asks: Vec<String>,
    /// Against the installed release, or against nothing.
    pub diff: PermissionDiff,
    /// Interfaces that the new one imports and the old one did not.
    pub new_imports: Vec<String>,
    /// What the registry says of it.
    pub advisories: Vec<String>,
    /// Why a person has to agree; empty when nothing speaks against it going by itself.
    pub reasons: Vec<String>,
}

/// One of five.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "do")]
pub enum Action {
    /// Not there yet.
    Install {
        /// Which version.
        version: Version,
    },
    /// A newer one.
    Update {
        /// Installed.
        from: Version,
        /// Which version.
        version: Version,
    },
    /// An older one, because somebody asked for it.
    Downgrade {
        /// Installed.
        from: Version,
        /// Which version.
        version: Version,
    },
    /// The very release that is installed.
    Keep {
        /// Which version.
        version: Version,
    },
    /// Taken away.
    Remove {
        /// Installed.
        from: Version,
    },
}

/// What is known of the plugin on this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Installed<'a> {
    /// Its entry in the lockfile.
    pub locked: Option<&'a Locked>,
    /// What the installed release asks for.
    pub asks: Option<&'a Permissions>,
    /// What the owner granted.
    pub granted: Option<&'a Permissions>,
    /// What the installed release imports.
    pub imports: &'a [String],
}

impl Step {
    /// What an offer would do to this machine. `listed`: when the registry listed it, as
    /// its index says; RFC 3339.
    pub fn new(offer: &Offer, installed: Installed<'_>, listed: Option<&str>, now: Timestamp) -> Self {
        let release = &offer.release;
        let none = Permissions::default();
        let listed = listed.and_then(|text| text.parse::<Timestamp>().ok());
        let mut step = Self {
            id: release.id.clone(),
            action: action(offer, installed.locked),
            registry: offer.registry.clone(),
            publisher_keys: offer.signers.clone(),
            continuity: installed.locked.map(|locked| offer.publisher.continuity(&locked.publisher_keys)),
            summary: plain_line(&release.summary, 200),
            created: release.created.clone(),
            listed_days: listed.map(|listed| now.duration_since(listed).as_hours() / 24),
            size: release.component.size,
            asks: release.permissions.sentences(),
            diff: diff(installed.asks.unwrap_or(&none), &release.permissions),
            new_imports: release.wit.imports.iter().filter(|name| !installed.imports.contains(name)).cloned().collect(),
            advisories: offer.standing.said.iter().map(ToString::to_string).collect(),
            reasons: Vec::new(),
        };
        step.reasons = step.why_ask(offer, installed, listed, now);
        step
    }

    /// A plugin that would be taken away.
    pub fn removal(locked: &Locked) -> Self {
        Self {
            id: locked.id.clone(),
            action: Action::Remove { from: locked.version.clone() },
            registry: locked.registry.clone(),
            publisher_keys: locked.publisher_keys.clone(),
            continuity: None,
            summary: String::new(),
            created: locked.installed_at.clone(),
            listed_days: None,
            size: 0,
            asks: Vec::new(),
            diff: PermissionDiff::default(),
            new_imports: Vec::new(),
            advisories: Vec::new(),
            reasons: vec!["its removal is the owner's to decide".into()],
        }
    }

    /// What an owner weighs beside what it asks for: how it differs from what is installed, what was said about it,
    /// and why it is not done without a person. One line each.
    pub fn against(&self) -> Vec<String> {
        let diff = self.diff.to_string();
        let mut lines: Vec<String> = diff.lines().map(str::to_owned).collect();
        // Of a plugin that is new here all of them are, and what they allow is said by what it asks for.
        let none = Vec::new();
        let imports = if matches!(self.action, Action::Install { .. }) { &none } else { &self.new_imports };
        for (label, said) in [("imports", imports), ("advisory", &self.advisories), ("asks you, because", &self.reasons)] {
            lines.extend(said.iter().map(|line| format!("{label} {line}")));
        }
        lines
    }

    /// Whether it could be done without a person, if the owner turned that on.
    pub fn may_go_alone(&self) -> bool {
        matches!(self.action, Action::Update { .. }) && self.reasons.is_empty()
    }

    fn why_ask(&self, offer: &Offer, installed: Installed<'_>, listed: Option<Timestamp>, now: Timestamp) -> Vec<String> {
        let mut reasons = Vec::new();
        match &self.action {
            Action::Keep { .. } => return reasons,
            Action::Install { .. } => reasons.push("it is new on this machine".into()),
            Action::Downgrade { .. } => reasons.push("it is older than what is installed".into()),
            Action::Update { .. } | Action::Remove { .. } => {}
        }
        if installed.locked.is_some_and(|locked| locked.pinned) {
            reasons.push("the installed release is pinned".into());
        }
        if installed.locked.is_some_and(|locked| locked.registry != offer.registry) {
            reasons.push("it comes from another registry than the installed release".into());
        }
        match self.continuity {
            Some(Continuity::Broken) => {
                reasons.push("its publisher's keys are not those that this machine knows, and those did not sign for them".into())
            }
            Some(Continuity::Rotated) => reasons.push("its publisher changed keys; the old ones signed for the new ones".into()),
            Some(Continuity::Same) | None => {}
        }
        let granted = installed.granted.cloned().unwrap_or_default();
        let beyond = exceeds(&offer.release.permissions, &granted);
        if !beyond.is_empty() {
            reasons.push(format!("it asks for more than was granted: {}", beyond.join("; ")));
        }
        let settled = listed.is_some_and(|listed| now.duration_since(listed).unsigned_abs() >= SETTLING && listed < now);
        if !settled {
            reasons.push("it was listed less than 72 hours ago, or nobody says when".into());
        }
        if offer.standing.worst() >= Some(AdvisoryKind::Vulnerable) {
            reasons.push("there is an advisory about it".into());
        }
        reasons
    }
}

fn action(offer: &Offer, locked: Option<&Locked>) -> Action {
    let version = offer.release.version.clone();
    match locked {
        None => Action::Install { version },
        Some(locked) if locked.release == offer.digest => Action::Keep { version },
        Some(locked) if version > locked.version => Action::Update { from: locked.version.clone(), version },
        Some(locked) => Action::Downgrade { from: locked.version.clone(), version },
    }
}

impl Plan {
    /// Whether anything would change.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| matches!(step.action, Action::Keep { .. }))
    }

    /// Plugins of the lockfile that an update may touch: all but the pinned ones, or the named ones.
    pub fn due<'a>(lock: &'a Lock, named: &[PluginId]) -> Vec<&'a Locked> {
        let wanted = |plugin: &&Locked| if named.is_empty() { !plugin.pinned } else { named.contains(&plugin.id) };
        lock.plugins.iter().filter(wanted).collect()
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Install { version } => write!(f, "install {version}"),
            Self::Update { from, version } => write!(f, "update {from} → {version}"),
            Self::Downgrade { from, version } => write!(f, "go back {from} → {version}"),
            Self::Keep { version } => write!(f, "keep {version}"),
            Self::Remove { from } => write!(f, "remove {from}"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.id, self.action)?;
        if matches!(self.action, Action::Keep { .. } | Action::Remove { .. }) {
            return Ok(());
        }
        let keys: Vec<&str> = self.publisher_keys.iter().map(KeyId::as_str).collect();
        let age = self.listed_days.map_or_else(|| "unknown time".to_owned(), |days| format!("{days} days"));
        writeln!(f, "  {}", self.summary)?;
        writeln!(f, "  from {}, listed for {age}, signed by {}, {} bytes", self.registry, keys.join(", "), self.size)?;
        self.against().iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| write!(f, "{step}"))
    }
}
