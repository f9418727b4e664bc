//! Host names in one spelling, and patterns over them.
//!
//! Everything that is matched or dialled goes through `Host::parse`, so that two
//! spellings of one host cannot be two hosts to the rules and one to the network.
//! Refuses user info, zone ids, short, octal and hexadecimal IPv4.

use crate::limits::HOST_TEXT;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A host: a name in lower-case ASCII without a trailing dot, or an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A DNS name.
    Name(String),
    /// An address literal.
    Ip(IpAddr),
}

/// Why a text is not a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostFault {
    /// Nothing there.
    #[error("the host is empty")]
    Empty,
    /// `user@host`.
    #[error("it carries user information before an `@`")]
    UserInfo,
    /// `fe80::1%eth0`.
    #[error("it carries a zone id")]
    ZoneId,
    /// `0x7f.1`, `2130706433`, `0177.0.0.1`.
    #[error("it is an IPv4 address in an odd form; write four decimal numbers without leading zeros")]
    OddIpv4,
    /// Brackets or colons that hold no IPv6 address.
    #[error("it is not an IPv6 address")]
    BadIpv6,
    /// A name or label that DNS does not carry.
    #[error("the name or one of its labels is empty or too long")]
    Length,
    /// Characters that no host name has.
    #[error("it has characters that host names do not have")]
    Characters,
    /// `*.com`.
    #[error("the pattern is too wide; name at least two labels after `*.`")]
    TooWide,
}

impl Host {
    /// Brings a host as found in a URL into its one spelling.
    pub fn parse(text: &str) -> Result<Self, HostFault> {
        if text.is_empty() {
            return Err(HostFault::Empty);
        }
        if text.len() > HOST_TEXT {
            return Err(HostFault::Length);
        }
        if text.contains('@') {
            return Err(HostFault::UserInfo);
        }
        if text.starts_with('[') || text.contains(':') {
            return parse_ipv6(text);
        }
        if text.contains('%') {
            return Err(HostFault::Characters);
        }
        match url::Host::parse(text) {
            Ok(url::Host::Ipv4(address)) if address.to_string() == text.strip_suffix('.').unwrap_or(text) => Ok(Self::Ip(address.into())),
            Ok(url::Host::Ipv4(_)) => Err(HostFault::OddIpv4),
            Ok(url::Host::Domain(name)) => check_name(&name),
            Ok(url::Host::Ipv6(_)) => Err(HostFault::BadIpv6),
            Err(url::ParseError::InvalidIpv4Address) => Err(HostFault::OddIpv4),
            Err(_) => Err(HostFault::Characters),
        }
    }

    /// The address, if it is a literal.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Name(_) => None,
        }
    }
}

fn parse_ipv6(text: &str) -> Result<Host, HostFault> {
    let inner = match text.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').ok_or(HostFault::BadIpv6)?,
        None => text,
    };
    if inner.contains('%') {
        return Err(HostFault::ZoneId);
    }
    inner.parse::<Ipv6Addr>().map(|address| Host::Ip(address.into())).map_err(|_| HostFault::BadIpv6)
}

fn check_name(ascii: &str) -> Result<Host, HostFault> {
    let name = ascii.strip_suffix('.').unwrap_or(ascii);
    if name.is_empty() || name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return Err(HostFault::Length);
    }
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    if name.bytes().all(legal) { Ok(Host::Name(name.into())) } else { Err(HostFault::Characters) }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// One host, or all names below one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// This host.
    Exact(Host),
    /// `*.x.com`: any name that ends in `.x.com`, not `x.com` itself.
    Suffix(String),
}

impl HostPattern {
    /// `api.x.com`, `*.x.com`, `192.0.2.1` or `[2001:db8::1]`.
    pub fn parse(text: &str) -> Result<Self, HostFault> {
        let Some(rest) = text.strip_prefix("*.") else {
            return Host::parse(text).map(Self::Exact);
        };
        match Host::parse(rest)? {
            Host::Name(name) if name.contains('.') => Ok(Self::Suffix(name)),
            Host::Name(_) => Err(HostFault::TooWide),
            Host::Ip(_) => Err(HostFault::Characters),
        }
    }

