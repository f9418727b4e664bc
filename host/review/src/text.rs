//! The text rules: one set of patterns over data, documents, scripts and descriptions.
//!
//! Owns the rule engine; nothing else names it. The rules are part of this build, so a
//! report is the same on every machine. A scan that did not come to its end gives
//! nothing but the word that it did not: half of an answer would look like a whole one.

use crate::finding::Severity;
use crate::limits::{MATCH_BYTES, PATTERN_MATCHES, RULES_TIME};
use boreal::scanner::{EvaluatedRule, ScanParams};
use boreal::{Compiler, MetadataValue, Scanner};
use std::sync::LazyLock;

const SOURCE: &str = include_str!("../rules/text.yar");

/// What kind of text it is: the same words weigh differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Bytes of a component.
    Data,
    /// Written for people.
    Document,
    /// The source of a script.
    Script,
    /// What a tool says of itself to the model.
    Tool,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Document => "document",
            Self::Script => "script",
            Self::Tool => "tool",
        }
    }
}

/// One place where a rule matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) rule: String,
    pub(crate) severity: Severity,
    pub(crate) why: String,
    pub(crate) fix: String,
    /// Its text must not be repeated.
    pub(crate) secret: bool,
    pub(crate) offset: usize,
    pub(crate) length: usize,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfinished(pub(crate) String);

static ENGINE: LazyLock<Result<Scanner, String>> = LazyLock::new(|| {
    let mut compiler = Compiler::new();
    compiler.add_rules_str(SOURCE).map_err(|error| error.to_string())?;
    let mut scanner = compiler.finalize();
    scanner.set_scan_params(
        ScanParams::default()
            .compute_full_matches(true)
            .match_max_length(MATCH_BYTES)
            .string_max_nb_matches(PATTERN_MATCHES)
            .timeout_duration(Some(RULES_TIME)),
    );
    Ok(scanner)
});

/// Where the rules for this kind of text match, in the order of the text.
pub(crate) fn scan(bytes: &[u8], kind: Kind) -> Result<Vec<Hit>, Unfinished> {
    let engine = ENGINE.as_ref().map_err(|error| Unfinished(format!("the text rules cannot be read: {error}")))?;
    let result = engine.scan_mem(bytes).map_err(|(error, _)| Unfinished(format!("the text rules were stopped: {error}")))?;
    let mut hits: Vec<Hit> = result.rules.iter().filter_map(|rule| hits_of(engine, rule, kind)).flatten().collect();
    hits.sort_by(|one, next| (one.offset, &one.rule, next.length).cmp(&(next.offset, &next.rule, one.length)));
    // One place is one hit of a rule, however many of its patterns saw it.
    let mut ends: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    hits.retain(|hit| {
        let end = hit.offset + hit.length;
        let inside = ends.get(&hit.rule).is_some_and(|before| hit.offset < *before);
        let furthest = ends.entry(hit.rule.clone()).or_default();
        *furthest = (*furthest).max(end);
        !inside
    });
    Ok(hits)
}

fn hits_of(engine: &Scanner, rule: &EvaluatedRule<'_>, kind: Kind) -> Option<Vec<Hit>> {
    let meta = |wanted: &str| {
        rule.metadatas.iter().find(|meta| engine.get_string_symbol(meta.name) == wanted).map(|meta| match meta.value {
            MetadataValue::Bytes(symbol) => String::from_utf8_lossy(engine.get_bytes_symbol(symbol)).into_owned(),
            MetadataValue::Boolean(value) => value.to_string(),
            MetadataValue::Integer(value) => value.to_string(),
        })
    };
    let severity = Severity::parse(&meta(kind.name())?)?;
    let hit = Hit {
        rule: rule.name.replace('_', "-"),
        severity,
        why: meta("why").unwrap_or_default(),
        fix: meta("fix").unwrap_or_default(),
        secret: meta("secret").is_some_and(|value| value == "true"),
        offset: 0,
        length: 0,
    };
    let matches = rule.matches.iter().flat_map(|string| &string.matches);
    Some(matches.map(|found| Hit { offset: found.offset, length: found.length, ..hit.clone() }).collect())
}

/// The ids of all text rules with what they say, for lists.
pub(crate) fn rules() -> Vec<(String, String)> {
    let Ok(engine) = ENGINE.as_ref() else { return Vec::new() };
    let why = |rule: &boreal::scanner::RuleDetails<'_>| {
        let meta = rule.metadatas.iter().find(|meta| engine.get_string_symbol(meta.name) == "why");
        meta.map(|meta| match meta.value {
            MetadataValue::Bytes(symbol) => String::from_utf8_lossy(engine.get_bytes_symbol(symbol)).into_owned(),
            _ => String::new(),
        })
    };
    engine.rules().map(|rule| (rule.name.replace('_', "-"), why(&rule).unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests;
