//! Which elements are open while a page is read.
//!
//! A small part of the standard's rules: which start tags end an element that
//! was left open, and how far an end tag reaches. Only elements that shape the
//! text, or hide it, are kept. It refuses to go deeper than a bound: what lies
//! there is left out, so that nothing hidden can come to light.

use crate::limits::DEPTH;

/// Elements that are kept, for the text after them or for the rules here.
const KEPT: &[&str] = &[
    "a",
    "address",
    "article",
    "aside",
    "blockquote",
    "caption",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "ul",
];

/// Start tags that end an open paragraph are those of kept blocks, but not these.
const IN_PARAGRAPH: &[&str] = &["a", "caption", "tbody", "td", "tfoot", "th", "thead", "tr"];

/// An end tag of another element does not reach beyond these.
const WALLS: &[&str] = &["td", "th", "caption", "table"];

/// End tags that do.
const TABLE: &[&str] = &["table", "tbody", "thead", "tfoot", "tr", "td", "th", "caption"];

#[derive(Debug, Default)]
pub(crate) struct Open {
    /// Name, and whether it hides what is in it.
    frames: Vec<(Box<str>, bool)>,
    /// Elements open below the bound.
    beyond: usize,
    went_beyond: bool,
}

impl Open {
    /// Whether text here is seen by nobody.
    pub(crate) fn is_hidden(&self) -> bool {
        self.beyond > 0 || self.frames.last().is_some_and(|(_, hides)| *hides)
    }

    /// Whether something was left out for its depth.
    pub(crate) fn went_too_deep(&self) -> bool {
        self.went_beyond
    }

    /// Ends what a start tag of that name ends; `closed` hears of what was visible.
    pub(crate) fn before(&mut self, name: &str, closed: &mut impl FnMut(&str)) {
        match name {
            "li" => self.end(&["li"], &["ul", "ol", "table", "td", "th"], closed),
            "dt" | "dd" => self.end(&["dt", "dd"], &["dl", "table", "td", "th"], closed),
            "td" | "th" => self.end(&["td", "th"], &["tr", "table"], closed),
            "tr" => self.end(&["tr"], &["table"], closed),
            "a" => self.end(&["a"], WALLS, closed),
            _ => {}
        }
        if KEPT.contains(&name) && !IN_PARAGRAPH.contains(&name) {
            self.end(&["p"], WALLS, closed);
        }
    }

    /// Opens an element; `false` when it lies too deep to be followed.
    pub(crate) fn push(&mut self, name: &str, hides: bool) -> bool {
        let is_kept = self.is_kept(name, hides);
        if self.beyond > 0 || (is_kept && self.frames.len() >= DEPTH) {
            self.beyond = self.beyond.saturating_add(usize::from(is_kept));
            self.went_beyond = true;
            return false;
        }
        if is_kept {
            self.frames.push((name.into(), hides));
        }
        true
    }

    fn is_kept(&self, name: &str, hides: bool) -> bool {
        // Within a hidden element its own name matters too, to find its end.
        KEPT.contains(&name) || (hides && (!self.is_hidden() || self.frames.iter().any(|(open, hides)| *hides && &**open == name)))
    }

    /// Takes an end tag.
    pub(crate) fn close(&mut self, name: &str, closed: &mut impl FnMut(&str)) {
        if self.beyond > 0 {
            if KEPT.contains(&name) {
                self.beyond -= 1;
            }
            return;
        }
        let walls = if TABLE.contains(&name) { &["table"][..] } else { WALLS };
        self.end(&[name], if name == "table" { &[] } else { walls }, closed);
    }

    /// Ends the innermost of `names` and all within it, unless a wall is nearer.
    fn end(&mut self, names: &[&str], walls: &[&str], closed: &mut impl FnMut(&str)) {
        if self.beyond > 0 {
            return;
        }
        let reach = self.frames.iter().rposition(|(name, _)| names.contains(&&**name) || walls.contains(&&**name));
        let Some(index) = reach.filter(|index| self.frames.get(*index).is_some_and(|(name, _)| names.contains(&&**name))) else { return };
        while self.frames.len() > index {
            if let Some((name, false)) = self.frames.pop() {
                closed(&name);
            }
        }
    }
}
