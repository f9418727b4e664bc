//! Servers that a plugin names, against those that it asks to reach.
//!
//! Texts of a component stand one behind the other without anything between them, so
//! where a name ends is often a guess: a declared name that goes on in letters counts
//! as that name. This is a sign for readers; what may be dialled the egress door decides.

use crate::finding::{Finding, Severity};
use crate::limits::{SERVERS, URL_BYTES};
use crate::review::finding_at;
use crate::rules;
use skynet_policy::egress::{AddressClass, classify};
use skynet_policy::host_name::{Host, HostPattern};
use skynet_policy::permission::{NetTarget, Permissions};
use std::collections::BTreeSet;

/// Schemes that name a server which somebody could be sent to.
const SCHEMES: [&str; 8] = ["https", "http", "wss", "ws", "ftp", "tcp", "udp", "ssh"];

/// Where libraries send their readers. A name that ends so is worth a line, not a question.
const DOCUMENTATION: [&str; 16] = [
    "docs.rs",
    "rust-lang.org",
    "crates.io",
    "github.com",
    "w3.org",
    "ietf.org",
    "rfc-editor.org",
    "unicode.org",
    "json-schema.org",
    "python.org",
    "mozilla.org",
    "wikipedia.org",
    "whatwg.org",
    "iana.org",
    "schema.org",
    "ecma-international.org",
];

/// Names that are nobody's (RFC 2606, RFC 6761), and this machine.
const RESERVED: [&str; 7] = ["example.com", "example.org", "example.net", "example", "test", "invalid", "localhost"];

/// Servers that were found before.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Those to ask about.
    named: BTreeSet<String>,
    /// Those of documentation, which may be many and must not push the others off the list.
    known: BTreeSet<String>,
    /// It was said that there are more than are listed.
    full: bool,
}

/// One finding for each server that is not declared, at its first place.
pub(crate) fn look(bytes: &[u8], place: &str, at: impl Fn(usize) -> usize, permissions: &Permissions, seen: &mut Seen) -> Vec<Finding> {
    let mut found = Vec::new();
    let by_setting = permissions.net.iter().any(|rule| matches!(rule.target, NetTarget::Setting(_)));
    let mut from = 0;
    while let Some(colon) = bytes.get(from..).and_then(|rest| rest.windows(3).position(|window| window == b"://")).map(|skip| from + skip) {
        from = colon + 3;
        let Some(scheme) = scheme_before(bytes, colon) else { continue };
        let text = host_text(bytes.get(from..).unwrap_or_default());
        let Some((host, text)) = host_of(&text) else { continue };
        if is_reserved(&host) || is_declared(&text, &host, permissions) {
            continue;
        }
        let excerpt = format!("{scheme}://{host}");
        let rule = match seen.note(&host, rule_for(&host, by_setting)) {
            Some(rule) => rule,
            None => continue,
        };
        found.push(Finding { excerpt: crate::excerpt::of_text(&excerpt), ..finding_at(rule, place, at(colon), "") });
    }
    found
}

impl Seen {
    /// What is to be said of this server: nothing when it was said, or when all was said of so many.
    fn note(&mut self, host: &Host, rule: rules::Rule) -> Option<rules::Rule> {
        let is_known = rule == rules::SERVER_KNOWN;
        let names = if is_known { &mut self.known } else { &mut self.named };
        if names.len() < SERVERS {
            return names.insert(host.to_string()).then_some(rule);
        }
        let more = !is_known && !self.full && !names.contains(&host.to_string());
        self.full |= more;
        more.then_some(rules::MANY_SERVERS)
    }
}

fn rule_for(host: &Host, by_setting: bool) -> rules::Rule {
    match host {
        Host::Ip(address) if classify(*address) == AddressClass::Public => rules::ADDRESS_UNDECLARED,
        Host::Ip(_) => rules::SERVER_KNOWN,
        Host::Name(name) if DOCUMENTATION.iter().any(|known| is_or_below(name, known)) => rules::SERVER_KNOWN,
        // Where the owner names the server, this is mostly what stands there until then.
        Host::Name(_) if by_setting => rules::Rule { severity: Severity::Low, ..rules::SERVER_UNDECLARED },
        Host::Name(_) => rules::SERVER_UNDECLARED,
    }
}

fn scheme_before(bytes: &[u8], colon: usize) -> Option<&'static str> {
    let before = bytes.get(colon.saturating_sub(8)..colon)?;
    let word: String = before.iter().rev().take_while(|b| b.is_ascii_alphabetic()).map(|b| char::from(b.to_ascii_lowercase())).collect();
    let word: String = word.chars().rev().collect();
    // Letters of what stands before may run into it.
    SCHEMES.into_iter().find(|scheme| word.ends_with(scheme))
}

/// The characters that a server's name and port can have.
fn host_text(bytes: &[u8]) -> String {
    let bytes = bytes.get(..URL_BYTES.min(bytes.len())).unwrap_or_default();
    // User information is no server, and may be a secret.
    let authority: Vec<u8> = bytes.iter().copied().take_while(|b| b.is_ascii_graphic() && !b"/?#\"'<>\\{}|^`,;()".contains(b)).collect();
    let host = authority.rsplit(|b| *b == b'@').next().unwrap_or_default();
    let legal = |b: &u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(b);
    host.iter().copied().take_while(legal).map(char::from).collect()
}

