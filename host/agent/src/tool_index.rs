//! Finds tools by words: an index over names and descriptions of one snapshot.
//!
//! Owns the ranking. A word counts for as much as it tells tools apart, in a name for more
//! than in a description; a tool named in full comes first. Made once for a snapshot, so
//! that a turn with a thousand tools pays for its own words only. Bounded in what it reads
//! of a tool and of a query, as both are strangers' texts.

use crate::limits::{COMMON_WORDS_FROM, FIND_WORDS, INDEXED_CHARS};
use skynet_core::ports::{Snapshot, ToolEntry};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a word in a name weighs beside one in a description.
const IN_NAME: f32 = 4.0;

/// What a tool's whole name in the query weighs: more than any sum of words.
const BY_NAME: f32 = 1_000.0;

/// Words of the tools of one snapshot.
#[derive(Debug)]
pub(crate) struct ToolIndex {
    revision: u64,
    tools: usize,
    names: HashMap<String, usize>,
    words: HashMap<String, Vec<(usize, f32)>>,
}

/// The index of the newest snapshot that needed one.
#[derive(Default)]
pub(crate) struct Indexed(Mutex<Option<Arc<ToolIndex>>>);

impl Indexed {
    pub(crate) fn of(&self, snapshot: &dyn Snapshot) -> Arc<ToolIndex> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some(index) if index.revision == snapshot.revision() => Arc::clone(index),
            _ => Arc::clone(kept.insert(Arc::new(ToolIndex::new(snapshot.revision(), snapshot.tools())))),
        }
    }
}

/// Words of a text, in lower case; the plural is the singular.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(|word| {
        let word = word.to_lowercase();
        match word.strip_suffix('s') {
            Some(one) if one.chars().count() > 2 && !one.ends_with('s') => one.to_owned(),
            _ => word,
        }
    })
}

impl ToolIndex {
    fn new(revision: u64, tools: &[ToolEntry]) -> Self {
        let mut index = Self { revision, tools: tools.len(), names: HashMap::new(), words: HashMap::new() };
        for (place, tool) in tools.iter().enumerate() {
            index.names.insert(tool.exposed.to_lowercase(), place);
            // Saying a word again and again does not help.
            let mut weights: HashMap<String, f32> = words(&tool.exposed).map(|word| (word, IN_NAME)).collect();
            let described: String = tool.spec.description.chars().take(INDEXED_CHARS).collect();
            for word in words(&described) {
                weights.entry(word).or_insert(1.0);
            }
            for (word, weight) in weights {
                index.words.entry(word).or_default().push((place, weight));
            }
        }
        index
    }

    /// What fits these words, best first, with a place in the snapshot's list for each.
    pub(crate) fn find(&self, query: &str, most: usize) -> Vec<usize> {
        let mut scores: HashMap<usize, f32> = HashMap::new();
        let mut asked: Vec<String> = Vec::new();
        for word in words(query) {
            if asked.len() == FIND_WORDS {
                break;
            }
            if !asked.contains(&word) {
                asked.push(word);
            }
        }
        for list in asked.iter().filter_map(|word| self.words.get(word)) {
            // A word that most tools have tells none apart.
            if self.tools >= COMMON_WORDS_FROM && list.len() > self.tools / 2 {
                continue;
            }
            let rare = (1.0 + self.tools as f32 / list.len().max(1) as f32).ln();
            for (place, weight) in list {
                *scores.entry(*place).or_default() += rare * weight;
            }
        }
        for word in query.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).take(FIND_WORDS) {
            if let Some(place) = self.names.get(&word.to_lowercase()) {
                *scores.entry(*place).or_default() += BY_NAME;
            }
        }
        let mut found: Vec<(usize, f32)> = scores.into_iter().collect();
        found.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
        found.into_iter().take(most).map(|(place, _)| place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skynet_core::tool::Annotations;
    use skynet_core::{Generation, PluginRef, ToolSpec};

    fn tools(list: &[(&str, &str)]) -> Vec<ToolEntry> {
        let tool = |(name, description): &(&str, &str)| ToolEntry {
            exposed: (*name).to_owned(),
            plugin: PluginRef {
                id: skynet_core::PluginId::new("acme/x").unwrap(),
                version: "1.0.0".parse().unwrap(),
                generation: Generation(1),
            },
            spec: ToolSpec {
                name: (*name).to_owned(),
                description: (*description).to_owned(),
                parameters: serde_json::json!({}),
                output: None,
                annotations: Annotations::default(),
            },
        };
        list.iter().map(tool).collect()
    }

    fn check(list: &[(&str, &str)], query: &str, expected: &[&str]) {
        let tools = tools(list);
        let found = ToolIndex::new(1, &tools).find(query, 3);
        let names: Vec<&str> = found.into_iter().map(|place| tools[place].exposed.as_str()).collect();
        assert_eq!(names, expected, "{query:?}");
    }

    const FEW: [(&str, &str); 4] = [
        ("mail__send", "Sends a letter to a person."),
        ("weather__forecast", "Tells the weather of the coming days at a place."),
        ("weather__alerts", "Storm warnings for a place."),
        ("notes__write", "Keeps a note about the weather, a person or anything."),
    ];

    #[test]
    fn a_word_in_a_name_counts_for_more_than_in_a_description() {
        check(&FEW, "what is the weather?", &["weather__forecast", "weather__alerts", "notes__write"]);
    }

    #[test]
    fn plural_and_capitals_make_no_difference() {
        check(&FEW, "LETTERS", &["mail__send"]);
        check(&FEW, "storms", &["weather__alerts"]);
    }

    #[test]
    fn a_whole_name_comes_first() {
        check(&FEW, "weather place storm, or is it notes__write?", &["notes__write", "weather__alerts", "weather__forecast"]);
    }

    #[test]
    fn nothing_fits_words_that_nobody_has() {
        check(&FEW, "", &[]);
        check(&FEW, "— \u{1f389} \u{0}", &[]);
        check(&FEW, "xylophone", &[]);
    }

    #[test]
    fn a_description_that_repeats_a_word_gains_little() {
        let spam = "weather ".repeat(5_000);
        check(&[("spam__x", &spam), ("weather__now", "The weather now.")], "weather", &["weather__now", "spam__x"]);
    }

    #[test]
    fn words_that_most_tools_have_are_passed_over() {
        let names: Vec<String> = (0..100).map(|n| format!("plugin{n}__do")).collect();
        let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "Does the thing.")).collect();
        check(&many, "do the thing", &[]);
        check(&many, "call plugin73__do please", &["plugin73__do"]);
    }

    #[test]
    fn a_long_query_is_read_to_a_bound() {
        let query = format!("{} letter", "word ".repeat(10) + &(0..200_000).map(|n| format!("w{n} ")).collect::<String>());
        check(&FEW, &query, &[]);
    }
}
