//! The drop folder: what is in it, and which file has come to rest.
//!
//! Watcher events are hints; the scan is the truth. A file is a candidate when two
//! looks at it, at least `SETTLE` apart, agree on size, times and inode. This file
//! decides from listings that it is given; reading the folder is `inbox/folder.rs`.

pub(crate) mod folder;

use crate::limits;
use crate::trees::PREFIX;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a look at a file tells without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) size: u64,
    pub(crate) modified_ns: i128,
    pub(crate) changed_ns: i128,
    pub(crate) inode: u64,
}

/// What a scan found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It came to rest and should be read.
    Settled(String),
    /// It was there before and is gone.
    Gone(String),
    /// Two names that differ only in case; the second is not read.
    CaseClash { name: String, with: String },
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    stamp: Stamp,
    since_ms: u64,
    /// In this state.
    reported: bool,
    /// In this state or an earlier one: somebody counts on it.
    known: bool,
}

/// The memory between scans.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    files: BTreeMap<String, Seen>,
    clashes: BTreeMap<String, String>,
    /// Folders that are not there, and since when. No rename puts one folder in the place of another that has
    /// files, so a folder that is replaced is away for a moment.
    leaving: BTreeMap<String, u64>,
}

/// How long something must look the same, in milliseconds.
fn settle() -> u64 {
    u64::try_from(limits::SETTLE.as_millis()).unwrap_or(u64::MAX)
}

/// Whether a name is that of a plugin file that somebody finished writing.
pub(crate) fn is_plugin_name(name: &str) -> bool {
    let hidden = name.starts_with('.') || name.ends_with('~');
    let kind = name.rsplit_once('.').map(|(_, kind)| kind.to_ascii_lowercase());
    !hidden && matches!(kind.as_deref(), Some("wasm" | "cwasm"))
}

impl Inbox {
    /// Compares a listing with what was seen before. `now_ms` only has to grow.
    pub(crate) fn observe(&mut self, now_ms: u64, listing: &BTreeMap<String, Stamp>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut by_fold: BTreeMap<String, String> = BTreeMap::new();
        let mut clashes = BTreeMap::new();
        // The name that was accepted first keeps its place over one that came later.
        let (known, new): (Vec<_>, Vec<_>) = listing.iter().partition(|(name, _)| self.files.contains_key(*name));
        for (name, stamp) in known.into_iter().chain(new) {
            if let Some(with) = by_fold.insert(name.to_lowercase(), name.clone()) {
                by_fold.insert(name.to_lowercase(), with.clone());
                if self.clashes.get(name) != Some(&with) {
                    findings.push(Finding::CaseClash { name: name.clone(), with: with.clone() });
                }
                clashes.insert(name.clone(), with);
                continue;
            }
            self.look(now_ms, name, *stamp, &mut findings);
        }
        // One that is gone, or clashes no more, is refused no longer.
        let settled = self.clashes.keys().filter(|name| !clashes.contains_key(*name));
        findings.extend(settled.map(|name| Finding::Gone(name.clone())));
        self.clashes = clashes;
        let gone: Vec<String> = self.files.keys().filter(|name| !listing.contains_key(*name)).cloned().collect();
        self.leaving.retain(|name, _| !listing.contains_key(name));
        for name in gone {
            if name.starts_with(PREFIX) {
                let since = *self.leaving.entry(name.clone()).or_insert(now_ms);
                if now_ms.saturating_sub(since) < settle() {
                    continue;
                }
                self.leaving.remove(&name);
            }
            if self.files.remove(&name).is_some_and(|seen| seen.known) {
                findings.push(Finding::Gone(name));
            }
        }
        findings
    }

    fn look(&mut self, now_ms: u64, name: &str, stamp: Stamp, findings: &mut Vec<Finding>) {
        match self.files.get_mut(name) {
            Some(seen) if seen.stamp == stamp => {
                if !seen.reported && now_ms.saturating_sub(seen.since_ms) >= settle() {
                    (seen.reported, seen.known) = (true, true);
                    findings.push(Finding::Settled(name.to_owned()));
                }
            }
            Some(seen) => *seen = Seen { stamp, since_ms: now_ms, reported: false, known: seen.known },
            None => {
                self.files.insert(name.to_owned(), Seen { stamp, since_ms: now_ms, reported: false, known: false });
            }
        }
    }

