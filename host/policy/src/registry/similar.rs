//! Names that a person could take for another one.
//!
//! Letters of other scripts cannot occur: ids are ASCII by their grammar. What is left
//! are look-alikes within ASCII, left out or swapped letters, and moved hyphens. Says
//! what is alike; who publishes decides.

use skynet_core::PluginId;

/// Namespaces shorter than this differ by one letter all the time.
const SHORT: usize = 4;

/// The known plugin that `new` could be taken for, and why. A plugin is not like
/// itself, and who owns a namespace may use names in it that are one letter apart.
pub fn similar<'a>(new: &PluginId, known: impl IntoIterator<Item = &'a PluginId>) -> Option<(&'a PluginId, &'static str)> {
    known.into_iter().find_map(|old| alike(new, old).map(|why| (old, why)))
}

fn alike(new: &PluginId, old: &PluginId) -> Option<&'static str> {
    if new == old {
        return None;
    }
    if skeleton(new.as_str()) == skeleton(old.as_str()) {
        return Some("they look the same but for hyphens and letters like l and 1");
    }
    let (one, other) = (new.namespace(), old.namespace());
    if one == other {
        return None;
    }
    if skeleton(one) == skeleton(other) {
        return Some("their namespaces look the same");
    }
    let long = one.len() >= SHORT && other.len() >= SHORT;
    (long && one_slip(one, other)).then_some("their namespaces are one slip of a finger apart")
}

/// What an eye sees: hyphens and the slash gone, look-alikes made one.
fn skeleton(text: &str) -> String {
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let digits = plain.replace("rn", "m").replace("vv", "w").replace("cl", "d");
    digits
        .chars()
        .map(|c| match c {
            '0' => 'o',
            '1' | 'i' => 'l',
            '5' => 's',
            '2' => 'z',
            '8' => 'b',
            c => c,
        })
        .collect()
}

/// One letter more, less, other, or two neighbours swapped.
fn one_slip(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let (long, short) = if one.len() >= other.len() { (one, other) } else { (other, one) };
    let start = long.iter().zip(short).take_while(|(a, b)| a == b).count();
    let (long, short) = (long.get(start..).unwrap_or_default(), short.get(start..).unwrap_or_default());
    match (long, short) {
        (_, []) => long.len() <= 1,
        ([a, b, tail @ ..], [c, d, other @ ..]) if a == d && b == c && tail == other => true,
        ([_, tail @ ..], [_, other @ ..]) if tail == other => true,
        ([_, tail @ ..], short) => tail == short,
        ([], _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(new: &str, old: &str) -> bool {
        let (new, old) = (PluginId::new(new).unwrap(), PluginId::new(old).unwrap());
        similar(&new, [&old]).is_some()
    }

    #[test]
    fn names_that_fool_an_eye_or_a_finger_are_alike() {
        for (new, old) in [
            ("acrne/hello", "acme/hello"),
            ("goog1e/mail", "google/mail"),
            ("ac-me/hello", "acme/hello"),
            ("acme/he-llo", "acme/hello"),
            ("amce/other", "acme/hello"),
            ("acmee/x", "acme/hello"),
            ("cme1/x", "acme1/hello"),
            ("bcme/x", "acme/hello"),
            ("acme-hel/lo", "acme/hello"),
        ] {
            assert!(check(new, old) && check(old, new), "{new} {old}");
        }
    }

    #[test]
    fn honest_names_are_not_accused() {
        for (new, old) in [
            ("acme/hello", "acme/hello"),
            ("acme/tool-b", "acme/tool-a"),
            ("bob/hello", "acme/hello"),
            ("abc/x", "abd/y"),
            ("acme/x", "acmetools/y"),
        ] {
            assert!(!check(new, old), "{new} {old}");
        }
    }

    #[test]
    fn letters_of_other_scripts_cannot_occur_at_all() {
        assert!(PluginId::new("асme/hello").is_err(), "Cyrillic");
        assert!(PluginId::new("Acme/hello").is_err(), "another case");
    }
}
