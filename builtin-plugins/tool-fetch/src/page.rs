//! A page as text: what a person would read, with its links.
//!
//! It reads the page's tokens in one pass and keeps no tree: a tree's rules let
//! a hostile page cost the square of its length. `open.rs` knows which elements
//! are open, `layout.rs` writes the text. Left out are scripts, styles, forms'
//! widgets, and what the page itself hides: hidden text is the usual place for
//! instructions to models.

use crate::body::Text;
use crate::layout::Layout;
use crate::open::Open;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use skynet_plugin_sdk::http::Address;
use std::cell::RefCell;

/// Elements whose contents nobody reads.
const LEFT_OUT: &[&str] = &[
    "script", "style", "noscript", "template", "svg", "math", "iframe", "object", "canvas", "audio", "video", "select", "textarea",
    "button", "dialog", "title", "noembed", "noframes",
];

/// Elements that are only a start tag.
const VOID: &[&str] =
    &["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr", "frame", "basefont"];

/// The text of a page; links are seen from `address`.
pub(crate) fn text(html: &str, address: &Address) -> Text {
    let page = Page { open: Open::default(), layout: Layout::new(address.clone()), title: None, in_title: false };
    let tokenizer = Tokenizer::new(Reader(RefCell::new(page)), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let Page { open, layout, title, .. } = tokenizer.sink.0.into_inner();
    let title = title.map(|title| one_line(&title)).filter(|title| !title.is_empty());
    Text { title, text: layout.finish(open.went_too_deep()) }
}

/// Every run of white space as one space, none at the ends.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The value of an attribute.
pub(crate) fn attribute<'a>(tag: &'a Tag, name: &str) -> Option<&'a str> {
    tag.attrs.iter().find(|attribute| &*attribute.name.local == name).map(|attribute| &*attribute.value)
}

struct Reader(RefCell<Page>);

impl TokenSink for Reader {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        let mut page = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => return page.start(&tag),
            Token::TagToken(tag) => page.end(&tag.name),
            Token::CharacterTokens(text) => page.text(&text),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

struct Page {
    open: Open,
    layout: Layout,
    title: Option<String>,
    in_title: bool,
}

impl Page {
    fn start(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name = &*tag.name;
        let Self { open, layout, .. } = self;
        open.before(name, &mut |closed| layout.close(closed));
        let is_void = VOID.contains(&name) || (tag.self_closing && open.is_hidden());
        let hides = open.is_hidden() || LEFT_OUT.contains(&name) || hides_itself(tag);
        if name == "title" && !open.is_hidden() && self.title.is_none() {
            self.in_title = true;
            self.title = Some(String::new());
        }
        let is_followed = is_void || open.push(name, hides);
        if is_followed && !hides {
            layout.open(tag);
            if is_void {
                layout.close(name);
            }
        }
        match name {
            "script" => TokenSinkResult::RawData(RawKind::ScriptData),
            "style" | "iframe" | "noembed" | "noframes" | "xmp" => TokenSinkResult::RawData(RawKind::Rawtext),
            "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
            _ => TokenSinkResult::Continue,
        }
    }

    fn end(&mut self, name: &str) {
        self.in_title = false;
        let Self { open, layout, .. } = self;
        open.close(name, &mut |closed| layout.close(closed));
    }