    /// Whether it stands for this host.
    pub fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exact(own), _) => own == host,
            (Self::Suffix(suffix), Host::Name(name)) => is_below(name, suffix),
            (Self::Suffix(_), Host::Ip(_)) => false,
        }
    }

    /// Whether it stands for every host that `other` stands for.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Exact(host)) => self.matches(host),
            (Self::Suffix(wide), Self::Suffix(narrow)) => wide == narrow || is_below(narrow, wide),
            (Self::Exact(_), Self::Suffix(_)) => false,
        }
    }
}

fn is_below(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix).is_some_and(|head| head.len() > 1 && head.ends_with('.'))
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => write!(f, "{host}"),
            Self::Suffix(suffix) => write!(f, "*.{suffix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, canonical: &str) {
        let host = Host::parse(text).unwrap_or_else(|fault| panic!("{text:?}: {fault}"));
        assert_eq!(host.to_string(), canonical, "{text:?}");
        assert_eq!(Host::parse(canonical), Ok(host), "a canonical host is its own canonical form");
    }

    #[test]
    fn one_host_has_one_spelling() {
        check("API.Example.COM", "api.example.com");
        check("api.example.com.", "api.example.com");
        check("bücher.example", "xn--bcher-kva.example");
        check("ｅｘａｍｐｌｅ．ｃｏｍ", "example.com");
        check("localhost", "localhost");
        check("127.0.0.1", "127.0.0.1");
        check("127.0.0.1.", "127.0.0.1");
        check("[::1]", "[::1]");
        check("::1", "[::1]");
        check("[2001:DB8:0:0::1]", "[2001:db8::1]");
        check("_srv.x.com", "_srv.x.com");
    }

    #[test]
    fn disguised_hosts_are_refused() {
        let check = |text: &str, fault: HostFault| assert_eq!(Host::parse(text), Err(fault), "{text:?}");
        check("", HostFault::Empty);
        check("user@x.com", HostFault::UserInfo);
        check("fe80::1%eth0", HostFault::ZoneId);
        check("[fe80::1%25eth0]", HostFault::ZoneId);
        for odd in
            ["0x7f.1", "2130706433", "0177.0.0.1", "127.1", "0x7f000001", "127.0.0.01", "1.2.3.256", "１２７.0.0.1", "1.2.3.4.5", "0"]
        {
            check(odd, HostFault::OddIpv4);
        }
        for evil in ["x.com/", "x.com?", "x com", "x\ncom", "x%2ecom", "*.x.com", "x\\com", "x'com", "a\u{0}b", "x#y"] {
            check(evil, HostFault::Characters);
        }
        for long in [".", "a..b", ".a", "a..", &"a".repeat(64), &"a.".repeat(128), &"a".repeat(2000)] {
            assert!(matches!(Host::parse(long), Err(HostFault::Length | HostFault::Characters)), "{long:?}");
        }
        for evil in ["[::1", "::1]", "x.com:443", "[x]", "1:2", "[127.0.0.1]"] {
            check(evil, HostFault::BadIpv6);
        }
    }

    #[test]
    fn a_suffix_stands_for_names_below_it_and_nothing_else() {
        let pattern = HostPattern::parse("*.X.com").unwrap();
        assert_eq!(pattern.to_string(), "*.x.com");
        for (host, hit) in
            [("a.x.com", true), ("a.b.x.com", true), ("x.com", false), ("evilx.com", false), ("x.com.evil.com", false), ("1.1.1.1", false)]
        {
            assert_eq!(pattern.matches(&Host::parse(host).unwrap()), hit, "{host}");
        }
        assert_eq!(HostPattern::parse("*.com"), Err(HostFault::TooWide));
        assert!(HostPattern::parse("*.1.1.1.1").is_err());
        assert!(HostPattern::parse("a.*.com").is_err());
    }
}
