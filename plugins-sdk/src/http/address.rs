//! An address taken apart, as far as `wasi:http` wants it.
//!
//! The host parses it again and decides; here is only what a plugin needs to
//! fill in a request and to follow a redirect. It refuses other schemes,
//! credentials, and characters that have no place in an address.

use super::Error;

/// An absolute `http` or `https` address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Whether the scheme is `https`.
    pub secure: bool,
    /// Host and, if given, port.
    pub authority: String,
    /// Begins with `/`; the query is part of it, the fragment is not.
    pub path_and_query: String,
}

impl Address {
    /// Takes an address apart.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let refuse = |why: &str| Error::InvalidRequest(format!("`{url}` {why}"));
        if url.bytes().any(|byte| byte <= b' ' || byte == 0x7f || byte == b'\\') {
            return Err(refuse("has a space, a backslash or a control character"));
        }
        let (scheme, rest) = url.split_once("://").ok_or_else(|| refuse("is no absolute address"))?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(refuse("is neither http nor https")),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        if authority.is_empty() || authority.starts_with(':') {
            return Err(refuse("names no host"));
        }
        if authority.contains('@') {
            return Err(refuse("has credentials in it; let the host add secrets instead"));
        }
        let tail = tail.split('#').next().unwrap_or_default();
        let path_and_query = if tail.starts_with('/') { tail.to_owned() } else { format!("/{tail}") };
        Ok(Self { secure, authority: authority.to_ascii_lowercase(), path_and_query })
    }

    /// The address that a `location` header means, seen from here.
    pub fn join(&self, location: &str) -> Result<Self, Error> {
        if has_scheme(location) {
            return Self::parse(location);
        }
        let scheme = if self.secure { "https" } else { "http" };
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{scheme}://{rest}"));
        }
        let base = format!("{scheme}://{}", self.authority);
        let path = self.path_and_query.split('?').next().unwrap_or("/");
        let target = if location.is_empty() || location.starts_with('#') {
            self.path_and_query.clone()
        } else if location.starts_with('/') {
            location.to_owned()
        } else if location.starts_with('?') {
            format!("{path}{location}")
        } else {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{folder}/{location}")
        };
        let mut joined = Self::parse(&format!("{base}{}", if target.starts_with('/') { target } else { format!("/{target}") }))?;
        joined.path_and_query = without_dots(&joined.path_and_query);
        Ok(joined)
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}{}", if self.secure { "https" } else { "http" }, self.authority, self.path_and_query)
    }
}

/// Whether a reference begins with a scheme, as `mailto:x` does and `a/b:c` not.
fn has_scheme(reference: &str) -> bool {
    reference.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

/// Resolves `.` and `..` in the path part.
fn without_dots(path_and_query: &str) -> String {
    let (path, query) = path_and_query.split_once('?').map_or((path_and_query, None), |(path, query)| (path, Some(query)));
    let mut kept: Vec<&str> = Vec::new();
    let mut parts = path.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            "." | ".." => {
                if part == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(part),
        }
    }
    let path = format!("/{}", kept.join("/"));
    query.map_or(path.clone(), |query| format!("{path}?{query}"))
}

#[cfg(test)]
mod tests {
    use super::Address;

    fn check(input: &str, expected: &str) {
        let got = Address::parse(input).map_or_else(|error| error.to_string(), |address| address.to_string());
        assert!(got.contains(expected), "{input}: {got}");
    }

    #[test]
    fn ordinary_addresses_are_taken_apart() {
        check("https://example.org", "https://example.org/");
        check("HTTP://Example.org:8080?q=1#x", "http://example.org:8080/?q=1");
        check("http://[::1]:11434/api/chat", "http://[::1]:11434/api/chat");
    }

    #[test]
    fn what_is_no_plain_web_address_is_refused_with_the_reason() {
        check("file:///etc/passwd", "neither http nor https");
        check("example.org/x", "no absolute address");
        check("https://user:pass@example.org/", "credentials");
        check("https:///x", "names no host");
        check("https://exa mple.org/", "space");
        check("https://example.org/\r\nhost: evil", "control character");
        check("https://example.org\\@evil.org/", "backslash");
    }

    fn check_join(location: &str, expected: &str) {
        let base = Address::parse("https://example.org/a/b?x=1").unwrap();
        let got = base.join(location).map_or_else(|error| error.to_string(), |address| address.to_string());
        assert!(got.contains(expected), "{location}: {got}");
    }

    #[test]
    fn a_location_is_read_as_seen_from_the_page_that_sent_it() {
        check_join("https://other.org/z", "https://other.org/z");
        check_join("//other.org/z", "https://other.org/z");
        check_join("/z?q=a://b", "https://example.org/z?q=a://b");
        check_join("c", "https://example.org/a/c");
        check_join("../../../c/./d/..", "https://example.org/c/");
        check_join("?y=2", "https://example.org/a/b?y=2");
        check_join("#top", "https://example.org/a/b?x=1");
        check_join("javascript:alert(1)", "no absolute address");
        check_join("ftp://other.org/", "neither http nor https");
    }
}