    fn text(&mut self, text: &str) {
        match &mut self.title {
            Some(title) if self.in_title => title.push_str(text),
            _ if !self.open.is_hidden() => self.layout.text(text),
            _ => {}
        }
    }
}

fn hides_itself(tag: &Tag) -> bool {
    let style = || attribute(tag, "style").map(|style| style.replace(char::is_whitespace, "").to_ascii_lowercase()).unwrap_or_default();
    attribute(tag, "hidden").is_some()
        || attribute(tag, "aria-hidden") == Some("true")
        || style().contains("display:none")
        || style().contains("visibility:hidden")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn check(html: &str, expected: &str) {
        let got = text(html, &Address::parse("https://example.org/dir/page?x").unwrap());
        assert_eq!(got.text, expected, "{html}");
    }

    #[test]
    fn blocks_become_lines_and_spaces_collapse() {
        check("<h1>Head</h1><p>One\n  two</p><p>three<br>four", "# Head\n\nOne two\n\nthree\nfour");
        check("<div>a</div><div>b <span> c</span></div>", "a\nb c");
        check("<pre>a\n  b</pre>c", "a\n  b\n\nc");
        check("a<hr>b", "a\n\n---\n\nb");
    }

    #[test]
    fn lists_and_tables_keep_their_shape() {
        check("<ul><li>a<li>b<ol start=3><li>c<li>d</ol></ul>", "- a\n- b\n  3. c\n  4. d");
        check("<ul><li><p>a</p></li><li><div>b</div></li></ul>", "- a\n\n- b");
        check("<table><tr><th>x<th>y<tr><td>1<td>2</table>", "x | y\n1 | 2");
    }

    #[test]
    fn links_are_kept_absolute() {
        check("see <a href='b c'>  this <b>page</b> </a>now", "see [this page](https://example.org/dir/b%20c) now");
        check("<a href='//other.org/x#y'>a</a>", "[a](https://other.org/x)");
        check("<base href='/top/'><a href='x'>a</a>", "[a](https://example.org/top/x)");
        check("<a href='mailto:a@b.c'>write</a>", "[write](mailto:a@b.c)");
        check("<a href='/x'><div>card</div><div>text</div></a>", "[card text](https://example.org/x)");
        check("<a href='/x'><img src=i alt='logo'></a>", "[[image: logo]](https://example.org/x)");
    }

    #[test]
    fn links_that_lead_nowhere_are_just_their_text() {
        check("<a href='#top'>top</a> <a href='javascript:alert(1)'>run</a> <a>none</a> <a href='/x'> </a>", "top run none");
    }

    #[test]
    fn what_nobody_sees_is_left_out() {
        check("a<script>x</script>y</script><style>b{}</style><noscript>n</noscript><!-- c -->z", "ayz");
        check("a<div hidden>x<p>y</p></div><p style='Display : none'>x</p><i aria-hidden=true>x</i>b", "ab");
        check("<span hidden>x<div><span>y</span></div>z</span>b", "b");
        check("<button>Buy</button><select><option>1</select><svg><title>t</title></svg>text", "text");
    }

    #[test]
    fn the_title_is_one_line_and_may_be_absent() {
        let address = Address::parse("https://example.org/").unwrap();
        assert_eq!(text("<title> a\n b </title>", &address).title.as_deref(), Some("a b"));
        assert_eq!(text("<title></title><p>x", &address).title, None);
    }

    #[test]
    fn a_page_of_endless_depth_costs_no_more_than_its_length() {
        let begun = Instant::now();
        let note = "[parts that are nested too deeply are left out]";
        check(&format!("a{}b", "<div><span>".repeat(150_000)), &format!("a\n\n{note}"));
        check(&format!("{}a", "<table><tr><td>".repeat(150_000)), note);
        check(&format!("{}a", "<b id=x><p>".repeat(150_000)), "a");
        check(&format!("{}a", "</div></p></a>".repeat(150_000)), "a");
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    }

    #[test]
    fn tags_that_are_left_open_end_where_they_must() {
        check("<p>a<p>b<div>c", "a\n\nb\n\nc");
        check("<p hidden>x<p>y", "y");
        check("<ul><li hidden>x<ul><li>z</ul><li>y</ul>", "- y");
        check("<table><tr hidden><td>x<tr><td>y<td>z</table>", "y | z");
        check("<a href=/x>one<a href=/y>two</a>", "[one](https://example.org/x)[two](https://example.org/y)");
        check("<div><a href=/x>one</div>two</a>", "[one](https://example.org/x)\ntwo");
        check("<td></div></td>a</nothing>b", "ab");
    }
}
