//! The review itself: which looks are taken at what, in which order.
//!
//! Counting, then validating, then everything else; what fails a step is reported and
//! looked at no further. Nothing in here runs the plugin, so what its tools say of
//! themselves comes from whoever ran them in a host.

use crate::budget::{self, Counts, Excess};
use crate::excerpt;
use crate::finding::Finding;
use crate::found::Found;
use crate::limits;
use crate::policy::Policy;
use crate::report::Report;
use crate::rules::{self, Rule};
use crate::shape::{Region, Shape};
use crate::text::{self, Kind};
use crate::{bulk, loops, names, servers, surface, unseen};
use skynet_core::PluginId;
use skynet_policy::permission::Permissions;
use skynet_policy::release::{Release, strip};
use std::ops::Range;

/// A text beside a plugin.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// A file's name.
    pub name: &'a str,
    /// Its bytes; what is no UTF-8 is read as far as it goes.
    pub bytes: &'a [u8],
}

/// What a tool says of itself to the model.
#[derive(Debug, Clone, Copy)]
pub struct ToolText<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its description, and the texts of its schema.
    pub text: &'a str,
}

/// What there is to look at.
#[derive(Debug, Clone, Copy)]
pub struct Material<'a> {
    /// The plugin file, or a component that is not packed yet.
    pub file: &'a [u8],
    /// What its publisher says of it; `None` for a component alone.
    pub release: Option<&'a Release>,
    /// Plugins that people know, whose names must not be taken for another's.
    pub known: &'a [PluginId],
    /// From `tools()`, if somebody called it.
    pub tools: &'a [ToolText<'a>],
    /// README and the like.
    pub texts: &'a [Text<'a>],
}

/// A script plugin: files as they lie in its folder.
#[derive(Debug, Clone, Copy)]
pub struct Script<'a> {
    /// All of them; `tool.toml` too.
    pub files: &'a [Text<'a>],
    /// Files that nobody read, because they are too large or came after too many bytes.
    pub unread: &'a [String],
    /// The file that its manifest runs: looked at first, and a source whatever its name.
    pub run: Option<&'a str>,
    /// What it asks for.
    pub permissions: &'a Permissions,
}

/// Looks at a plugin.
pub fn review(material: &Material<'_>, policy: &Policy) -> Report {
    let component = strip(material.file);
    let mut found = Found::default();
    let counts = match contents(component, material.release, &mut found) {
        Ok(counts) => Some(counts),
        Err(excess) => {
            let rule = if matches!(excess, Excess::TooMany { .. }) { rules::TOO_MUCH } else { rules::INVALID };
            found.push(finding(rule, "component", &excess.to_string()));
            None
        }
    };
    if let Some(release) = material.release {
        found.extend(names::look(&release.id, material.known));
        let said = [
            ("summary", release.summary.clone()),
            ("settings", release.config_schema.as_ref().map(ToString::to_string).unwrap_or_default()),
        ];
        for (name, said) in &said {
            found.extend(words(said.as_bytes(), &format!("release.json, {name}"), Kind::Tool));
        }
    }
    for tool in material.tools {
        let place = format!("tool {}", excerpt::of_text(tool.name));
        found.extend(unseen::look(tool.name, &place));
        found.extend(words(tool.text.as_bytes(), &place, Kind::Tool));
    }
    let mut left = limits::TEXTS_BYTES;
    texts(material.texts, Kind::Document, &mut left, &mut found);
    Report::new(found.into_findings(), counts, policy)
}

/// Whether a file of this name is written for people, as long as nothing runs it.
pub fn is_named_document(name: &str) -> bool {
    [".md", ".txt", ".rst"].iter().any(|end| name.ends_with(end))
}

/// Looks at a script plugin's files.
pub fn review_script(script: &Script<'_>, policy: &Policy) -> Report {
    let is_run = |file: &Text<'_>| script.run == Some(file.name);
    // A system starts what begins so, and a script that runs may start it.
    let is_document = |file: &Text<'_>| is_named_document(file.name) && !is_run(file) && !file.bytes.starts_with(b"#!");
    let (documents, mut sources): (Vec<Text<'_>>, Vec<Text<'_>>) = script.files.iter().copied().partition(is_document);
    sources.sort_by_key(|file| !is_run(file));
    let mut left = limits::TEXTS_BYTES;
    let mut found = Found::default();
    let read = texts(&sources, Kind::Script, &mut left, &mut found);
    texts(&documents, Kind::Document, &mut left, &mut found);
    found.extend(script.unread.iter().map(|name| finding(rules::TEXT_TOO_LARGE, &excerpt::of_text(name), "not read")));
    let mut seen = servers::Seen::default();
    for file in read {
        let place = excerpt::of_text(file.name);
        found.extend(servers::look(file.bytes, &place, |at| at, script.permissions, &mut seen));
        found.extend(
            bulk::look(&Region { place: "file", offset: 0, bytes: file.bytes })
                .into_iter()
                .map(|one| Finding { place: place.clone(), ..one }),
        );
    }
    Report::new(found.into_findings(), None, policy)
}

