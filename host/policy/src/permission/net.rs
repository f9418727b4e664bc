//! Network rules and their short form, `https://api.x.com`.
//!
//! Owns the one text form of a server: `https://host`, `https://*.host:8443`,
//! `https://*` for any public server, `setting:key` for the server that the
//! owner's settings of this plugin name. Refuses paths, user info, other schemes.

use crate::host_name::{Host, HostPattern};
use crate::limits::NAME_CHARS;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How the bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Under TLS.
    Https,
}

impl Scheme {
    /// The port when none is written.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Of a URL. A WebSocket starts as an HTTP request and is granted as one.
    pub fn parse(text: &str) -> Option<Self> {
        let is = |name: &str| text.eq_ignore_ascii_case(name);
        match () {
            () if is("https") || is("wss") => Some(Self::Https),
            () if is("http") || is("ws") => Some(Self::Http),
            () => None,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which servers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NetTarget {
    /// One host, or all names below one.
    Host(HostPattern),
    /// Every server with a public address.
    AnyPublic,
    /// The server named by this key of the plugin's settings, which the owner writes.
    Setting(String),
}

impl NetTarget {
    /// The exact host, if it is one.
    pub fn exact_host(&self) -> Option<&Host> {
        match self {
            Self::Host(HostPattern::Exact(host)) => Some(host),
            _ => None,
        }
    }

    /// Whether it stands for everything that `other` stands for.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Host(own), Self::Host(other)) => own.covers(other),
            (Self::AnyPublic, Self::Host(_) | Self::AnyPublic) => true,
            (Self::Setting(own), Self::Setting(other)) => own == other,
            _ => false,
        }
    }
}

/// Servers that may be spoken to, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "NetRuleText", into = "NetRuleText")]
pub struct NetRule {
    /// Absent exactly when `target` is a setting: its URL will say.
    pub scheme: Option<Scheme>,
    /// Which servers.
    pub target: NetTarget,
    /// The scheme's own when absent.
    pub port: Option<u16>,
    /// Upper case. Empty: all.
    pub methods: Vec<String>,
    /// Addresses that are not public are allowed for this exact target. Only an
    /// owner's grant may say so.
    pub private: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetRuleText {
    url: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    methods: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    private: bool,
}

impl TryFrom<NetRuleText> for NetRule {
    type Error = String;

    fn try_from(text: NetRuleText) -> Result<Self, String> {
        Ok(Self { methods: text.methods, private: text.private, ..Self::parse(&text.url)? })
    }
}

impl From<NetRule> for NetRuleText {
    fn from(rule: NetRule) -> Self {
        Self { url: rule.to_string(), methods: rule.methods, private: rule.private }
    }
}

impl NetRule {
    /// A rule for all methods and public addresses, from its short form.
    pub fn parse(url: &str) -> Result<Self, String> {
        let Endpoint { scheme, target, port } = Endpoint::parse(url)?;
        Ok(Self { scheme, target, port, methods: Vec::new(), private: false })
    }

    /// The port that requests go to; absent for a setting.
    pub fn port_in_use(&self) -> Option<u16> {
        self.port.or(self.scheme.map(Scheme::default_port))
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint { scheme: self.scheme, target: self.target.clone(), port: self.port }
    }

    /// Whether this method is among its methods.
    pub fn allows_method(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|known| known == method)
    }
}

impl fmt::Display for NetRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.endpoint().fmt(f)
    }
}

/// Scheme, target and port: what a rule's `url` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) scheme: Option<Scheme>,
    pub(crate) target: NetTarget,
    pub(crate) port: Option<u16>,
}

