//! Keys by name, as a terminal types them.

/// Those without a letter of their own.
const NAMED: [(&str, &str); 15] = [
    ("enter", "\n"),
    ("tab", "\t"),
    ("escape", "\u{1b}"),
    ("space", " "),
    ("backspace", "\u{7f}"),
    ("up", "\u{1b}[A"),
    ("down", "\u{1b}[B"),
    ("right", "\u{1b}[C"),
    ("left", "\u{1b}[D"),
    ("home", "\u{1b}[H"),
    ("end", "\u{1b}[F"),
    ("delete", "\u{1b}[3~"),
    ("page-up", "\u{1b}[5~"),
    ("page-down", "\u{1b}[6~"),
    ("shift-tab", "\u{1b}[Z"),
];

/// What a key types. The error names it and says which there are.
pub(crate) fn typed(key: &str) -> Result<String, String> {
    let name = key.to_ascii_lowercase();
    if let Some((_, typed)) = NAMED.iter().find(|(known, _)| *known == name) {
        return Ok((*typed).to_owned());
    }
    let letter =
        name.strip_prefix("ctrl-").and_then(|rest| rest.bytes().next().filter(|byte| rest.len() == 1 && byte.is_ascii_lowercase()));
    match letter {
        // The control characters are the letters without their upper bits.
        Some(letter) => Ok(char::from(letter & 0x1f).to_string()),
        None => {
            let known: Vec<&str> = NAMED.iter().map(|(name, _)| *name).collect();
            Err(format!("there is no key `{}`; there are ctrl-a to ctrl-z, {}", key.escape_debug(), known.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_type_what_a_terminal_types() {
        for (key, typed) in [("ctrl-c", "\u{3}"), ("CTRL-D", "\u{4}"), ("enter", "\n"), ("up", "\u{1b}[A")] {
            assert_eq!(super::typed(key).as_deref(), Ok(typed));
        }
        for key in ["ctrl-", "ctrl-cc", "ctrl-1", "f99", ""] {
            assert!(typed(key).unwrap_err().contains("ctrl-a to ctrl-z"), "{key}");
        }
    }
}
