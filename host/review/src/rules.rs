//! The rules that are not texts: their ids, how grave they are, why, and what to do.
//!
//! Ids are part of the interface: policies and reviewers name them. Nothing is renamed.

use crate::finding::Severity;

/// A rule of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Its id.
    pub(crate) id: &'static str,
    /// How grave, as a rule.
    pub(crate) severity: Severity,
    /// Why a reader should care.
    pub(crate) why: &'static str,
    /// What an author can do.
    pub(crate) fix: &'static str,
}

macro_rules! rules {
    ($($name:ident = $id:literal, $severity:ident, $why:literal, $fix:literal;)*) => {
        $(pub(crate) const $name: Rule = Rule { id: $id, severity: Severity::$severity, why: $why, fix: $fix };)*
        /// All of them.
        pub(crate) const ALL: &[Rule] = &[$($name),*];
    };
}

rules! {
    TOO_MUCH = "beyond-budget", High,
        "it holds more of something than any honest plugin does, so it was looked at no further",
        "build for release, and leave out what is not needed";
    INVALID = "invalid-component", High,
        "it is no valid component, so nothing can be said of what it does",
        "build it again, and pack what came out";
    UNFINISHED = "analysis-unfinished", High,
        "the analysis was stopped before it was done, so what is missing here may be there",
        "find out which part takes so long; generated tables are a usual reason";
    IMPORT_UNDECLARED = "undeclared-import", High,
        "the component imports an interface that its signed release does not declare, or without the permission that it needs",
        "pack it again with `skynet plugin pack`, and ask for the permission in plugin.toml";
    IMPORT_UNKNOWN = "unknown-import", High,
        "it imports an interface that no host offers, so it cannot run, or expects a host that was changed",
        "leave the import out, or build against the interfaces in wit/";
    IMPORT_ABSENT = "import-absent", Low,
        "the release declares an import that the component does not have",
        "pack it again with `skynet plugin pack`";
    EXPORTS_DIFFER = "exports-differ", Medium,
        "what the component exports is not what its release declares",
        "pack it again with `skynet plugin pack`";
    PERMISSION_UNUSED = "permission-unused", Medium,
        "it asks for a permission that nothing in it could use: people are asked to give more than is needed",
        "take the permission out of plugin.toml";
    POWER = "power", Info,
        "what it can reach outside of itself, if its permissions are granted",
        "nothing to do; see that it fits what the plugin is for";
    SERVER_UNDECLARED = "undeclared-server", Medium,
        "it names a server that its permissions do not reach: it may ask people, or the model, to go there",
        "name it in `net`, or take it out";
    ADDRESS_UNDECLARED = "undeclared-address", High,
        "it names a server by a public address and not by name, which is how servers are named that change often",
        "use a name, and ask for it in `net`";
    MANY_SERVERS = "many-servers", High,
        "it names more servers that it did not ask for than are listed, so others may hide behind them",
        "name those that it reaches in `net`, and leave the others out";
    SERVER_KNOWN = "documentation-server", Info,
        "it names a server of documentation or of this machine; libraries do",
        "nothing to do";
    EMBEDDED_PROGRAM = "embedded-program", High,
        "its data holds a whole program, which nobody looks into and which may be handed out",
        "leave it out; what a plugin needs is part of the component";
    HIGH_ENTROPY = "high-entropy", Medium,
        "a large part of its data is compressed or enciphered, so nobody can read what it is",
        "say in the README what it is; store tables uncompressed";
    LONG_BASE64 = "long-base64", Medium,
        "a long run of base64 hides what it holds from readers",
        "store it as it is, or say in the README what it is";
    LARGE_PART = "large-part", Low,
        "one part of the file is far larger than in other plugins, which makes it slow to load and hard to look through",
        "build for release, strip names and debug information, and leave out unused data";
    MINER_LOOK = "miner-look", Medium,
        "most of what its loops do is turning bits around, as programs do that mine coins; programs that hash do too",
        "say in the README what it computes";
    START_FUNCTION = "start-function", Info,
        "a module runs code as soon as it is made, before anything is called",
        "nothing to do; compilers write it for some languages";
    MEMORY_OPEN = "memory-without-maximum", Info,
        "a memory has no maximum of its own; the host's limit holds",
        "nothing to do; compilers leave it out";
    HIDDEN_CHARACTERS = "hidden-characters", High,
        "a text has characters that cannot be seen or that turn the direction of reading around: people and the model read something else than what is there",
        "take them out";
    MIXED_SCRIPTS = "mixed-scripts", Medium,
        "a word mixes letters of several scripts that look alike, so that it is not the word that people read",
        "write the word in one script";
    LOOKS_LIKE = "looks-like-another", High,
        "its name can be taken for that of a plugin that is known",
        "choose another name";
    NEAR_NAME = "near-another", Medium,
        "its name is a slip of the finger away from that of a plugin that is known",
        "choose another name, if people could confuse the two";
    TEXT_TOO_LARGE = "text-too-large", Medium,
        "a text is larger than anybody reads, or comes after too many others, and was looked at no further",
        "shorten it, or leave it out";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_an_id_of_its_own_and_says_what_to_do() {
        let mut ids: Vec<&str> = ALL.iter().map(|rule| rule.id).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
        for rule in ALL {
            assert!(rule.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{}", rule.id);
            assert!(rule.why.len() > 20 && rule.fix.len() > 5, "{}", rule.id);
        }
        for (id, why) in crate::text::rules() {
            assert!(!ids.contains(&id.as_str()) && !why.is_empty(), "{id}");
        }
    }
}
