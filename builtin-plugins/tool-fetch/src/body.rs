//! What a body is, and the text in it.
//!
//! The type decides, as the server names it; a server that names none is looked
//! at. It refuses types that are no text and bodies that are packed.

use crate::limits::CHARSET_PROBE;
use crate::page;
use encoding_rs::{Encoding, UTF_8};
use skynet_plugin_sdk::http::{Address, Response};

/// The text of a body.
pub(crate) struct Text {
    pub(crate) title: Option<String>,
    pub(crate) text: String,
}

/// Makes text of a body; the error is the end of a sentence.
pub(crate) fn text(response: &Response, bytes: &[u8], address: &Address) -> Result<Text, String> {
    if let Some(packing) = response.header("content-encoding").filter(|packing| !packing.eq_ignore_ascii_case("identity")) {
        return Err(format!("its body is packed with {packing} although it was asked not to be"));
    }
    let header = response.header("content-type").unwrap_or_default();
    let mime = header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind(&mime, bytes)? {
        Kind::Page => {
            let charset = parameter(header, "charset").or_else(|| declared_charset(bytes));
            Ok(page::text(&decode(bytes, charset.as_deref()), address))
        }
        Kind::Plain => Ok(Text { title: None, text: decode(bytes, parameter(header, "charset").as_deref()) }),
    }
}

enum Kind {
    Page,
    Plain,
}

fn kind(mime: &str, bytes: &[u8]) -> Result<Kind, String> {
    match mime {
        "text/html" | "application/xhtml+xml" => Ok(Kind::Page),
        "application/json"
        | "application/xml"
        | "application/javascript"
        | "application/yaml"
        | "application/toml"
        | "application/x-ndjson" => Ok(Kind::Plain),
        "" if bytes.contains(&0) => Err("it names no type and its bytes are no text".to_owned()),
        "" if looks_like_a_page(bytes) => Ok(Kind::Page),
        "" => Ok(Kind::Plain),
        _ if mime.starts_with("text/") || mime.ends_with("+json") || mime.ends_with("+xml") && !mime.starts_with("image/") => {
            Ok(Kind::Plain)
        }
        _ => Err(format!("its type is {mime}, and only text, HTML, JSON and XML are given")),
    }
}

fn looks_like_a_page(bytes: &[u8]) -> bool {
    let start = String::from_utf8_lossy(bytes.get(..CHARSET_PROBE).unwrap_or(bytes)).trim_start().to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// The value of `name` in `text/html; name="value"`.
fn parameter(header: &str, name: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches(['"', '\'']).to_owned())
    })
}

/// The encoding that a page names in itself.
fn declared_charset(bytes: &[u8]) -> Option<String> {
    let start = String::from_utf8_lossy(bytes.get(..CHARSET_PROBE).unwrap_or(bytes)).to_ascii_lowercase();
    let (_, rest) = start.split_once("charset")?;
    let value = rest.trim_start().strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
    Some(value.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_:.".contains(*c)).collect())
}

/// Text of bytes. A byte order mark wins; an unknown encoding is read as UTF-8.
fn decode(bytes: &[u8], charset: Option<&str>) -> String {
    let encoding = charset.and_then(|label| Encoding::for_label(label.as_bytes())).unwrap_or(UTF_8);
    encoding.decode(bytes).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use skynet_plugin_sdk::http::{Request, Transport};
    use skynet_plugin_sdk::testing::{Reply, Script};

    fn check(content_type: &str, bytes: &[u8], expected: &str) {
        let mut reply = Reply::new(200, bytes);
        if !content_type.is_empty() {
            reply = reply.header("content-type", content_type);
        }
        let response = Script::new().reply(reply).send(Request::get("https://example.org/")).unwrap();
        let got = text(&response, bytes, &Address::parse("https://example.org/").unwrap()).map_or_else(|why| why, |text| text.text);
        assert_eq!(got.trim(), expected);
    }

    #[test]
    fn the_encoding_is_the_servers_then_the_pages_then_utf_8() {
        check("text/plain; charset=iso-8859-1", b"gr\xfc\xdfe", "grüße");
        check("text/plain; Charset=\"Shift_JIS\"", b"\x93\xfa\x96{", "日本");
        check("text/html", b"<meta http-equiv=x content='text/html; charset=windows-1251'><p>\xcf\xf0\xe8\xe2\xe5\xf2", "Привет");
        check("text/html", b"<meta charset=utf-8><p>gr\xc3\xbc\xc3\x9fe", "grüße");
        check("text/plain", b"\xef\xbb\xbfgr\xc3\xbc\xc3\x9fe", "grüße");
        check("text/plain; charset=klingon", b"a\xffb", "a\u{fffd}b");
    }

    #[test]
    fn a_body_without_a_type_is_looked_at() {
        check("", b" <!DOCTYPE html><p>page", "page");
        check("", b"plain <b>text", "plain <b>text");
    }

    #[test]
    fn an_image_in_xml_is_still_an_image() {
        check("image/svg+xml", b"<svg/>", "its type is image/svg+xml, and only text, HTML, JSON and XML are given");
        check("application/rss+xml", b"<rss/>", "<rss/>");
    }
}
