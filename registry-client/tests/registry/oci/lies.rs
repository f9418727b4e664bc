//! A server that answers as it likes, and notes what it was shown.

use super::{acme, at, bare, hello, pull};
use crate::world::{World, says};
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use skynet_policy::sha256_hex;
use skynet_policy::trust::Tier;
use skynet_registry_client::fetch::FetchError;
use skynet_registry_client::oci::{COMPONENT, CONFIG, Exchange, Login, MANIFEST, Method, Reply, Request};
use skynet_registry_client::progress::Quiet;
use std::sync::{Arc, Mutex};

const PLACE: &str = "oci://registry.example/acme/hello:1";

type Answers = Box<dyn Fn(&Request) -> Option<Reply> + Send + Sync>;

/// Answers the manifest and the blob of one file, and whatever else was put before that.
struct Liar {
    file: Vec<u8>,
    manifest: Value,
    lies: Vec<Answers>,
    asked: Mutex<Vec<Request>>,
}

impl std::fmt::Debug for Liar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Liar")
    }
}

fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let body: Bytes = body.into();
    Reply { status, headers, body: Box::pin(futures_util::stream::once(std::future::ready(Ok(body)))) }
}

impl Liar {
    fn new() -> Self {
        let file = hello();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": { "mediaType": CONFIG, "digest": format!("sha256:{}", "a".repeat(64)), "size": 2 },
            "layers": [{ "mediaType": COMPONENT, "digest": format!("sha256:{}", sha256_hex(&file)), "size": file.len() }],
        });
        Self { file, manifest, lies: Vec::new(), asked: Mutex::default() }
    }

    fn lie(mut self, lie: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Self {
        self.lies.push(Box::new(lie));
        self
    }

    /// Asks for a password or a token until it sees this.
    fn wants(self, challenge: &'static str, shown: &'static str) -> Self {
        self.lie(move |request| {
            let good = request.headers.iter().any(|(name, value)| *name == "authorization" && value == shown);
            let own = request.url.host_str() == Some("registry.example");
            (own && !good && request.url.path() != "/token").then(|| reply(401, &[("www-authenticate", challenge)], ""))
        })
    }

    /// Who was asked for what, with the credentials that were shown.
    fn asked(&self) -> Vec<(String, Option<String>)> {
        let shown = |request: &Request| request.headers.iter().find(|(name, _)| *name == "authorization").map(|(_, value)| value.clone());
        self.asked.lock().unwrap().iter().map(|request| (request.url.to_string(), shown(request))).collect()
    }
}

#[async_trait]
impl Exchange for Liar {
    async fn send(&self, request: Request) -> Result<Reply, FetchError> {
        self.asked.lock().unwrap().push(request.clone());
        if let Some(answer) = self.lies.iter().find_map(|lie| lie(&request)) {
            return Ok(answer);
        }
        let path = request.url.path();
        Ok(match request.method {
            Method::Get if path.contains("/manifests/") => reply(200, &[("content-type", MANIFEST)], self.manifest.to_string()),
            Method::Get if path.contains("/blobs/") || path == "/elsewhere" => reply(200, &[], self.file.clone()),
            _ => reply(404, &[], ""),
        })
    }
}

async fn refused(world: &World, liar: Liar, words: &[&str]) {
    let oci = at(Arc::new(liar), PLACE, None);
    says(pull(&bare(world), &oci, &acme()).await, words);
}

#[tokio::test]
async fn an_honest_answer_is_taken() {
    let world = World::new().await;
    let pulled = pull(&bare(&world), &at(Arc::new(Liar::new()), PLACE, None), &acme()).await.unwrap();
    assert_eq!(pulled.release.id.as_str(), "acme/hello");
}

#[tokio::test]
async fn a_key_that_a_registry_alone_vouches_for_is_no_reason_to_trust_what_lies_elsewhere() {
    let world = World::new().await;
    let mut trust = acme();
    trust.keys[0].tier = Tier::Registry;
    says(pull(&bare(&world), &at(Arc::new(Liar::new()), PLACE, None), &trust).await, &["acme/hello:1", "skynet key trust"]);
    trust.revoke(&trust.keys[0].keyid.clone(), "stolen").unwrap();
    says(pull(&bare(&world), &at(Arc::new(Liar::new()), PLACE, None), &trust).await, &["revoked"]);
}

