//! What leaves, byte for byte, whatever the guest wrote.

use super::server::{HI, Server};
use super::stage::{PUBLIC, Stage, body, get, no_body, text};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::json;
use skynet_policy::permission::Permissions;
use wasmtime_wasi_http::{Error, WasiBody};

const OURS: &str = concat!("user-agent: skynet/", env!("CARGO_PKG_VERSION"), "\r\n");

/// A body of these pieces, whose length nobody knows.
fn pieces(pieces: &[&'static str]) -> WasiBody {
    let frames: Vec<Result<_, Error>> = pieces.iter().map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))).collect();
    StreamBody::new(stream::iter(frames)).boxed_unsync()
}

/// Sends a request to a server that answers after it heard `end`; gives what it heard.
async fn heard(request: Request<WasiBody>, end: &'static str) -> String {
    let server = Server::doing(move |mut talk| async move {
        if talk.until(end.as_bytes()).await {
            talk.say(HI).await;
            talk.hang().await;
        }
    })
    .await;
    let stage = Stage::open(server.address);
    assert_eq!(text(stage.send(request).await.unwrap()).await.unwrap(), "200 hi");
    assert_eq!(stage.dialled(), [format!("{PUBLIC}:80").parse().unwrap()]);
    server.heard().concat()
}

#[tokio::test]
async fn the_request_line_has_a_path_and_never_another_host() {
    for (url, path) in [
        ("http://api.example.com", "/"),
        ("http://api.example.com?a=b", "/?a=b"),
        ("http://api.example.com//evil.example/x", "//evil.example/x"),
        ("http://api.example.com/http://evil.example/x", "/http://evil.example/x"),
        ("http://api.example.com/@evil.example/x#fragment", "/@evil.example/x"),
        ("HTTP://API.Example.COM.:80/../a", "/../a"),
    ] {
        let expected = format!("GET {path} HTTP/1.1\r\nhost: api.example.com\r\n{OURS}\r\n");
        assert_eq!(heard(get(url), "\r\n\r\n").await, expected, "{url}");
    }
}

#[tokio::test]
async fn a_path_in_absolute_form_reaches_the_checked_host_as_a_path() {
    // Guests hand over the path apart from the host.
    let mut parts = Uri::from_static("http://api.example.com/").into_parts();
    for (absolute, path) in [("*", "/*"), ("http://evil.example/x", "/http://evil.example/x")] {
        let Ok(path_and_query) = absolute.parse() else { continue };
        parts.path_and_query = Some(path_and_query);
        let mut request = get("http://api.example.com/");
        *request.uri_mut() = Uri::from_parts(std::mem::take(&mut parts)).unwrap();
        parts = Uri::from_static("http://api.example.com/").into_parts();
        let line = format!("GET {path} HTTP/1.1\r\nhost: api.example.com\r\n");
        assert!(heard(request, "\r\n\r\n").await.starts_with(&line), "{absolute}");
    }
}

