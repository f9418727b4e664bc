//! The request that leaves, built anew from checked parts.
//!
//! Refuses to pass on what speaks to the connection and not to the server: framing,
//! hop-by-hop and proxy headers. The host writes its own `host`, framing and
//! credentials; a credential's header from the guest is dropped.

use http::Uri;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use skynet_policy::egress::Destination;
use skynet_policy::scrub::Scrubber;
use std::borrow::Cow;

const HOP_BY_HOP: [HeaderName; 11] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
    HeaderName::from_static("http2-settings"),
];

/// Whether the host alone may set this header of a request.
fn is_ours(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(name) || *name == header::HOST || *name == header::CONTENT_LENGTH || name.as_str().starts_with("proxy-")
}

/// The length that the guest declared, if it declared one well.
pub(crate) fn declared_length(headers: &HeaderMap) -> Option<u64> {
    let mut values = headers.get_all(header::CONTENT_LENGTH).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    let text = value.to_str().ok()?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// Headers that a `connection` header names: they are hop-by-hop too (RFC 9110 §7.6.1).
fn listed(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect()
}

/// Where a request goes and by what path, in the form that the connection needs: the
/// path alone over HTTP/1.1, so that no proxy and no server finds another host in it;
/// scheme and checked host with it over HTTP/2, which has no other place for them.
pub(crate) fn target(guest: &Uri, destination: &Destination, is_h2: bool) -> Result<Uri, http::Error> {
    let path = guest.path_and_query().map_or("/", PathAndQuery::as_str);
    let path = if path.starts_with('/') { PathAndQuery::try_from(path)? } else { PathAndQuery::try_from(format!("/{path}"))? };
    let builder = Uri::builder().path_and_query(path);
    if is_h2 {
        builder.scheme(destination.scheme().to_string().as_str()).authority(destination.authority()).build()
    } else {
        builder.build()
    }
}

/// Headers of the request that leaves, without its framing: that is made from the body.
/// `host` is the checked authority where the connection wants it as a header.
pub(crate) fn request_headers(guest: &HeaderMap, host: Option<HeaderValue>, credentials: &[(HeaderName, HeaderValue)]) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(guest.len() + 4);
    if let Some(host) = host {
        headers.insert(header::HOST, host);
    }
    let listed = listed(guest);
    for (name, value) in guest {
        let is_credential = credentials.iter().any(|(credential, _)| credential == name);
        if !is_ours(name) && !is_credential && !listed.iter().any(|hop| hop == name.as_str()) {
            headers.append(name, value.clone());
        }
    }
    for (name, value) in credentials {
        let mut value = value.clone();
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    if !headers.contains_key(header::USER_AGENT) {
        headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("skynet/", env!("CARGO_PKG_VERSION"))));
    }
    headers
}

