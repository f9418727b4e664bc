//! What a secret may be called, and to which servers it may ever go.
//!
//! The owner's word about a secret stands beside each grant and above it: a grant for
//! another server does not carry the secret there. Servers have one spelling, so that
//! what the vault seals does not depend on how somebody typed it. Refuses servers that
//! are no exact host and no names below one, and values that no header may carry.

use crate::egress::Destination;
use crate::host_name::HostPattern;
use crate::limits::{SECRET_BYTES, SECRET_SERVERS};
use crate::naming::plain_line;
use crate::permission::{Endpoint, NetTarget, Scheme, is_name};

/// Why this cannot be a secret's name, if it cannot.
pub fn name_fault(name: &str) -> Option<String> {
    let shown = plain_line(name, 80);
    (!is_name(name)).then(|| format!("`{shown}` is no name for a secret: use letters, digits, `_`, `-` and `.`, at most 64"))
}

/// Why this cannot be a secret's value, if it cannot. Says nothing of the value itself.
pub fn value_fault(value: &str) -> Option<String> {
    (value.len() > SECRET_BYTES).then(|| format!("the value has {} bytes; a secret has at most {SECRET_BYTES}", value.len()))
}

/// Whether a header of a request can carry this value.
pub fn is_header_safe(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

/// The servers in their one spelling and order.
pub fn servers(texts: &[String]) -> Result<Vec<String>, String> {
    if texts.len() > SECRET_SERVERS {
        return Err(format!(
            "{} servers are more than {SECRET_SERVERS}; name those below one domain as https://*.example.com",
            texts.len()
        ));
    }
    let mut servers = texts.iter().map(|text| Ok(server(text)?.to_string())).collect::<Result<Vec<_>, String>>()?;
    servers.sort();
    servers.dedup();
    Ok(servers)
}

fn server(text: &str) -> Result<Endpoint, String> {
    let endpoint = Endpoint::parse(text)?;
    match endpoint.target {
        NetTarget::Host(_) => Ok(endpoint),
        NetTarget::AnyPublic | NetTarget::Setting(_) => {
            Err(format!("`{}` is too wide for a secret: name one server, such as https://api.example.com", plain_line(text, 120)))
        }
    }
}

/// Whether a secret with these servers may go there. No server named: the grant decides
/// alone. One that is not understood allows nothing.
pub fn may_go(servers: &[String], destination: &Destination) -> bool {
    servers.is_empty() || servers.iter().filter_map(|text| server(text).ok()).any(|at| names(&at, destination))
}

fn names(at: &Endpoint, destination: &Destination) -> bool {
    let port = at.port.or(at.scheme.map(Scheme::default_port));
    let host = match &at.target {
        NetTarget::Host(HostPattern::Exact(host)) => host == destination.host(),
        NetTarget::Host(pattern) => pattern.matches(destination.host()),
        NetTarget::AnyPublic | NetTarget::Setting(_) => false,
    };
    host && at.scheme == Some(destination.scheme()) && port == Some(destination.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(servers: &[&str], url: &str, goes: bool) {
        let servers = super::servers(&servers.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        let (scheme, rest) = url.split_once("://").unwrap();
        let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, port.parse().ok()));
        let destination = Destination::from_parts(scheme, host, port).unwrap();
        assert_eq!(may_go(&servers, &destination), goes, "{servers:?} to {url}");
    }

    #[test]
    fn a_secret_goes_to_the_servers_of_its_owner_and_nowhere_else() {
        check(&[], "https://anywhere.example", true);
        check(&["https://API.x.com"], "https://api.x.com", true);
        check(&["https://api.x.com"], "https://api.x.com:8443", false);
        check(&["https://api.x.com"], "http://api.x.com", false);
        check(&["https://api.x.com"], "https://evil.com", false);
        check(&["https://*.x.com"], "https://api.x.com", true);
        check(&["https://*.x.com"], "https://x.com", false);
        check(&["http://127.0.0.1:8080", "https://b.com"], "http://127.0.0.1:8080", true);
    }

    #[test]
    fn servers_have_one_spelling_and_order() {
        let texts = ["https://b.com:443/".to_owned(), "https://A.com".into(), "https://b.com".into()];
        assert_eq!(servers(&texts).unwrap(), ["https://a.com", "https://b.com"]);
        for wide in ["https://*", "setting:base_url", "ftp://x.com", "x.com", "https://x.com/path"] {
            assert!(servers(&[wide.to_owned()]).is_err(), "{wide}");
        }
    }

    #[test]
    fn names_and_values_are_bounded() {
        assert_eq!(name_fault("openai_api-key.2"), None);
        assert!(name_fault("a b").is_some() && name_fault("").is_some() && name_fault("../x").is_some());
        assert!(value_fault(&"x".repeat(SECRET_BYTES + 1)).is_some());
        assert!(is_header_safe("Bearer é\t!") && !is_header_safe("a\nb") && !is_header_safe("a\u{7f}"));
    }
}
