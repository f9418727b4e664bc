//! Where a request comes from, and whether it may ask at all.
//!
//! Owns: who counts as local, the Host check against DNS rebinding, and which web
//! pages may connect. A forwarding header means a proxy stands between, so such a
//! request is never local, whatever address the proxy has.

use http::{HeaderMap, header};
use skynet_core::config::GatewayConfig;
use std::net::{IpAddr, SocketAddr};
use url::Url;

/// Where a request comes from.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// The client's address; behind the owner's proxy, the one that the proxy names.
    pub(crate) address: IpAddr,
    /// A program on this machine.
    pub(crate) local: bool,
    /// The web page that asks, if one does.
    pub(crate) origin: Option<String>,
}

const FORWARDED: [&str; 4] = ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host"];

impl Peer {
    pub(crate) fn of(socket: SocketAddr, headers: &HeaderMap, config: &GatewayConfig) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let forwarded = FORWARDED.iter().any(|name| headers.contains_key(*name));
        // The last word of the last line is the proxy's own; what stands before may be anybody's.
        let lines = headers.get_all("x-forwarded-for").iter().next_back().and_then(|line| line.to_str().ok());
        let named = lines.and_then(|line| line.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
        let address = socket.ip().to_canonical();
        let host_is_loopback = text("host").is_none_or(|host| is_loopback_host(host_name(host)));
        Self {
            address: if config.behind_tls_proxy { named.map_or(address, |named| named.to_canonical()) } else { address },
            local: address.is_loopback() && !forwarded && host_is_loopback,
            origin: headers.get(header::ORIGIN).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
        }
    }

    /// Under which name its failures are counted.
    pub(crate) fn throttle_key(&self) -> String {
        match (&self.origin, self.local) {
            (None, true) => "this machine".to_owned(),
            (Some(origin), true) => format!("origin {}", origin.chars().take(200).collect::<String>()),
            (_, false) => match self.address {
                IpAddr::V4(address) => address.to_string(),
                // Who has one address of a /64 has them all.
                IpAddr::V6(address) => format!("{:x}/64", u128::from(address) >> 64),
            },
        }
    }

    /// A program of this machine that is no web page: the owner's come from there too, so that what holds
    /// passes however often another user's programs failed.
    pub(crate) fn is_at_the_machine(&self) -> bool {
        self.local && self.origin.is_none()
    }

    /// Whether the page that asks, if any, may.
    pub(crate) fn origin_allowed(&self, config: &GatewayConfig) -> bool {
        let Some(origin) = &self.origin else { return true };
        let origin = origin.trim_end_matches('/');
        if config.allowed_origins.iter().any(|allowed| allowed.trim_end_matches('/').eq_ignore_ascii_case(origin)) {
            return true;
        }
        let Ok(url) = Url::parse(origin) else { return false };
        self.local && matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(is_loopback_host)
    }
}

