//! Names that pass for others: by the eye, by a slip of the finger, by another owner.
//!
//! Ids are ASCII, so look-alikes of other scripts cannot occur in them. What looks the
//! same `skynet-policy` says, as at publication; here the distance is measured too,
//! where neighbouring keys and letters of one shape count for less.

use crate::finding::Finding;
use crate::review::finding;
use crate::rules;
use skynet_core::PluginId;
use skynet_policy::registry::similar::similar;

/// What one letter costs that has nothing to do with the other.
const WHOLE: usize = 4;
/// A neighbouring key.
const NEIGHBOUR: usize = 2;
/// Letters of one shape.
const SAME_SHAPE: usize = 1;
/// Names shorter than this are a letter apart all the time.
const SHORT: usize = 5;

/// The rows of a keyboard.
const KEYS: [&str; 4] = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];
/// Characters that look alike.
const SHAPES: [(char, char); 9] =
    [('l', '1'), ('i', 'l'), ('i', '1'), ('i', 'j'), ('o', '0'), ('s', '5'), ('z', '2'), ('b', '8'), ('u', 'v')];

/// What the name of a new plugin could be taken for.
pub(crate) fn look(id: &PluginId, known: &[PluginId]) -> Vec<Finding> {
    if known.contains(id) {
        return Vec::new();
    }
    if let Some((old, why)) = similar(id, known) {
        return vec![finding(rules::LOOKS_LIKE, "name", &format!("{id} and {old}: {why}"))];
    }
    let mut near: Vec<&PluginId> = known.iter().filter(|old| is_near(id, old)).collect();
    near.sort();
    near.into_iter().map(|old| finding(rules::NEAR_NAME, "name", &format!("{id} and {old}"))).collect()
}

/// Who owns a namespace may use names in it that are near each other.
fn is_near(new: &PluginId, old: &PluginId) -> bool {
    if new.namespace() == old.namespace() {
        return false;
    }
    let (one, other) = (plain(new.name()), plain(old.name()));
    // The same plain word in two namespaces is what namespaces are for; nearly the same is odd.
    let near_name = one != other && one.len().min(other.len()) >= SHORT && distance(one, other) <= WHOLE;
    let near_all = new.name() == old.name()
        && new.namespace().len().min(old.namespace().len()) >= SHORT
        && distance(new.namespace(), old.namespace()) < 2 * WHOLE;
    near_name || near_all
}

/// Without the word for its kind.
fn plain(name: &str) -> &str {
    ["tool-", "provider-", "channel-", "hook-"].iter().find_map(|kind| name.strip_prefix(kind)).unwrap_or(name)
}

/// How far apart, in quarters of a letter: insertions, deletions, exchanges, and
/// neighbours swapped.
pub(crate) fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > 2 {
        return WHOLE * one.len().abs_diff(other.len());
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).map(|at| at * WHOLE).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![(i + 1) * WHOLE];
        for (j, b) in other.iter().enumerate() {
            let get = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = get(&above, j) + exchange(*a, *b);
            best = best.min(get(&above, j + 1) + WHOLE).min(get(&row, j) + WHOLE);
            let swapped = i > 0 && j > 0 && one.get(i - 1) == Some(b) && other.get(j - 1) == Some(a);
            if swapped {
                best = best.min(get(&before, j - 1) + NEIGHBOUR);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or_default()
}

fn exchange(a: char, b: char) -> usize {
    let shape = |(x, y): &(char, char)| (a, b) == (*x, *y) || (b, a) == (*x, *y);
    match () {
        () if a == b => 0,
        () if SHAPES.iter().any(shape) => SAME_SHAPE,
        () if KEYS.iter().any(|row| matches!((row.find(a), row.find(b)), (Some(x), Some(y)) if x.abs_diff(y) == 1)) => NEIGHBOUR,
        () => WHOLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> PluginId {
        PluginId::new(text).unwrap()
    }

    fn check(new: &str, known: &[&str], rules: &[&str]) {
        let known: Vec<PluginId> = known.iter().map(|text| id(text)).collect();
        let found: Vec<String> = look(&id(new), &known).into_iter().map(|finding| finding.rule).collect();
        assert_eq!(found, rules, "{new} beside {known:?}");
    }

    #[test]
    fn a_slip_costs_less_than_another_letter() {
        assert_eq!(distance("weather", "weather"), 0);
        assert_eq!(distance("weather", "wather"), WHOLE);
        assert_eq!(distance("weather", "waether"), NEIGHBOUR);
        assert_eq!(distance("weather", "westher"), NEIGHBOUR);
        assert_eq!(distance("hello", "he1lo"), SAME_SHAPE);
        assert_eq!(distance("hello", "hexxo"), 2 * WHOLE);
        assert_eq!(distance("a", "abcdef"), 5 * WHOLE);
    }

    #[test]
    fn a_name_beside_a_known_one_is_named() {
        check("acrne/weather", &["acme/weather"], &["looks-like-another"]);
        check("goog1e/mail", &["google/mail"], &["looks-like-another"]);
        check("evil/tool-weahter", &["acme/tool-weather"], &["near-another"]);
        check("evil/weathers", &["acme/tool-weather"], &["near-another"]);
        check("acmefcorp/mail", &["acme-corp/mail"], &["looks-like-another"]);
    }

    #[test]
    fn honest_names_are_left_alone() {
        check("acme/weather", &["acme/weather", "acne/other-thing"], &[]);
        check("bob/weather", &["acme/weather"], &[]);
        check("bob/tool-time", &["acme/tool-mime"], &[]);
        check("acme/tool-b", &["acme/tool-a"], &[]);
        check("acme/anything", &[], &[]);
    }
}
