//! Which findings keep a plugin out.
//!
//! A finding alone never does: whoever keeps a registry, or a machine, says from which
//! severity or for which rules. The default blocks what cannot be honest, and what
//! could not be looked at.

use crate::finding::Severity;
use crate::rules;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Findings of this severity and above; none when absent.
    pub block_from: Option<Severity>,
    /// Findings of these rules, whatever their severity.
    pub block: BTreeSet<String>,
    /// Findings of these rules never do: somebody looked.
    pub allow: BTreeSet<String>,
}

impl Default for Policy {
    fn default() -> Self {
        let block = [
            rules::TOO_MUCH,
            rules::INVALID,
            rules::UNFINISHED,
            rules::TEXT_TOO_LARGE,
            rules::MANY_SERVERS,
            rules::IMPORT_UNDECLARED,
            rules::IMPORT_UNKNOWN,
            rules::HIDDEN_CHARACTERS,
        ];
        Self { block_from: None, block: block.iter().map(|rule| rule.id.to_owned()).collect(), allow: BTreeSet::new() }
    }
}

/// A policy names a rule that there is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no rule `{0}`; `skynet plugin review --rules` lists them")]
pub struct UnknownRule(pub String);

impl Policy {
    /// Whether a finding keeps the plugin out.
    pub fn blocks(&self, rule: &str, severity: Severity) -> bool {
        !self.allow.contains(rule) && (self.block.contains(rule) || self.block_from.is_some_and(|from| severity >= from))
    }

    /// Refuses rules that there are not: a misspelt one would block nothing.
    pub fn check(&self) -> Result<(), UnknownRule> {
        let known: BTreeSet<String> = crate::rule_list().into_iter().map(|(id, _)| id).collect();
        match self.block.iter().chain(&self.allow).find(|rule| !known.contains(*rule)) {
            Some(rule) => Err(UnknownRule(rule.clone())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_policy_names_blocks() {
        let policy = Policy::default();
        policy.check().unwrap();
        assert!(policy.blocks("undeclared-import", Severity::High));
        assert!(policy.blocks("hidden-characters", Severity::Low));
        assert!(!policy.blocks("leaked-key", Severity::High));
        let strict = Policy { block_from: Some(Severity::Medium), ..Policy::default() };
        assert!(strict.blocks("leaked-key", Severity::High) && !strict.blocks("leaked-key", Severity::Low));
        let looked = Policy { allow: ["leaked-key".into()].into(), ..strict };
        assert!(!looked.blocks("leaked-key", Severity::High));
        let wrong = Policy { block: ["leaked-keys".into()].into(), ..Policy::default() };
        assert_eq!(wrong.check(), Err(UnknownRule("leaked-keys".into())));
    }
}
