//! Files of the repository that this program carries: the SDKs, their templates, the contract.
//!
//! The list is made by `build.rs`. Paths are those of the repository.

static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// One file by its path in the repository.
pub(super) fn file(path: &str) -> Option<&'static [u8]> {
    let at = FILES.binary_search_by(|(name, _)| (*name).cmp(path)).ok()?;
    FILES.get(at).map(|(_, bytes)| *bytes)
}

/// The same as text.
pub(super) fn text(path: &str) -> Option<&'static str> {
    std::str::from_utf8(file(path)?).ok()
}

/// Everything below a folder of the repository: the path from there, and the bytes.
pub(super) fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().filter_map(move |(name, bytes)| Some((name.strip_prefix(folder)?.strip_prefix('/')?, *bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_authors_need_is_in_the_program() {
        for path in ["Cargo.toml", "plugins-sdk/src/lib.rs", "wit/skynet.wit", "wit/deps/http.wit", "builtin-plugins/toolchain.sh"] {
            assert!(file(path).is_some(), "{path}");
        }
        assert!(file("plugins-sdk/tests/plugin.rs").is_none(), "tests of the SDK are no author's matter");
        assert!(below("plugins-sdk/templates").count() > 0);
    }
}