#[tokio::test]
async fn manifests_that_are_none_are_refused() {
    let world = World::new().await;
    let answer = |status, kind: &'static str, body: Vec<u8>| {
        Liar::new()
            .lie(move |request| request.url.path().contains("/manifests/").then(|| reply(status, &[("content-type", kind)], body.clone())))
    };
    let index = "application/vnd.oci.image.index.v1+json";
    refused(&world, answer(200, index, b"{}".to_vec()), &["registry.example/acme/hello:1", "image.index"]).await;
    refused(&world, answer(200, "text/html", b"<p>log in".to_vec()), &["text/html"]).await;
    refused(&world, answer(200, MANIFEST, vec![b' '; 64 * 1024 + 1]), &["more than the 65536 bytes"]).await;
    refused(&world, answer(200, MANIFEST, b"{".to_vec()), &["no image manifest"]).await;
    let large = Liar {
        manifest: json!({ "schemaVersion": 2, "config": { "mediaType": CONFIG, "digest": "", "size": 1 }, "layers": [{ "mediaType": COMPONENT, "digest": format!("sha256:{}", "b".repeat(64)), "size": 1u64 << 40 }] }),
        ..Liar::new()
    };
    refused(&world, large, &["1099511627776 bytes", "at most"]).await;
    let unsaid = |code: &str| format!("{{\"errors\":[{{\"code\":\"{code}\",\"message\":\"so\\u001b[31m it is\"}}]}}").into_bytes();
    refused(&world, answer(500, "application/json", unsaid("UNKNOWN")), &["could not be fetched", "500", "UNKNOWN"]).await;
    refused(&world, answer(403, "application/json", unsaid("DENIED")), &["is refused", "403", "DENIED"]).await;
    let pinned = at(Arc::new(Liar::new()), &format!("oci://registry.example/acme/hello@sha256:{}", "c".repeat(64)), None);
    says(pinned.resolve().await, &["the server sent the manifest", &"c".repeat(64)]);
}

#[tokio::test]
async fn a_layer_is_what_its_manifest_says_or_nothing() {
    let world = World::new().await;
    let sized = |change: fn(u64) -> u64| {
        let mut liar = Liar::new();
        let size = liar.manifest["layers"][0]["size"].as_u64().unwrap();
        liar.manifest["layers"][0]["size"] = json!(change(size));
        liar
    };
    refused(&world, sized(|size| size - 1), &["more than the"]).await;
    let other = Liar { file: b"something else".to_vec(), ..Liar::new() };
    refused(&world, other, &["it ended after 14 of"]).await;
    refused(&world, sized(|size| size + 1), &["it ended after"]).await;
}

#[tokio::test]
async fn a_blob_may_lie_elsewhere_and_no_password_goes_along() {
    let world = World::new().await;
    let elsewhere = |place: &'static str| {
        Liar::new()
            .wants("Basic realm=\"x\"", "Basic dTpw")
            .lie(move |request| request.url.path().contains("/blobs/").then(|| reply(307, &[("location", place)], "")))
    };
    let login = || Some(Login { user: "u".into(), password: "p".into(), token_host: None });
    let liar = Arc::new(elsewhere("https://cdn.example/elsewhere"));
    pull(&bare(&world), &at(liar.clone(), PLACE, login()), &acme()).await.unwrap();
    let asked = liar.asked();
    assert_eq!(asked.last(), Some(&("https://cdn.example/elsewhere".to_owned(), None)));
    assert_eq!(asked.iter().filter(|(_, shown)| shown.is_some()).count(), 2, "manifest and blob, at the registry alone: {asked:?}");
    for (place, words) in [
        ("http://cdn.example/elsewhere", ["redirected from https://registry.example", "http://cdn.example"]),
        ("http://127.0.0.1/elsewhere", ["redirected", "127.0.0.1"]),
        ("https://u:p@cdn.example/elsewhere", ["redirected", "cdn.example"]),
        ("file:///etc/passwd", ["redirected", "null"]),
        ("/v2/acme/hello/blobs/again", ["redirected more than", "3 times"]),
    ] {
        says(pull(&bare(&world), &at(Arc::new(elsewhere(place)), PLACE, login()), &acme()).await, &words);
    }
}

