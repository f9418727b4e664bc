//! Whether a connection may be made, and to which address. The only such place.
//!
//! The caller brings what a request names and what the resolver answered; this
//! module brings the verdict. Names are matched in one spelling, all addresses of
//! an answer are judged together, and the address given back is the one to dial.
//! Refuses by default: no rule, no connection.

mod class;
mod refusal;

pub use class::{AddressClass, classify};
pub use refusal::EgressRefusal;

use crate::host_name::{Host, HostFault, HostPattern};
use crate::permission::faults::is_forbidden_method;
use crate::permission::{NetRule, NetTarget, Permissions, Scheme, SecretRule};
use std::fmt;
use std::net::IpAddr;

/// One server in one spelling.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Destination {
    scheme: Scheme,
    host: Host,
    port: u16,
}

impl Destination {
    /// From the parts of a request's URL. `ws` and `wss` count as `http` and `https`.
    pub fn from_parts(scheme: &str, authority_host: &str, port: Option<u16>) -> Result<Self, EgressRefusal> {
        let scheme = Scheme::parse(scheme).ok_or_else(|| EgressRefusal::Scheme { scheme: scheme.into() })?;
        let host = Host::parse(authority_host).map_err(|fault| EgressRefusal::Host { host: authority_host.into(), fault })?;
        match port.unwrap_or(scheme.default_port()) {
            0 => Err(EgressRefusal::Port { host: authority_host.into() }),
            port => Ok(Self { scheme, host, port }),
        }
    }

    /// From a URL's scheme and all that stands between `//` and the path. Refuses user
    /// information and a port that is not written in digits: what is read past here
    /// would be checked as one server and may be dialled as another.
    pub fn from_authority(scheme: &str, authority: &str) -> Result<Self, EgressRefusal> {
        let refused = |fault| EgressRefusal::Host { host: authority.into(), fault };
        if authority.contains('@') {
            return Err(refused(HostFault::UserInfo));
        }
        let (host, port) = split_port(authority).ok_or_else(|| refused(HostFault::BadIpv6))?;
        let port = match port {
            // RFC 3986 lets a URL end in `:`.
            None | Some("") => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().unwrap_or(0)),
            Some(_) => Some(0),
        };
        Self::from_parts(scheme, host, port)
    }

    /// Under TLS or not.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host to resolve and to name in TLS.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port to dial.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What belongs in the `host` header: the port only when it is not the scheme's own.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() { self.host.to_string() } else { format!("{}:{}", self.host, self.port) }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority())
    }
}

/// Host and port of an authority; `None` when brackets are not closed or a bare host
/// has more than one colon.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if authority.starts_with('[') {
        let (inner, rest) = authority.split_once(']')?;
        let host = authority.get(..inner.len() + 1)?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    match authority.split_once(':') {
        None => Some((authority, None)),
        Some((_, port)) if port.contains(':') => None,
        Some((host, port)) => Some((host, Some(port))),
    }
}

/// The rule under which this request may go out. Of several the most exact one
/// counts, so that an owner's word about one host is not lost behind a wide rule.
/// Rules that still name a setting match nothing: `resolve_settings` comes first.
pub fn match_rule<'p>(permissions: &'p Permissions, destination: &Destination, method: &str) -> Result<&'p NetRule, EgressRefusal> {
    if is_forbidden_method(method) {
        return Err(EgressRefusal::Method { destination: destination.clone(), method: method.into() });
    }
    let reaching: Vec<&NetRule> = permissions.net.iter().filter(|rule| reaches(rule, destination)).collect();
    let best = reaching.iter().filter(|rule| rule.allows_method(method)).max_by_key(|rule| exactness(rule));
    match best {
        Some(rule) => Ok(rule),
        None if reaching.is_empty() => Err(EgressRefusal::NotGranted { destination: destination.clone(), method: method.into() }),
        None => Err(EgressRefusal::MethodNotGranted {
            destination: destination.clone(),
            method: method.into(),
            granted: reaching.iter().flat_map(|rule| rule.methods.clone()).collect(),
        }),
    }
}

fn reaches(rule: &NetRule, destination: &Destination) -> bool {
    rule.scheme == Some(destination.scheme)
        && rule.port_in_use() == Some(destination.port)
        && match &rule.target {
            NetTarget::Host(pattern) => pattern.matches(&destination.host),
            NetTarget::AnyPublic => true,
            NetTarget::Setting(_) => false,
        }
}

fn exactness(rule: &NetRule) -> (u8, usize, bool) {
    match &rule.target {
        NetTarget::Host(HostPattern::Exact(_)) => (2, 0, rule.private),
        NetTarget::Host(HostPattern::Suffix(suffix)) => (1, suffix.len(), false),
        NetTarget::AnyPublic | NetTarget::Setting(_) => (0, 0, false),
    }
}

/// The address to dial, out of everything the resolver answered.
///
/// One doubtful address condemns the answer: a name that mixes public and other
/// addresses is how rebinding looks. An address literal is its own only answer.
pub fn check_addresses(rule: &NetRule, destination: &Destination, addresses: &[IpAddr]) -> Result<IpAddr, EgressRefusal> {
    let refused = destination.clone();
    let Some(first) = addresses.first() else {
        return Err(EgressRefusal::Unresolved { destination: refused });
    };
    if let Some(literal) = destination.host.ip()
        && let Some(other) = addresses.iter().find(|address| **address != literal)
    {
        return Err(EgressRefusal::Substituted { destination: refused, address: *other });
    }
    let judged: Vec<(IpAddr, AddressClass)> = addresses.iter().map(|address| (*address, classify(*address))).collect();
    if let Some((address, class)) = judged.iter().find(|(_, class)| class.is_never_dialled()) {
        return Err(EgressRefusal::Never { destination: refused, address: *address, class: *class });
    }
    let Some((address, class)) = judged.iter().find(|(_, class)| *class != AddressClass::Public) else {
        return Ok(first.to_canonical());
    };
    if judged.iter().any(|(_, class)| *class == AddressClass::Public) {
        return Err(EgressRefusal::Mixed { destination: refused, address: *address, class: *class });
    }
    let named = rule.target.exact_host() == Some(&destination.host);
    if rule.private && named {
        Ok(first.to_canonical())
    } else {
        Err(EgressRefusal::NonPublic { destination: refused, address: *address, class: *class })
    }
}

/// The secrets that the host adds to a request to this very server.
pub fn secret_for<'a>(permissions: &'a Permissions, destination: &'a Destination) -> impl Iterator<Item = &'a SecretRule> {
    permissions.secrets.iter().filter(|rule| crate::grant::names_server(&rule.target, rule.scheme, rule.port, destination))
}

#[cfg(test)]
mod tests;