/// The server, and its text with whatever ran into it.
fn host_of(text: &str) -> Option<(Host, String)> {
    let name = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inner, _)) => format!("[{inner}]"),
        None => text.split(':').next().unwrap_or_default().trim_end_matches(['.', '-', '_']).to_ascii_lowercase(),
    };
    let host = Host::parse(&name).ok()?;
    let plausible = match &host {
        Host::Ip(_) => true,
        // A name without a dot is nobody's on the internet: a placeholder, or the next text run into it.
        Host::Name(name) => name.contains('.') && name.bytes().any(|b| b.is_ascii_alphabetic()),
    };
    plausible.then_some((host, name))
}

fn is_or_below(name: &str, known: &str) -> bool {
    begins_as(name, known) || name.find(&format!(".{known}")).is_some_and(|at| begins_as(name.get(at + 1..).unwrap_or_default(), known))
}

/// Whether a text is this name, or this name with the next text run into it.
fn begins_as(text: &str, name: &str) -> bool {
    text.strip_prefix(name).is_some_and(|rest| !rest.starts_with(['.', '-']))
}

fn is_reserved(host: &Host) -> bool {
    match host {
        Host::Name(name) => RESERVED.iter().any(|known| name == known || name.ends_with(&format!(".{known}"))),
        Host::Ip(address) => address.is_loopback() || address.is_unspecified(),
    }
}

fn is_declared(text: &str, host: &Host, permissions: &Permissions) -> bool {
    permissions.net.iter().any(|rule| match &rule.target {
        NetTarget::AnyPublic => match host {
            Host::Name(_) => true,
            Host::Ip(address) => classify(*address) == AddressClass::Public,
        },
        NetTarget::Setting(_) => false,
        NetTarget::Host(pattern) => {
            pattern.matches(host)
                || match pattern {
                    HostPattern::Exact(Host::Name(name)) => begins_as(text, name),
                    HostPattern::Suffix(name) => text
                        .match_indices(&format!(".{name}"))
                        .any(|(at, _)| at > 0 && begins_as(text.get(at + 1..).unwrap_or_default(), name)),
                    HostPattern::Exact(Host::Ip(_)) => false,
                }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use skynet_policy::permission::NetRule;

    fn asks(declared: &[&str]) -> Permissions {
        Permissions { net: declared.iter().map(|rule| NetRule::parse(rule).unwrap()).collect(), ..Permissions::default() }
    }

    fn check(text: &str, declared: &[&str], expected: &[&str]) {
        let permissions = asks(declared);
        let found = look(text.as_bytes(), "data", |at| at, &permissions, &mut Seen::default());
        let found: Vec<String> = found.iter().map(|finding| format!("{} {}", finding.rule, finding.excerpt)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn servers_that_are_not_declared_are_named_once() {
        check("see https://evil.net/x and http://EVIL.net/y", &[], &["undeclared-server https://evil.net"]);
        check("https://api.x.com/v1", &["https://api.x.com"], &[]);
        check("https://api.x.comfailed to parse", &["https://api.x.com"], &[]);
        check("https://api.x.com.evil.net/", &["https://api.x.com"], &["undeclared-server https://api.x.com.evil.net"]);
        let mut by_setting = look(b"https://api.x.com", "data", |at| at, &asks(&["setting:base_url"]), &mut Seen::default());
        assert_eq!(by_setting.pop().map(|finding| finding.severity), Some(Severity::Low));
        check("wss://a.b.x.com", &["https://*.x.com"], &[]);
        check("https://anything.net https://8.8.8.8/", &["https://*"], &[]);
    }

    #[test]
    fn addresses_weigh_more_than_names_and_documentation_less() {
        check("http://93.184.216.34:8080/a", &[], &["undeclared-address http://93.184.216.34"]);
        check("http://[2606:2800:220:1::1]/", &[], &["undeclared-address http://[2606:2800:220:1::1]"]);
        check("http://192.168.0.1/", &[], &["documentation-server http://192.168.0.1"]);
        check("http://127.0.0.1:11434 http://localhost/", &[], &[]);
        check(
            "https://docs.rs/getrandom https://www.w3.org/2000/svg",
            &[],
            &["documentation-server https://docs.rs", "documentation-server https://www.w3.org"],
        );
        check("https://docs.rs.evil.net/", &[], &["undeclared-server https://docs.rs.evil.net"]);
    }

    #[test]
    fn what_names_no_server_is_passed_over() {
        check("https://http http://not-configured a://b http:// https://* ://x https://{host}/ https://example.com", &[], &[]);
        check("https://user:s3cr3t-value@evil.net/", &[], &["undeclared-server https://evil.net"]);
    }
    #[test]
    fn no_number_of_names_hides_another() {
        let many = |name: &str, count: usize| (0..count).map(|at| format!("https://a{at}.{name}/ ")).collect::<String>();
        let rules = |text: &str| {
            let found = look(text.as_bytes(), "data", |at| at, &Permissions::default(), &mut Seen::default());
            found.into_iter().map(|finding| finding.rule).collect::<Vec<_>>()
        };
        let found = rules(&(many("docs.rs", SERVERS + 50) + "https://evil.net/"));
        assert_eq!((found.len(), found.last().map(String::as_str)), (SERVERS + 1, Some("undeclared-server")));
        let found = rules(&(many("evil.net", SERVERS) + &many("evil.net", SERVERS)));
        assert_eq!(found.len(), SERVERS, "those that were named are not more");
        let found = rules(&many("evil.net", SERVERS + 2));
        assert_eq!((found.len(), found.last().map(String::as_str)), (SERVERS + 1, Some("many-servers")));
    }
}