#[tokio::test]
async fn a_manifest_and_an_upload_stay_where_they_were_named() {
    let world = World::new().await;
    let moved = Liar::new()
        .lie(|request| request.url.path().contains("/manifests/").then(|| reply(302, &[("location", "https://evil.example/")], "")));
    refused(&world, moved, &["its manifest is redirected"]).await;
    let upload = |liar: Liar, place: &'static str| {
        liar.lie(move |request| match (request.method, request.url.path()) {
            (Method::Post, _) => Some(reply(202, &[("location", place)], "")),
            (Method::Put, _) => Some(reply(201, &[], "")),
            (Method::Head, _) => Some(reply(404, &[], "")),
            _ => None,
        })
    };
    let evil = at(Arc::new(upload(Liar::new(), "https://evil.example/upload")), PLACE, None);
    says(evil.push(&hello(), false, &Quiet).await, &["redirected from https://registry.example to https://evil.example"]);
    let liar = Arc::new(upload(Liar::new(), "/v2/acme/hello/blobs/uploads/7?_state=x"));
    at(liar.clone(), PLACE, None).push(&hello(), false, &Quiet).await.unwrap();
    let put = liar.asked().into_iter().find(|(url, _)| url.contains("uploads/7")).unwrap().0;
    assert!(put.contains("_state=x&digest=sha256%3A"), "{put}");
    let other = Liar::new().lie(|request| {
        let last = request.method == Method::Put && request.url.path().contains("manifests");
        last.then(|| reply(201, &[("docker-content-digest", "sha256:00")], ""))
    });
    let other = upload(other, "/v2/acme/hello/blobs/uploads/7");
    says(at(Arc::new(other), PLACE, None).push(&hello(), false, &Quiet).await, &["keeps another manifest"]);
}

#[tokio::test]
async fn a_token_is_asked_for_where_the_owner_would_and_the_password_shown_nowhere_else() {
    let world = World::new().await;
    let login = |host: Option<&str>| Some(Login { user: "u".into(), password: "p".into(), token_host: host.map(Into::into) });
    let server = |challenge: &'static str, token: &'static str| {
        Liar::new().wants(challenge, "Bearer t0ken").lie(move |request| (request.url.path() == "/token").then(|| reply(200, &[], token)))
    };
    let near = "Bearer realm=\"https://registry.example/token\",service=\"s\"";
    let far = "Bearer realm=\"https://auth.example/token\"";
    let good = "{\"token\":\"t0ken\"}";
    let home = bare(&world);
    for (challenge, token, login, shown) in [
        (near, good, None, None),
        (near, good, login(None), Some("Basic dTpw")),
        (far, "{\"access_token\":\"t0ken\"}", None, None),
        (far, good, login(Some("auth.example")), Some("Basic dTpw")),
    ] {
        let liar = Arc::new(server(challenge, token));
        pull(&home, &at(liar.clone(), PLACE, login), &acme()).await.unwrap();
        let asked = liar.asked();
        let (url, seen) = asked.iter().find(|(url, _)| url.contains("/token")).unwrap();
        assert!(url.contains("scope=repository%3Aacme%2Fhello%3Apull"), "{url}");
        assert_eq!(seen.as_deref(), shown, "{url}");
        assert_eq!(asked.iter().filter(|(url, _)| url.contains("/token")).count(), 1, "one token for all");
    }
    for (challenge, token, login, words) in [
        (far, good, login(None), ["https://auth.example", "--token-host"]),
        (far, good, login(Some("other.example")), ["https://auth.example", "--token-host"]),
        ("Bearer realm=\"http://registry.example/token\"", good, None, ["http://registry.example", "anybody on the way"]),
        ("Bearer realm=\"http://127.0.0.1/token\"", good, None, ["http://127.0.0.1", "anybody on the way"]),
        (near, "{}", None, ["https://registry.example", "without a token"]),
        (near, "{\"token\":\"two\\r\\nx-evil: lines\"}", None, ["https://registry.example", "without a token"]),
        (near, "{\"token\":\"wrong\"}", None, ["401", "refused"]),
        ("Negotiate", good, None, ["Negotiate", "not spoken"]),
    ] {
        let liar = Arc::new(server(challenge, token));
        says(pull(&home, &at(liar.clone(), PLACE, login), &acme()).await, &words);
        assert!(liar.asked().iter().all(|(_, shown)| shown.as_deref() != Some("Basic dTpw")), "{challenge}");
    }
}