/// The Host header without its port.
fn host_name(host: &str) -> &str {
    let host = host.trim();
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or("", |(name, _)| name);
    }
    match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_loopback_host(name: &str) -> bool {
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Whether a request with this Host header is meant for us. A page whose name was
/// re-pointed at this machine comes with a foreign name; an address cannot be re-pointed.
pub(crate) fn host_allowed(headers: &HeaderMap, config: &GatewayConfig) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(host) = host.to_str() else { return false };
    let name = host_name(host);
    if name.parse::<IpAddr>().is_ok() || is_loopback_host(name) {
        return true;
    }
    let same = |origin: &String| Url::parse(origin).ok().and_then(|url| url.host_str().map(|host| host.eq_ignore_ascii_case(name)));
    config.allowed_origins.iter().any(|origin| same(origin).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn config() -> GatewayConfig {
        GatewayConfig { allowed_origins: vec!["https://bot.example".into()], ..GatewayConfig::default() }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn peer(address: &str, pairs: &[(&'static str, &str)]) -> Peer {
        Peer::of(address.parse().unwrap(), &headers(pairs), &config())
    }

    #[test]
    fn only_an_unforwarded_loopback_request_is_local() {
        assert!(peer("127.0.0.1:9", &[("host", "localhost:18789")]).local);
        assert!(peer("[::1]:9", &[("host", "[::1]:18789")]).local);
        assert!(peer("[::ffff:127.0.0.1]:9", &[("host", "127.0.0.1")]).local);
        assert!(!peer("127.0.0.1:9", &[("host", "bot.example")]).local);
        assert!(!peer("127.0.0.1:9", &[("host", "localhost"), ("x-forwarded-for", "127.0.0.1")]).local);
        assert!(!peer("10.0.0.1:9", &[("host", "localhost")]).local);
    }

    #[test]
    fn a_foreign_host_name_is_refused() {
        let check = |host: &str, allowed: bool| assert_eq!(host_allowed(&headers(&[("host", host)]), &config()), allowed, "{host}");
        for good in [
            "localhost",
            "LOCALHOST:1",
            "x.localhost",
            "127.0.0.1:18789",
            "[::1]:80",
            "192.168.1.7:18789",
            "bot.example",
            "Bot.Example:443",
        ] {
            check(good, true);
        }
        for evil in ["", "evil.example", "localhost.evil.example", "127.0.0.1.nip.example", "bot.example.evil.example", "a:b:c"] {
            check(evil, false);
        }
        assert!(!host_allowed(&HeaderMap::new(), &config()));
    }

    #[test]
    fn a_page_connects_only_from_an_allowed_or_loopback_origin() {
        let check = |origin: &str, address: &str, allowed: bool| {
            let peer = peer(address, &[("host", "127.0.0.1"), ("origin", origin)]);
            assert_eq!(peer.origin_allowed(&config()), allowed, "{origin} from {address}");
        };
        check("http://localhost:5173", "127.0.0.1:9", true);
        check("http://127.0.0.1:18789", "127.0.0.1:9", true);
        check("http://[::1]:18789", "127.0.0.1:9", true);
        check("https://bot.example", "10.0.0.1:9", true);
        check("http://localhost:5173", "10.0.0.1:9", false);
        check("https://evil.example", "127.0.0.1:9", false);
        check("https://bot.example.evil.example", "127.0.0.1:9", false);
        check("null", "127.0.0.1:9", false);
        check("file://localhost/x", "127.0.0.1:9", false);
    }

    #[test]
    fn behind_a_proxy_its_own_word_is_the_last_and_no_line_of_the_client_counts() {
        let config = GatewayConfig { behind_tls_proxy: true, ..config() };
        let name = http::HeaderName::from_static("x-forwarded-for");
        for (lines, address) in [
            (&["198.51.100.1"][..], "198.51.100.1"),
            (&["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
            (&["203.0.113.9", "198.51.100.1"], "198.51.100.1"),
            (&["::ffff:198.51.100.1"], "198.51.100.1"),
            (&["198.51.100.1", "nonsense"], "127.0.0.1"),
        ] {
            let headers = lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap())).collect();
            let peer = Peer::of("127.0.0.1:9".parse().unwrap(), &headers, &config);
            assert_eq!(peer.address.to_string(), address, "{lines:?}");
        }
    }

    #[test]
    fn failures_are_counted_by_address_or_by_page() {
        assert_eq!(peer("127.0.0.1:9", &[("host", "localhost")]).throttle_key(), "this machine");
        assert_eq!(peer("127.0.0.1:9", &[("host", "localhost"), ("origin", "http://x")]).throttle_key(), "origin http://x");
        assert_eq!(peer("10.0.0.1:9", &[]).throttle_key(), "10.0.0.1");
        assert_eq!(peer("[2001:db8::1]:9", &[]).throttle_key(), peer("[2001:db8::2]:9", &[]).throttle_key());
    }
}
