//! Names that models and people read: exposed tool names, and one-line texts.
//!
//! Untrusted text (a plugin's summary, a key of a file) goes through `plain_line`
//! before it reaches a terminal, a log or an approval, so that it cannot break the
//! line or turn the reading direction around.

use crate::digest::sha256_hex;
use crate::limits::EXPOSED_NAME;
use skynet_core::PluginId;

/// Hex digits that keep a shortened name unique: 32 bits over at most some thousand tools.
const SHORT_HASH: usize = 8;

/// The name under which a model sees a tool: `time__now` for `now` of
/// `skynet/tool-time`. Cut with a digest when it would be too long for a provider.
pub fn exposed_name(id: &PluginId, tool: &str) -> String {
    let name = id.name();
    let plugin = name.strip_prefix("tool-").unwrap_or(name).replace('-', "_");
    let whole = format!("{plugin}__{tool}");
    if whole.chars().count() <= EXPOSED_NAME {
        return whole;
    }
    let kept: String = whole.chars().take(EXPOSED_NAME - SHORT_HASH - 1).collect();
    let hash: String = sha256_hex(format!("{id}\n{tool}").as_bytes()).chars().take(SHORT_HASH).collect();
    format!("{kept}_{hash}")
}

/// Whether a text is a legal tool name: `[a-z][a-z0-9_]{0,47}`.
pub fn is_tool_name(text: &str) -> bool {
    text.len() <= 48
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Two plugins want the same name before the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tool name `{name}` of {new} is already taken by {existing}: a model could not tell them apart. Remove one of the two plugins")]
pub struct NameCollision {
    /// The exposed name.
    pub name: String,
    /// Who has it.
    pub existing: PluginId,
    /// Who wants it.
    pub new: PluginId,
}

/// Whether `new` wants a name that another plugin has. The same plugin may keep
/// its own names over versions.
pub fn collision<'a>(existing: impl IntoIterator<Item = (&'a str, &'a PluginId)>, new: (&str, &PluginId)) -> Option<NameCollision> {
    let (name, id) = new;
    existing.into_iter().find(|(taken, owner)| *taken == name && *owner != id).map(|(_, owner)| NameCollision {
        name: name.into(),
        existing: owner.clone(),
        new: id.clone(),
    })
}

/// One harmless line of at most `max` characters: line breaks and tabs become
/// spaces, and characters that control, hide or reorder are left out.
pub fn plain_line(text: &str, max: usize) -> String {
    let mut line = String::new();
    let mut count = 0;
    let mut spaced = true;
    for c in text.chars() {
        let blank = c.is_whitespace() || matches!(c, '\u{2028}' | '\u{2029}');
        if (blank && spaced) || (!blank && is_hidden(c)) {
            continue;
        }
        if count == max {
            line.pop();
            line.truncate(line.trim_end().len());
            if max > 0 {
                line.push('…');
            }
            return line;
        }
        line.push(if blank { ' ' } else { c });
        count += 1;
        spaced = blank;
    }
    line.truncate(line.trim_end().len());
    line
}

/// Whether this character cannot be seen, or reorders what can: line ends and tabs too.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The first character of a text that cannot be seen, line ends and tabs aside.
pub fn hidden_char(text: &str) -> Option<char> {
    text.chars().find(|c| is_hidden(*c) && !matches!(c, '\n' | '\r' | '\t'))
}

/// The same of any text within a value, keys included.
pub fn hidden_in(value: &serde_json::Value) -> Option<char> {
    use serde_json::Value;
    match value {
        Value::String(text) => hidden_char(text),
        Value::Array(values) => values.iter().find_map(hidden_in),
        Value::Object(map) => map.iter().find_map(|(key, value)| hidden_char(key).or_else(|| hidden_in(value))),
        _ => None,
    }
}

/// Whether a text already is what `plain_line` would make of it.
pub(crate) fn is_plain_line(text: &str, max: usize) -> bool {
    plain_line(text, max) == text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> PluginId {
        PluginId::new(text).unwrap()
    }

    #[test]
    fn a_model_sees_the_plugin_and_the_tool() {
        let check = |plugin: &str, tool: &str, exposed: &str| assert_eq!(exposed_name(&id(plugin), tool), exposed);
        check("skynet/tool-time", "now", "time__now");
        check("acme/git-hub", "list_issues", "git_hub__list_issues");
        check("acme/tool-tool-x", "y", "tool_x__y");
    }

    #[test]
    fn a_long_name_is_cut_to_what_providers_take_and_stays_unique() {
        let plugin = id(&format!("acme/{}", "p".repeat(48)));
        let one = exposed_name(&plugin, &format!("{}1", "t".repeat(47)));
        let two = exposed_name(&plugin, &format!("{}2", "t".repeat(47)));
        assert_eq!((one.len(), two.len()), (64, 64));
        assert_ne!(one, two);
        assert!(one.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
    }

    #[test]
    fn tool_names_follow_the_grammar() {
        assert!(is_tool_name("a") && is_tool_name("now_2"));
        for evil in ["", "A", "1a", "a-b", "a b", "a\n", "é", &"a".repeat(49)] {
            assert!(!is_tool_name(evil), "{evil:?}");
        }
    }

    #[test]
    fn only_another_plugin_takes_a_name_away() {
        let (acme, bob) = (id("acme/tool-time"), id("bob/time"));
        assert_eq!(collision([("time__now", &acme)], ("time__now", &acme)), None);
        assert_eq!(collision([("time__now", &acme)], ("time__later", &bob)), None);
        let found = collision([("time__now", &acme)], ("time__now", &bob)).unwrap().to_string();
        assert!(found.contains("acme/tool-time") && found.contains("bob/time"), "{found}");
    }

    #[test]
    fn untrusted_text_becomes_one_harmless_line() {
        let check = |text: &str, line: &str| assert_eq!(plain_line(text, 20), line);
        check("hello", "hello");
        check("  two\r\n\t lines ", "two lines");
        check("a\u{202e}b\u{1b}[31mc\u{200b}\u{2066}", "ab[31mc");
        check("x\u{2028}y", "x y");
        check("0123456789012345678901", "0123456789012345678…");
        check("01234567890123456789", "01234567890123456789");
        check("0123456789012345678 \n", "0123456789012345678");
        assert_eq!(plain_line("abc", 0), "");
    }
}
