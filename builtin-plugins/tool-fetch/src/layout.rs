//! The text of a page as it grows: lines, lists, tables, links.
//!
//! Blocks end lines and paragraphs leave an empty one, never two; spaces collapse
//! except in `pre`; links are written absolute. A link that leads nowhere a reader
//! could go is just its text.

use crate::page::{attribute, one_line};
use html5ever::tokenizer::Tag;
use skynet_plugin_sdk::http::Address;

/// Elements that stand on lines of their own.
const BLOCKS: &[&str] = &[
    "div",
    "section",
    "article",
    "header",
    "footer",
    "main",
    "aside",
    "nav",
    "form",
    "fieldset",
    "figure",
    "figcaption",
    "dl",
    "dt",
    "dd",
    "address",
    "details",
    "summary",
    "li",
    "tr",
    "thead",
    "tbody",
    "tfoot",
    "caption",
];

/// Blocks with an empty line before and after.
const PARAGRAPHS: &[&str] = &["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre", "hr"];

/// List levels that are shown by indentation; nobody sees a tenth.
const INDENTED: usize = 9;

pub(crate) struct Layout {
    base: Address,
    out: String,
    /// For each open list: the number of its last item, if it counts.
    lists: Vec<Option<u32>>,
    /// For the open links: where each text began, and where it leads.
    links: Vec<Option<(usize, String)>>,
    /// Where an item's text begins, as long as there is none.
    item: Option<usize>,
    pre: usize,
}

impl Layout {
    pub(crate) fn new(base: Address) -> Self {
        Self { base, out: String::new(), lists: Vec::new(), links: Vec::new(), item: None, pre: 0 }
    }

    /// The whole text.
    pub(crate) fn finish(mut self, went_too_deep: bool) -> String {
        if went_too_deep {
            self.break_line("p");
            self.out.push_str("[parts that are nested too deeply are left out]");
        }
        self.out.trim_matches(['\n', ' ']).to_owned()
    }

    pub(crate) fn open(&mut self, tag: &Tag) {
        let name = &*tag.name;
        self.break_line(name);
        match name {
            "br" => self.out.push('\n'),
            "hr" => self.out.push_str("---"),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                let level = name.bytes().last().map_or(1, |digit| usize::from(digit.saturating_sub(b'0')));
                self.out.push_str(&"#".repeat(level));
                self.out.push(' ');
            }
            "ul" => self.lists.push(None),
            "ol" => self.lists.push(Some(attribute(tag, "start").and_then(|start| start.parse().ok()).unwrap_or(1_u32).saturating_sub(1))),
            "li" => self.item(),
            "td" | "th" if !self.out.is_empty() && !self.out.ends_with('\n') => self.out.push_str(" | "),
            "pre" => self.pre += 1,
            "img" => {
                if let Some(alt) = attribute(tag, "alt").map(one_line).filter(|alt| !alt.is_empty()) {
                    self.out.push_str(&format!("[image: {alt}]"));
                }
            }
            "base" => {
                if let Some(base) = attribute(tag, "href").and_then(|href| self.base.join(href.trim()).ok()) {
                    self.base = base;
                }
            }
            "a" => {
                let target = attribute(tag, "href").and_then(|href| self.target(href.trim()));
                self.links.push(target.map(|target| (self.out.len(), target)));
            }
            _ => {}
        }
    }

    pub(crate) fn close(&mut self, name: &str) {
        match name {
            "ul" | "ol" => drop(self.lists.pop()),
            "pre" => self.pre = self.pre.saturating_sub(1),
            "a" => {
                if let Some(Some((start, target))) = self.links.pop() {
                    self.link(start, &target);
                }
            }
            _ => {}
        }
        self.break_line(name);
    }

    pub(crate) fn text(&mut self, text: &str) {
        if self.pre > 0 {
            self.out.push_str(text);
            return;
        }
        let mut spaced = self.out.is_empty() || self.out.ends_with(char::is_whitespace);
        for c in text.chars() {
            let blank = c.is_whitespace() && c != '\u{a0}';
            if !(blank && spaced) {
                self.out.push(if blank { ' ' } else { c });
            }
            spaced = blank;
        }
    }

    fn item(&mut self) {
        let depth = self.lists.len().saturating_sub(1);
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number = number.saturating_add(1);
                format!("{number}. ")
            }
            _ => "- ".to_owned(),
        };
        self.out.push_str(&"  ".repeat(depth.min(INDENTED)));
        self.out.push_str(&mark);
        self.item = Some(self.out.len());
    }

    /// Ends the line, with an empty one around paragraphs; never more than one.
    fn break_line(&mut self, name: &str) {
        let wanted = match () {
            // A list within a list continues it.
            () if matches!(name, "ul" | "ol") && !self.lists.is_empty() => 1,
            () if PARAGRAPHS.contains(&name) => 2,
            () if BLOCKS.contains(&name) => 1,
            () => return,
        };
        if self.item.take() == Some(self.out.len()) && !matches!(name, "li" | "ul" | "ol") {
            // An item's first block stays beside its mark.
            self.item = Some(self.out.len());
            return;
        }
        self.out.truncate(self.out.trim_end_matches(' ').len());
        let have = self.out.len() - self.out.trim_end_matches('\n').len();
        if !self.out.is_empty() {
            (have..wanted).for_each(|_| self.out.push('\n'));
        }
    }

    /// Writes the link around the text since `start`.
    fn link(&mut self, start: usize, target: &str) {
        // A block that ended the line may have taken spaces away.
        let start = start.min(self.out.len());
        let inner = self.out.split_off(start);
        let text = one_line(&inner);
        if text.is_empty() {
            self.out.push_str(&inner);
            return;
        }
        let (front, back) = (inner.len() - inner.trim_start().len(), inner.trim_end().len());
        let (lead, tail) = (inner.get(..front).unwrap_or_default(), inner.get(back..).unwrap_or_default());
        self.out.push_str(&format!("{lead}[{text}]({target}){tail}"));
    }

    /// Where a link leads, if it leads anywhere a reader could go.
    fn target(&self, href: &str) -> Option<String> {
        if href.is_empty() || href.starts_with('#') {
            return None;
        }
        if href.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("mailto:")) {
            return Some(href.to_owned());
        }
        self.base.join(&href.replace(' ', "%20")).ok().map(|address| address.to_string())
    }
}