/// The component, if there is one to speak of.
fn contents(component: &[u8], release: Option<&Release>, found: &mut Found) -> Result<Counts, Excess> {
    if component.len() > limits::FILE_BYTES {
        return Err(Excess::TooMany { what: "bytes", limit: u64::try_from(limits::FILE_BYTES).unwrap_or(u64::MAX) });
    }
    let counts = budget::count(component)?;
    budget::validate(component)?;
    let shape = Shape::of(component)?;
    let none = Permissions::default();
    let permissions = release.map_or(&none, |release| &release.permissions);
    if let Some(release) = release {
        found.extend(surface::look(&shape, release));
    }
    for name in shape.imports.iter().chain(&shape.exports) {
        found.extend(unseen::look(name, "component, names"));
    }
    found.extend(bulk::sizes(&counts));
    found.extend(loops::look(&shape.functions));
    shape.regions.iter().filter(|region| region.place == "data").for_each(|region| found.extend(bulk::look(region)));
    let joined = Joined::of(&shape.regions);
    let at = |offset: usize| joined.place(offset).1;
    found.extend(servers::look(&joined.bytes, "data", at, permissions, &mut servers::Seen::default()));
    found.extend(
        hits(&joined.bytes, Kind::Data, |offset| {
            let (place, at) = joined.place(offset);
            (place.to_owned(), at)
        })
        .0,
    );
    Ok(counts)
}

/// All regions behind each other, so that the rules are begun once.
struct Joined<'a> {
    bytes: Vec<u8>,
    /// Where in `bytes` each region begins.
    starts: Vec<(usize, &'a Region<'a>)>,
}

impl<'a> Joined<'a> {
    fn of(regions: &'a [Region<'a>]) -> Self {
        let mut joined = Self { bytes: Vec::with_capacity(regions.iter().map(|region| region.bytes.len() + 1).sum()), starts: Vec::new() };
        for region in regions {
            joined.starts.push((joined.bytes.len(), region));
            joined.bytes.extend_from_slice(region.bytes);
            joined.bytes.push(0);
        }
        joined
    }

    /// Whose byte it is, and where that is in the file.
    fn place(&self, offset: usize) -> (&'static str, usize) {
        let next = self.starts.partition_point(|(start, _)| *start <= offset);
        let region = next.checked_sub(1).and_then(|at| self.starts.get(at));
        region.map_or(("data", offset), |(start, region)| (region.place, region.offset + (offset - start)))
    }
}

/// The text rules over bytes of one kind, and where in these secrets stand: `None` when that is not wholly known.
fn hits(bytes: &[u8], kind: Kind, place: impl Fn(usize) -> (String, usize)) -> (Vec<Finding>, Option<Vec<Range<usize>>>) {
    let hits = match text::scan(bytes, kind) {
        Ok(hits) => hits,
        Err(text::Unfinished(why)) => return (vec![finding(rules::UNFINISHED, &place(0).0, &why)], None),
    };
    let range = |hit: &text::Hit| hit.offset..hit.offset + hit.length;
    let secrets: Vec<Range<usize>> = hits.iter().filter(|hit| hit.secret).map(range).collect();
    let shown = |hit: text::Hit| {
        let (name, offset) = place(hit.offset);
        let excerpt = if hit.secret { excerpt::of_secret(bytes, range(&hit)) } else { excerpt::of_bytes(bytes, range(&hit), &secrets) };
        let offset = u64::try_from(offset).ok();
        Finding { rule: hit.rule, severity: hit.severity, blocks: false, place: name, offset, excerpt, why: hit.why, fix: hit.fix }
    };
    let found = hits.into_iter().map(shown).collect();
    // The rules stop counting there: more may follow.
    let all_known = secrets.len() < limits::PATTERN_MATCHES as usize;
    (found, all_known.then_some(secrets))
}

/// A text that people or the model read: the rules, and what cannot be seen.
fn words(bytes: &[u8], place: &str, kind: Kind) -> Vec<Finding> {
    let (mut found, secrets) = hits(bytes, kind, |offset| (place.to_owned(), offset));
    let veiled = excerpt::veil(bytes, secrets.as_deref());
    found.extend(unseen::look(&String::from_utf8_lossy(&veiled), place));
    found
}

/// The texts that are looked at; `left` bytes of them are.
fn texts<'a>(texts: &[Text<'a>], kind: Kind, left: &mut usize, found: &mut Found) -> Vec<Text<'a>> {
    let mut read = Vec::new();
    for text in texts {
        let place = excerpt::of_text(text.name);
        found.extend(unseen::look(text.name, &place));
        if text.bytes.len() > limits::TEXT_BYTES.min(*left) {
            found.push(finding(rules::TEXT_TOO_LARGE, &place, &format!("{} bytes", text.bytes.len())));
            continue;
        }
        *left -= text.bytes.len();
        found.extend(words(text.bytes, &place, kind));
        read.push(*text);
    }
    read
}

/// A finding of one of our rules, with an excerpt that is made harmless here.
pub(crate) fn finding(rule: Rule, place: &str, what: &str) -> Finding {
    Finding {
        rule: rule.id.to_owned(),
        severity: rule.severity,
        blocks: false,
        place: place.to_owned(),
        offset: None,
        excerpt: excerpt::of_text(what),
        why: rule.why.to_owned(),
        fix: rule.fix.to_owned(),
    }
}

/// The same, at a byte.
pub(crate) fn finding_at(rule: Rule, place: &str, offset: usize, what: &str) -> Finding {
    Finding { offset: u64::try_from(offset).ok(), ..finding(rule, place, what) }
}