impl Endpoint {
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{}` is not a server: {why}", crate::naming::plain_line(url, 120));
        if let Some(key) = url.strip_prefix("setting:") {
            return if is_name(key) {
                Ok(Self { scheme: None, target: NetTarget::Setting(key.into()), port: None })
            } else {
                Err(wrong("a setting's key has letters, digits, `_`, `-` and `.`"))
            };
        }
        let (scheme, rest) = match url.split_once("://") {
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("ws" | "wss", _)) => {
                return Err(wrong("write https:// for wss:// and http:// for ws://; a WebSocket is granted as its HTTP request"));
            }
            _ => return Err(wrong("write https://host, http://host or setting:key")),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '\\']) {
            return Err(wrong("leave out path and query; a rule is about a whole server"));
        }
        let (host, port) = split_port(authority).map_err(wrong)?;
        let target = if host == "*" {
            NetTarget::AnyPublic
        } else {
            NetTarget::Host(HostPattern::parse(host).map_err(|fault| wrong(&fault.to_string()))?)
        };
        Ok(Self { scheme: Some(scheme), target, port: port.filter(|port| *port != scheme.default_port()) })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = self.scheme {
            write!(f, "{scheme}://")?;
        }
        match &self.target {
            NetTarget::Host(pattern) => write!(f, "{pattern}")?,
            NetTarget::AnyPublic => f.write_str("*")?,
            NetTarget::Setting(key) => write!(f, "setting:{key}")?,
        }
        match self.port {
            Some(port) if self.scheme.map(Scheme::default_port) != Some(port) => write!(f, ":{port}"),
            _ => Ok(()),
        }
    }
}

/// The server of a URL that an owner wrote in a setting; its path is the plugin's
/// business. Nothing when it is not an http URL of one exact host.
pub(crate) fn parse_server_url(url: &str) -> Option<Endpoint> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = Scheme::parse(scheme)?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (host, port) = split_port(authority).ok()?;
    let host = Host::parse(host).ok()?;
    Some(Endpoint {
        scheme: Some(scheme),
        target: NetTarget::Host(HostPattern::Exact(host)),
        port: port.filter(|p| *p != scheme.default_port()),
    })
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let after_host = authority.rfind(']').map_or(0, |end| end + 1);
    let (_, tail) = authority.split_at_checked(after_host).unwrap_or((authority, ""));
    let Some((before, port)) = tail.split_once(':') else {
        return Ok((authority, None));
    };
    let host = authority.get(..after_host + before.len()).unwrap_or(authority);
    let digits = !port.is_empty() && !port.starts_with('0') && port.bytes().all(|b| b.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(port) if digits => Ok((host, Some(port))),
        _ => Err("the port is a number from 1 to 65535; an IPv6 address stands in brackets"),
    }
}

/// Whether a text can name a secret, a script, a setting.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_is_read_and_written_back() {
        let check = |text: &str, shown: &str| {
            let rule = NetRule::parse(text).unwrap();
            assert_eq!(rule.to_string(), shown);
            assert_eq!(NetRule::parse(shown), Ok(rule));
        };
        check("https://api.x.com", "https://api.x.com");
        check("https://API.x.com:443/", "https://api.x.com");
        check("http://localhost:8080", "http://localhost:8080");
        check("https://*.x.com:8443", "https://*.x.com:8443");
        check("https://*", "https://*");
        check("http://[::1]:80", "http://[::1]");
        check("http://[::1]:81", "http://[::1]:81");
        check("setting:base_url", "setting:base_url");
    }

    #[test]
    fn what_is_not_a_server_is_refused_with_a_reason() {
        for evil in [
            "",
            "x.com",
            "ftp://x.com",
            "wss://x.com",
            "HTTPS://x.com",
            "https://",
            "https://x.com/v1",
            "https://x.com?q",
            "https://u@x.com",
            "https://x.com:0",
            "https://x.com:65536",
            "https://x.com:",
            "https://x.com:+1",
            "https://x.com:08",
            "https://::1",
            "https://*.com",
            "https://x.*",
            "https://**",
            "setting:",
            "setting:a b",
            "https://x.com:80:80",
            "https://[::1]x:80",
            "https://0x7f.1",
        ] {
            let fault = NetRule::parse(evil).unwrap_err();
            assert!(fault.contains("is not a server"), "{evil}: {fault}");
        }
    }

    #[test]
    fn a_setting_gives_a_server_and_its_path_is_ignored() {
        let check = |url: &str, server: Option<&str>| assert_eq!(parse_server_url(url).map(|e| e.to_string()).as_deref(), server, "{url}");
        check("https://api.x.com/v1?a#b", Some("https://api.x.com"));
        check("http://127.0.0.1:11434/v1", Some("http://127.0.0.1:11434"));
        check("wss://gw.x.com/", Some("https://gw.x.com"));
        check("https://u:p@x.com/", None);
        check("https://evil.com\\@x.com/", None);
        check("https://*.x.com", None);
        check("file:///etc/passwd", None);
        check("x.com", None);
    }
}
