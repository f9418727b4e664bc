//! {{title}}: watches what passes. This one blocks tool calls that speak of a secret word.

use skynet_plugin_sdk::hook::Verdict;
use skynet_plugin_sdk::{Description, Hook, Lifecycle, export_hook, log};

struct Plugin;

impl Lifecycle for Plugin {
    fn describe() -> Description {
        Description::new("{{title}}", "Blocks tool calls that hold the word xyzzy.")
    }
}

impl Hook for Plugin {
    fn points() -> Vec<String> {
        vec!["tool.call".to_owned()]
    }

    fn before(point: &str, payload: &str) -> Verdict {
        if payload.contains("xyzzy") {
            return Verdict::Block(format!("{point}: nobody says that word"));
        }
        Verdict::Allow
    }

    fn after(point: &str, _: &str) {
        log::info(&format!("{point} happened"));
    }
}

export_hook!(Plugin);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_blocked_and_others_pass() {
        assert!(matches!(Plugin::before("tool.call", r#"{"text":"xyzzy"}"#), Verdict::Block(_)));
        assert!(matches!(Plugin::before("tool.call", "{}"), Verdict::Allow));
    }
}
