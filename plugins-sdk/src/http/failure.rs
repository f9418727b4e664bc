//! The host's failures as decisions: denied, late, too large, broken.
//!
//! It owns the reading of `wasi:http` error codes. A denial by policy is never
//! called network trouble, because trying again would not help.

use super::Error;
use crate::bindings::wasi::wasi::http::types::{ErrorCode, http_error_code};
use crate::bindings::wasi::wasi::io::streams::StreamError;

pub(super) fn from_stream(error: StreamError) -> Error {
    match error {
        StreamError::Closed => Error::Network("the connection closed early".to_owned()),
        StreamError::LastOperationFailed(cause) => match http_error_code(&cause) {
            Some(code) => from_code(&code),
            None => from_text(cause.to_debug_string()),
        },
    }
}

/// A failure in the middle of a body, for which the engine hands on only a text
/// (wasmtime 48 looks for another type there). The words are the engine's own.
fn from_text(text: String) -> Error {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match () {
        () if has(&["timeout", "timed out"]) => Error::Timeout(text),
        () if has(&["exceeds limit", "too large"]) => Error::TooLarge(text),
        () if has(&["protocol error", "incomplete", "transfer coding", "content coding"]) => Error::Protocol(text),
        () if has(&["denied", "prohibited"]) => Error::Denied(text),
        () => Error::Network(text),
    }
}

/// The host's code as the decision a caller has to make.
pub(super) fn from_code(code: &ErrorCode) -> Error {
    let text = words(code);
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Error::Denied(text),
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => Error::Timeout(text),
        ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestTrailerSectionSize(_)
        | ErrorCode::HttpRequestTrailerSize(_)
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseTrailerSectionSize(_)
        | ErrorCode::HttpResponseTrailerSize(_) => Error::TooLarge(text),
        ErrorCode::HttpRequestLengthRequired | ErrorCode::HttpRequestMethodInvalid | ErrorCode::HttpRequestUriInvalid => {
            Error::InvalidRequest(text)
        }
        ErrorCode::HttpResponseIncomplete
        | ErrorCode::HttpResponseTransferCoding(_)
        | ErrorCode::HttpResponseContentCoding(_)
        | ErrorCode::HttpUpgradeFailed
        | ErrorCode::HttpProtocolError
        | ErrorCode::LoopDetected => Error::Protocol(text),
        _ => Error::Network(text),
    }
}

/// The code in words: `DestinationIpProhibited` becomes `destination ip prohibited`.
fn words(code: &ErrorCode) -> String {
    match code {
        ErrorCode::InternalError(Some(text)) => return text.clone(),
        ErrorCode::HttpRequestDenied => return "the request is not within this plugin's granted network permissions".to_owned(),
        ErrorCode::DestinationIpProhibited => return "the address is private or otherwise not allowed for this plugin".to_owned(),
        ErrorCode::DnsError(dns) => {
            return format!("the host name could not be looked up ({})", dns.rcode.as_deref().unwrap_or("no reason given"));
        }
        _ => {}
    }
    let mut out = String::new();
    for letter in format!("{code:?}").trim_start_matches("ErrorCode::").chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::wasi::wasi::http::types::DnsErrorPayload;

    fn check(code: ErrorCode, expected: &str) {
        assert_eq!(from_code(&code).to_string(), expected);
    }

    #[test]
    fn a_policy_denial_is_never_called_network_trouble() {
        check(
            ErrorCode::HttpRequestDenied,
            "the host refused the connection: the request is not within this plugin's granted network permissions",
        );
        check(
            ErrorCode::DestinationIpProhibited,
            "the host refused the connection: the address is private or otherwise not allowed for this plugin",
        );
    }

    #[test]
    fn the_other_codes_say_what_kind_of_trouble_it_is() {
        check(ErrorCode::ConnectionTimeout, "timed out: connection timeout");
        check(ErrorCode::ConnectionRefused, "network trouble: connection refused");
        check(ErrorCode::HttpProtocolError, "the server broke the protocol: http protocol error");
        check(ErrorCode::HttpRequestUriTooLong, "too large: http request uri too long");
        check(ErrorCode::InternalError(Some("tls: unknown issuer".into())), "network trouble: tls: unknown issuer");
    }

    #[test]
    fn a_failure_inside_a_body_keeps_its_kind_although_it_is_only_a_text() {
        let check = |text: &str, expected: &str| assert_eq!(from_text(text.to_owned()).to_string(), expected);
        check("connection read timeout", "timed out: connection read timeout");
        check("HTTP response body size exceeds limit: 9 bytes", "too large: HTTP response body size exceeds limit: 9 bytes");
        check("hyper error: error reading a body from connection", "network trouble: hyper error: error reading a body from connection");
    }

    #[test]
    fn an_unknown_host_is_said_in_plain_words() {
        let dns = DnsErrorPayload { rcode: Some("NXDOMAIN".to_owned()), info_code: None };
        check(ErrorCode::DnsError(dns), "network trouble: the host name could not be looked up (NXDOMAIN)");
    }
}