/// Takes out of a response what speaks to the connection.
pub(crate) fn clean_response(headers: &mut HeaderMap) {
    for name in listed(headers) {
        headers.remove(name);
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Takes known secrets out of a response's headers, which a server may have echoed.
pub(crate) fn scrub_response(headers: &mut HeaderMap, scrubber: &Scrubber) {
    if scrubber.is_empty() {
        return;
    }
    for value in headers.values_mut() {
        if let Cow::Owned(scrubbed) = scrubber.bytes(value.as_bytes()) {
            // What it was made of was a header's value, and so is a secret's name.
            *value = HeaderValue::from_maybe_shared(bytes::Bytes::from(scrubbed)).unwrap_or(HeaderValue::from_static("[secret]"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use proptest::test_runner::RngSeed;

    fn check(guest: &[(&str, &str)], credentials: &[(&str, &str)], leaves: &str) {
        let mut headers = HeaderMap::new();
        for (name, value) in guest {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        let credentials: Vec<_> =
            credentials.iter().map(|(n, v)| (HeaderName::try_from(*n).unwrap(), HeaderValue::try_from(*v).unwrap())).collect();
        let out = request_headers(&headers, Some(HeaderValue::from_static("api.example.com")), &credentials);
        let mut lines: Vec<String> =
            out.iter().filter(|(n, _)| *n != header::USER_AGENT).map(|(n, v)| format!("{n}: {}", v.to_str().unwrap())).collect();
        lines.sort();
        assert_eq!(lines.join("\n"), leaves);
    }

    #[test]
    fn ordinary_headers_pass_and_the_host_is_ours() {
        check(
            &[("accept", "a"), ("host", "evil.example"), ("x-a", "1"), ("x-a", "2")],
            &[],
            "accept: a\nhost: api.example.com\nx-a: 1\nx-a: 2",
        );
    }

    #[test]
    fn framing_and_hop_by_hop_headers_do_not_pass() {
        let evil = [
            ("transfer-encoding", "chunked"),
            ("connection", "x-secret-hop, close"),
            ("x-secret-hop", "1"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("expect", "100-continue"),
            ("proxy-foo", "1"),
            ("trailer", "x"),
        ];
        check(&evil, &[], "host: api.example.com");
    }

    #[test]
    fn a_secret_that_a_server_sends_back_in_a_header_is_taken_out() {
        let mut headers = HeaderMap::new();
        headers.append("x-echo", HeaderValue::from_static("Bearer hunter2-hunter2; q=1"));
        headers.append("x-other", HeaderValue::from_static("plain"));
        scrub_response(&mut headers, &Scrubber::new([("key", "hunter2-hunter2")]));
        assert_eq!(headers["x-echo"], "Bearer [secret key]; q=1");
        assert_eq!(headers["x-other"], "plain");
    }

    #[test]
    fn two_lengths_or_an_odd_one_are_no_length() {
        let declared = |lengths: &[&str]| {
            let values = lengths.iter().map(|length| (header::CONTENT_LENGTH, HeaderValue::try_from(*length).unwrap()));
            declared_length(&values.collect())
        };
        assert_eq!(declared(&["5"]), Some(5));
        for odd in [&["5", "6"][..], &["5", "5"], &["+5"], &["5, 5"], &["0x5"], &[""], &[" 5"], &["99999999999999999999"], &[]] {
            assert_eq!(declared(odd), None, "{odd:?}");
        }
        check(&[("content-length", "5")], &[], "host: api.example.com");
    }

    #[test]
    fn a_path_never_names_another_host() {
        let destination = Destination::from_authority("https", "api.example.com").unwrap();
        let leaves = |guest: &str, is_h2| target(&guest.parse().unwrap(), &destination, is_h2).unwrap().to_string();
        for (guest, path) in [
            ("https://x.y", "/"),
            ("https://x.y?a=b", "/?a=b"),
            ("https://x.y//evil.com/a", "//evil.com/a"),
            ("https://x.y/http://evil.com/", "/http://evil.com/"),
            ("*", "/*"),
        ] {
            assert_eq!(leaves(guest, false), path);
            assert_eq!(leaves(guest, true), format!("https://api.example.com{path}"));
        }
    }

    #[test]
    fn a_guest_cannot_bring_its_own_credential_where_ours_goes() {
        check(
            &[("authorization", "Bearer guest")],
            &[("authorization", "Bearer ours")],
            "authorization: Bearer ours\nhost: api.example.com",
        );
    }

    const NAMES: [&str; 12] = [
        "accept",
        "x-a",
        "x-b",
        "host",
        "content-length",
        "transfer-encoding",
        "te",
        "upgrade",
        "expect",
        "proxy-anything",
        "x-key",
        "keep-alive",
    ];

    /// What may pass, read off the rules one header at a time.
    fn slowly(guest: &[(&str, String)], credential: &str) -> Vec<String> {
        let hops = guest.iter().filter(|(name, _)| *name == "connection").flat_map(|(_, value)| value.split(", "));
        let hops: Vec<&str> = hops.collect();
        let never = ["connection", "host", "content-length", "transfer-encoding", "te", "upgrade", "expect", "keep-alive"];
        let passes = |name: &str| !never.contains(&name) && !name.starts_with("proxy-") && name != credential && !hops.contains(&name);
        let mut lines: Vec<String> =
            guest.iter().filter(|(name, _)| passes(name)).map(|(name, value)| format!("{name}: {value}")).collect();
        lines.extend([format!("{credential}: ours"), "host: api.example.com".into()]);
        lines.sort();
        lines
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(20_260_101), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_leaves_is_what_a_slow_reader_of_the_rules_would_let_leave(
            headers in vec((select(&NAMES[..]), "[a-z0-9]{0,4}"), 0..8), hops in vec(vec(select(&NAMES[..]), 0..3), 0..3), credential in select(&["x-key", "authorization"][..]),
        ) {
            let mut guest = headers;
            guest.extend(hops.iter().map(|names| ("connection", names.join(", "))));
            let map: HeaderMap = guest.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::try_from(value).unwrap())).fold(
                HeaderMap::new(), |mut map, (name, value)| { map.append(name, value); map });
            let credentials = [(HeaderName::from_static(credential), HeaderValue::from_static("ours"))];
            let out = request_headers(&map, Some(HeaderValue::from_static("api.example.com")), &credentials);
            let mut lines: Vec<String> = out.iter().filter(|(name, _)| *name != header::USER_AGENT).map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
            lines.sort();
            prop_assert_eq!(lines, slowly(&guest, credential));
        }
    }
}