#[tokio::test]
async fn headers_that_speak_to_the_connection_do_not_leave() {
    let mut request = get("http://api.example.com/");
    for (name, value) in [
        ("host", "evil.example"),
        ("host", "127.0.0.1"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity, chunked"),
        ("content-length", "5"),
        ("content-length", "6"),
        ("connection", "upgrade, x-hop"),
        ("x-hop", "1"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABkAAQAAP__"),
        ("expect", "100-continue"),
        ("te", "trailers"),
        ("trailer", "x-t"),
        ("keep-alive", "timeout=5"),
        ("proxy-authorization", "Basic Zzpn"),
        ("proxy-connection", "keep-alive"),
        ("user-agent", "guest/1"),
    ] {
        request.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    assert_eq!(heard(request, "\r\n\r\n").await, "GET / HTTP/1.1\r\nhost: api.example.com\r\nuser-agent: guest/1\r\n\r\n");
}

#[test]
fn no_request_can_be_made_with_a_line_break_or_a_null_in_it() {
    for bad in ["a\r\nhost: evil", "a\nb", "a\rb", "a\0b", "a\u{7f}b"] {
        assert!(HeaderValue::from_str(bad).is_err(), "{bad:?}");
        assert!(HeaderName::from_bytes(bad.as_bytes()).is_err(), "{bad:?}");
        assert!(Method::from_bytes(bad.as_bytes()).is_err(), "{bad:?}");
        assert!(Uri::try_from(format!("http://x.com/{bad}")).is_err(), "{bad:?}");
        assert!(Uri::try_from(format!("http://x.com{bad}/")).is_err(), "{bad:?}");
    }
    assert!(Uri::try_from("http://x.com/a b").is_err() && Method::from_bytes(b"GET / HTTP/1.1").is_err());
    let kept = HeaderValue::from_bytes(b"\t\xff").unwrap();
    assert_eq!(kept.as_bytes(), b"\t\xff", "what a line may carry is carried");
}

#[tokio::test]
async fn methods_that_tunnel_or_echo_are_refused_in_any_spelling() {
    let server = Server::saying(HI).await;
    let stage = Stage::open(server.address);
    for method in ["CONNECT", "TRACE", "TRACK", "connect", "Trace"] {
        let request = Request::builder().method(method).uri("http://api.example.com/").body(no_body()).unwrap();
        assert!(matches!(stage.send(request).await, Err(Error::HttpRequestDenied)), "{method}");
    }
    assert!(stage.asked().is_empty() && stage.dialled().is_empty());
}

fn post(lengths: &[&'static str], body: WasiBody) -> Request<WasiBody> {
    let mut request = Request::post("http://api.example.com/").body(body).unwrap();
    let values = lengths.iter().map(|length| (CONTENT_LENGTH, HeaderValue::from_static(length)));
    *request.headers_mut() = values.collect::<HeaderMap>();
    request
}

#[tokio::test]
async fn the_framing_is_made_of_the_body_and_not_of_what_is_said_about_it() {
    let head = format!("POST / HTTP/1.1\r\nhost: api.example.com\r\n{OURS}");
    let by_length = format!("{head}content-length: 5\r\n\r\nhello");
    let in_chunks = format!("{head}transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
    for said in [&[][..], &["5"], &["5", "6"], &["+5"], &["5, 5"]] {
        assert_eq!(heard(post(said, body("hello")), "hello").await, by_length, "{said:?}");
    }
    assert_eq!(heard(post(&["5"], pieces(&["hel", "lo"])), "hello").await, by_length);
    for said in [&[][..], &["5", "6"], &["x"]] {
        assert_eq!(heard(post(said, pieces(&["hel", "lo"])), "0\r\n\r\n").await, in_chunks, "{said:?}");
    }
}

#[tokio::test]
async fn a_body_shorter_than_its_length_is_an_error_and_waits_for_no_second_request() {
    for (said, pieces_of) in [("9", &["hello"][..]), ("5", &[]), ("9", &["hello", ""])] {
        let server = Server::doing(|mut talk| async move { talk.hang().await }).await;
        let stage = Stage::open(server.address);
        let failure = stage.send(post(&[said], pieces(pieces_of))).await.unwrap_err();
        assert!(matches!(failure, Error::HttpRequestBodySize(None)), "{said} {pieces_of:?}: {failure}");
        assert_eq!(stage.rows("egress.end")[0].verdict, "error");
    }
}

#[tokio::test]
async fn of_a_body_longer_than_its_length_the_rest_never_leaves() {
    for pieces_of in [&["hel", "lo"][..], &["hel", "GET /evil HTTP/1.1\r\nhost: x\r\n\r\n"]] {
        let heard = heard(post(&["3"], pieces(pieces_of)), "hel").await;
        assert!(heard.ends_with("content-length: 3\r\n\r\nhel"), "{heard}");
    }
    let server = Server::doing(|mut talk| async move { talk.hang().await }).await;
    let failure = Stage::open(server.address).send(post(&["3"], pieces(&["hello"]))).await.unwrap_err();
    assert!(matches!(failure, Error::HttpRequestBodySize(None)), "{failure}");
}

/// Authority in, a word of the refusal out; nothing is looked up and nothing dialled.
#[tokio::test]
async fn disguised_hosts_are_refused_before_anything_is_looked_up() {
    let server = Server::saying(HI).await;
    let stage = Stage::open(server.address);
    let long = format!("{}.example.com", "a".repeat(64));
    let longer = "a.".repeat(5000);
    for (authority, word) in [
        ("user@api.example.com", "user information"),
        ("user:password@api.example.com", "user information"),
        ("api.example.com@127.0.0.1", "user information"),
        ("0177.0.0.1", "odd form"),
        ("0x7f.0.0.1", "odd form"),
        ("0x7f000001", "odd form"),
        ("2130706433", "odd form"),
        ("127.1", "odd form"),
        ("127.0.0.1.1", "odd form"),
        ("[fe80::1%25eth0]", "zone id"),
        ("[fe80::1%eth0]", "zone id"),
        ("[::ffff:127.1]", "IPv6"),
        ("api.example.com:0", "port"),
        ("api.example.com:65536", "port"),
        ("api.example.com:99999999999", "port"),
        ("api.example.com:80:80", ""),
        ("xn--a", "characters"),
        ("a..example.com", "empty"),
        ("api%2eexample.com", "characters"),
        (long.as_str(), "too long"),
        (longer.as_str(), "too long"),
        ("b\u{fc}cher.example", ""),
        ("\u{ff11}\u{ff12}\u{ff17}.0.0.1", ""),
        ("127\u{3002}0.0.1", ""),
    ] {
        // What the engine's own types refuse never gets here.
        let Ok(request) = Request::get(format!("http://{authority}/")).body(no_body()) else { continue };
        let errand = stage.errand("tool");
        let budget = errand.budget.clone();
        assert!(matches!(stage.door.send(errand, request).await, Err(Error::HttpRequestDenied)), "{authority}");
        let denial = budget.notes().denial.unwrap();
        assert!(denial.why.contains(word) && !denial.what.contains("password"), "{authority}: {denial}");
    }
    assert!(stage.asked().is_empty() && stage.dialled().is_empty());
    assert!(stage.rows("egress").iter().all(|row| row.verdict == "denied"));
    assert!(stage.rows("egress.end").is_empty());
}

#[tokio::test]
async fn a_name_is_looked_up_and_sent_in_its_one_spelling() {
    let server = Server::saying(HI).await;
    let stage = Stage::open(server.address);
    for authority in ["API.Example.com", "api.example.com.", "api.example.com:80", "api.example.com:"] {
        assert_eq!(stage.get(&format!("http://{authority}/")).await.unwrap(), "200 hi");
    }
    assert_eq!(stage.get("http://XN--BCHER-KVA.example/").await.unwrap(), "200 hi");
    assert_eq!(stage.asked(), ["api.example.com", "api.example.com", "api.example.com", "api.example.com", "xn--bcher-kva.example"]);
    assert_eq!(server.heard().concat().matches("\r\nhost: api.example.com\r\n").count(), 4);
    assert_eq!(server.heard().concat().matches("\r\nhost: xn--bcher-kva.example\r\n").count(), 1);
}

#[tokio::test]
async fn a_guests_own_header_never_stands_beside_or_for_the_credential() {
    let secret = json!({"name": "k", "header": "x-key", "format": "{}", "url": "http://api.example.com"});
    let server = Server::saying(HI).await;
    let granted = json!({"net": [{"url": "http://api.example.com"}], "secrets": [secret]});
    assert!(serde_json::from_value::<Permissions>(granted.clone()).is_ok());
    let stage = Stage::new(server.address, &[&[PUBLIC]], granted);
    let mut request = get("http://api.example.com/");
    request.headers_mut().append("x-key", HeaderValue::from_static("of-the-guest"));
    // Naming it as hop-by-hop does not take the host's own out.
    request.headers_mut().append("connection", HeaderValue::from_static("x-key"));
    stage.send(request).await.unwrap();
    let heard = server.heard().concat();
    assert!(heard.contains("\r\nx-key: hunter2\r\n") && !heard.contains("of-the-guest"), "{heard}");
    assert!(!format!("{:?}", (stage.rows("egress"), stage.rows("egress.end"))).contains("hunter2"));
}