    /// Reads that file again once it has come to rest: it changed while being read,
    /// or somebody asked for it.
    pub(crate) fn forget(&mut self, name: &str) {
        if let Some(seen) = self.files.get_mut(name) {
            // Like no file there is, so that it comes to rest anew; one that goes now is
            // still missed.
            *seen = Seen {
                stamp: Stamp { size: u64::MAX, modified_ns: -1, changed_ns: -1, inode: 0 },
                since_ms: 0,
                reported: false,
                known: seen.known,
            };
        }
    }

    /// Whether a file is on its way to rest, so that the next scan should be soon.
    pub(crate) fn is_restless(&self) -> bool {
        !self.leaving.is_empty() || self.files.values().any(|seen| !seen.reported)
    }

    /// Until the next scan.
    pub(crate) fn pause(&self, interval: Duration) -> Duration {
        if self.is_restless() { limits::SETTLE.min(interval) } else { interval }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamp(version: u64) -> Stamp {
        Stamp { size: version, modified_ns: i128::from(version), changed_ns: 0, inode: version }
    }

    fn listing(files: &[(&str, u64)]) -> BTreeMap<String, Stamp> {
        files.iter().map(|(name, version)| ((*name).to_owned(), stamp(*version))).collect()
    }

    fn settled(name: &str) -> Vec<Finding> {
        vec![Finding::Settled(name.into())]
    }

    #[test]
    fn a_file_is_reported_once_when_it_has_come_to_rest() {
        let mut inbox = Inbox::default();
        assert_eq!(inbox.observe(0, &listing(&[("a.wasm", 1)])), []);
        assert_eq!(inbox.observe(299, &listing(&[("a.wasm", 1)])), []);
        assert_eq!(inbox.observe(300, &listing(&[("a.wasm", 1)])), settled("a.wasm"));
        assert_eq!(inbox.observe(600, &listing(&[("a.wasm", 1)])), []);
    }

    #[test]
    fn a_file_that_grows_is_not_reported() {
        let mut inbox = Inbox::default();
        for step in 0..10 {
            assert_eq!(inbox.observe(step * 1000, &listing(&[("a.wasm", step)])), []);
        }
        assert_eq!(inbox.observe(10_000, &listing(&[("a.wasm", 9)])), settled("a.wasm"));
    }

    #[test]
    fn a_replaced_file_is_reported_again_and_a_removed_one_once() {
        let mut inbox = Inbox::default();
        inbox.observe(0, &listing(&[("a.wasm", 1)]));
        inbox.observe(300, &listing(&[("a.wasm", 1)]));
        assert_eq!(inbox.observe(400, &listing(&[("a.wasm", 2)])), []);
        assert_eq!(inbox.observe(700, &listing(&[("a.wasm", 2)])), settled("a.wasm"));
        assert_eq!(inbox.observe(800, &listing(&[])), vec![Finding::Gone("a.wasm".into())]);
        assert_eq!(inbox.observe(900, &listing(&[])), []);
    }

    #[test]
    fn a_folder_that_is_away_for_a_moment_was_replaced_and_one_that_stays_away_is_gone() {
        let mut inbox = Inbox::default();
        inbox.observe(0, &listing(&[("tools/a", 1)]));
        assert_eq!(inbox.observe(300, &listing(&[("tools/a", 1)])), settled("tools/a"));
        assert_eq!(inbox.observe(400, &listing(&[])), []);
        assert!(inbox.is_restless(), "nothing is decided while it may come back");
        assert_eq!(inbox.observe(410, &listing(&[("tools/a", 2)])), []);
        assert_eq!(inbox.observe(710, &listing(&[("tools/a", 2)])), settled("tools/a"));
        assert_eq!(inbox.observe(800, &listing(&[])), []);
        assert_eq!(inbox.observe(1100, &listing(&[])), vec![Finding::Gone("tools/a".into())]);
        assert_eq!(inbox.observe(1200, &listing(&[])), []);
        assert!(!inbox.is_restless());
    }

    #[test]
    fn a_file_that_vanishes_before_it_was_read_was_never_there() {
        let mut inbox = Inbox::default();
        inbox.observe(0, &listing(&[("a.wasm", 1)]));
        assert_eq!(inbox.observe(100, &listing(&[])), []);
    }

    #[test]
    fn of_two_names_that_differ_in_case_the_first_seen_is_read() {
        let mut inbox = Inbox::default();
        inbox.observe(0, &listing(&[("tool.wasm", 1)]));
        let clash = Finding::CaseClash { name: "Tool.wasm".into(), with: "tool.wasm".into() };
        assert_eq!(inbox.observe(300, &listing(&[("Tool.wasm", 2), ("tool.wasm", 1)])), vec![Finding::Settled("tool.wasm".into()), clash]);
        assert_eq!(inbox.observe(600, &listing(&[("Tool.wasm", 2), ("tool.wasm", 1)])), [], "said once");
    }

    #[test]
    fn a_second_name_that_was_refused_for_its_case_is_refused_no_longer_once_it_is_gone() {
        let mut inbox = Inbox::default();
        let both = listing(&[("Tool.wasm", 2), ("tool.wasm", 1)]);
        inbox.observe(0, &listing(&[("tool.wasm", 1)]));
        assert_eq!(inbox.observe(300, &both).len(), 2);
        assert_eq!(inbox.observe(600, &listing(&[("tool.wasm", 1)])), vec![Finding::Gone("Tool.wasm".into())]);
        assert_eq!(inbox.observe(900, &listing(&[("tool.wasm", 1)])), []);
        // Where the first one goes, the second takes its place.
        assert_eq!(inbox.observe(1200, &both).len(), 1);
        let left = listing(&[("Tool.wasm", 2)]);
        let gone = vec![Finding::Gone("Tool.wasm".into()), Finding::Gone("tool.wasm".into())];
        assert_eq!(inbox.observe(1500, &left), gone);
        assert_eq!(inbox.observe(1800, &left), settled("Tool.wasm"));
    }

    #[test]
    fn unfinished_and_hidden_names_are_ignored() {
        for name in ["a.wasm", "A.WASM", "x.cwasm"] {
            assert!(is_plugin_name(name), "{name}");
        }
        for name in [".a.wasm", "a.wasm.tmp", "a.wasm.part", "a.wasm~", "a.txt", "wasm", ""] {
            assert!(!is_plugin_name(name), "{name}");
        }
    }

    proptest! {
        /// Whatever happens to a folder: once it rests, every file in it was
        /// reported in its last state, and nothing that is gone counts as there.
        #[test]
        fn what_rests_was_reported_in_its_last_state(steps in prop::collection::vec((0u8..4, 0u64..3, 0u64..400), 1..60)) {
            let mut inbox = Inbox::default();
            let mut folder: BTreeMap<String, Stamp> = BTreeMap::new();
            let mut read: BTreeMap<String, Stamp> = BTreeMap::new();
            let mut now = 0;
            let apply = |findings: Vec<Finding>, folder: &BTreeMap<String, Stamp>, read: &mut BTreeMap<String, Stamp>| {
                for finding in findings {
                    match finding {
                        Finding::Settled(name) => { read.insert(name.clone(), folder[&name]); }
                        Finding::Gone(name) => { read.remove(&name); }
                        Finding::CaseClash { .. } => unreachable!("names differ"),
                    }
                }
            };
            for (file, version, wait) in steps {
                let name = format!("{file}.wasm");
                if version == 0 { folder.remove(&name); } else { folder.insert(name, stamp(version)); }
                now += wait;
                let findings = inbox.observe(now, &folder);
                apply(findings, &folder, &mut read);
            }
            for _ in 0..2 {
                now += 300;
                let findings = inbox.observe(now, &folder);
                apply(findings, &folder, &mut read);
            }
            prop_assert_eq!(read, folder);
        }
    }
}
