//! Two requests of a plugin, before and after an update.
//!
//! Held: nothing differs from itself; what an owner is not shown is not there; what
//! runs is never more than was asked, nor than was granted; and both directions of a
//! difference tell the same lines.
//!
//! Input: two sets of permissions as JSON, one a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skynet_policy::{PermissionDiff, Permissions, beyond, diff, effective, exceeds};

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let mut read = || permissions(lines.next().unwrap_or_default());
    let (Some(old), Some(new)) = (read(), read()) else { return };
    for one in [&old, &new] {
        assert_eq!(diff(one, one), PermissionDiff::default());
        assert_eq!(diff(one, &one.normalized()), PermissionDiff::default(), "order counts");
        assert_eq!(exceeds(one, one), Vec::<String>::new());
        assert_eq!(one.normalized().normalized(), one.normalized());
        assert_eq!(one.is_empty(), one.sentences().is_empty(), "{}", one.to_json());
    }
    let (forth, back) = (diff(&old, &new), diff(&new, &old));
    assert_eq!(forth.added, back.removed);
    assert_eq!(forth.removed, back.added);
    assert_eq!(forth.changed.len(), back.changed.len());
    assert_eq!(forth.is_empty(), old.digest() == new.digest(), "an owner sees `{forth}` between\n{}\n{}", old.to_json(), new.to_json());
    assert_eq!(forth.to_string().is_empty(), forth.is_empty());

    let runs = effective(&new, &old, None);
    assert_eq!(exceeds(&runs, &old), Vec::<String>::new(), "more than was granted runs");
    let asked = Permissions { net: open_to_private(&new), ..new.clone() };
    assert_eq!(exceeds(&runs, &asked), Vec::<String>::new(), "more than was asked runs");
    assert!(!beyond(&new, &old).is_empty() || exceeds(&new, &old).is_empty());
});

/// As they may be stored: without faults.
fn permissions(line: &str) -> Option<Permissions> {
    let read: Permissions = serde_json::from_str(line).ok()?;
    let text = read.to_json();
    assert_eq!(serde_json::from_str::<Permissions>(&text).ok().map(|again| again.to_json()), Some(text));
    read.faults().is_empty().then_some(read)
}

/// A grant may open private addresses of a server that the request names without.
fn open_to_private(asked: &Permissions) -> Vec<skynet_policy::NetRule> {
    let private = asked.net.iter().map(|rule| skynet_policy::NetRule { private: true, ..rule.clone() });
    asked.net.iter().cloned().chain(private).collect()
}
