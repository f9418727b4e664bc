//! Scopes: what an operator may do, and which cover which.
//!
//! `operator.admin` covers all, `operator.write` covers `operator.read`. A name
//! that is not known here covers nothing and is never granted.

use serde_json::Value;

/// One right of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Admin = 1,
    Read = 2,
    Write = 4,
    Approvals = 8,
    Pairing = 16,
    TalkSecrets = 32,
}

const NAMES: [(&str, Scope); 6] = [
    ("operator.admin", Scope::Admin),
    ("operator.read", Scope::Read),
    ("operator.write", Scope::Write),
    ("operator.approvals", Scope::Approvals),
    ("operator.pairing", Scope::Pairing),
    ("operator.talk.secrets", Scope::TalkSecrets),
];

impl Scope {
    pub(crate) fn name(self) -> &'static str {
        NAMES.iter().find(|(_, scope)| *scope == self).map_or("", |(name, _)| name)
    }
}

/// Some scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Scopes(u8);

impl Scopes {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let known = names.into_iter().filter_map(|name| NAMES.iter().find(|(known, _)| *known == name));
        Self(known.fold(0, |bits, (_, scope)| bits | *scope as u8))
    }

    pub(crate) fn of_strings(names: &[String]) -> Self {
        Self::of(names.iter().map(String::as_str))
    }

    fn has(self, scope: Scope) -> bool {
        self.0 & scope as u8 != 0
    }

    /// Whether these allow what needs `scope`.
    pub(crate) fn cover(self, scope: Scope) -> bool {
        self.has(Scope::Admin) || self.has(scope) || (scope == Scope::Read && self.has(Scope::Write))
    }

    /// Whether these allow all that `asked` would.
    pub(crate) fn cover_all(self, asked: Self) -> bool {
        NAMES.iter().all(|(_, scope)| !asked.has(*scope) || self.cover(*scope))
    }

    /// What of the asked scopes these allow. Asking for more than is held gives what is held.
    pub(crate) fn limit(self, asked: Self) -> Self {
        let both = NAMES.iter().filter(|(_, scope)| (self.has(*scope) || asked.has(*scope)) && self.cover(*scope) && asked.cover(*scope));
        Self(both.fold(0, |bits, (_, scope)| bits | *scope as u8))
    }

    pub(crate) fn with(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    pub(crate) fn names(self) -> Vec<&'static str> {
        NAMES.iter().filter(|(_, scope)| self.has(*scope)).map(|(name, _)| *name).collect()
    }

    pub(crate) fn strings(self) -> Vec<String> {
        self.names().into_iter().map(String::from).collect()
    }

    pub(crate) fn json(self) -> Value {
        self.names().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(held: &[&str], asked: &[&str], given: &[&str]) {
        assert_eq!(Scopes::of(held.iter().copied()).limit(Scopes::of(asked.iter().copied())).names(), given);
    }

    #[test]
    fn nobody_gets_more_than_is_held_or_asked() {
        check(&["operator.admin"], &["operator.read"], &["operator.read"]);
        check(&["operator.read"], &["operator.admin"], &["operator.read"]);
        check(&["operator.write"], &["operator.read"], &["operator.read"]);
        check(&["operator.read"], &["operator.write"], &["operator.read"]);
        check(&["operator.read"], &["operator.pairing"], &[]);
        check(&["operator.admin"], &["operator.admin", "operator.read"], &["operator.admin", "operator.read"]);
        check(&["operator.admin"], &["operator.everything", ""], &[]);
        check(&[], &["operator.admin"], &[]);
    }

    #[test]
    fn write_covers_read_and_nothing_else() {
        let write = Scopes::of(["operator.write"]);
        assert!(write.cover(Scope::Read) && write.cover(Scope::Write));
        assert!(!write.cover(Scope::Admin) && !write.cover(Scope::Pairing) && !write.cover(Scope::Approvals));
        assert!(!write.cover_all(Scopes::of(["operator.read", "operator.admin"])));
    }
}
