//! The door follows no redirect. A guest that does comes through the door again, and
//! what the first server says about another one opens nothing.

use super::server::{HI, Server};
use super::stage::{PUBLIC, Stage, get};
use http::header::LOCATION;
use serde_json::{Value, json};
use wasmtime_wasi_http::Error;

/// Sends each `GET /` to `location`, and greets all others.
async fn redirecting(location: &'static str) -> Server {
    Server::doing(move |mut talk| async move {
        let mut first = true;
        while talk.head().await {
            let answer = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
            talk.say(if std::mem::take(&mut first) { answer } else { HI.to_owned() }).await;
        }
    })
    .await
}

/// A guest's HTTP client: follows what it is told, within one call.
async fn follow(stage: &Stage, url: &str) -> Result<u16, Error> {
    let (first, second) = (stage.errand("tool"), stage.errand("tool"));
    let answer = stage.door.send(first, get(url)).await?;
    assert_eq!(answer.status(), 302, "the door itself follows nothing");
    let next = answer.headers()[LOCATION].to_str().unwrap().to_owned();
    drop(answer);
    Ok(stage.door.send(second, get(&next)).await?.status().as_u16())
}

fn secret(url: &str) -> Value {
    json!({"name": "k", "header": "x-key", "format": "{}", "url": url})
}

#[tokio::test]
async fn a_public_server_cannot_send_a_guest_inside_or_where_nothing_is_granted() {
    for (next, denied) in [
        ("http://127.0.0.1/", true),
        ("http://[::1]/", true),
        ("http://169.254.169.254/latest/meta-data/", true),
        ("http://[::ffff:169.254.169.254]/", true),
        ("http://10.0.0.1/", true),
        ("http://inside.example.com/", true),
        ("http://ungranted.example/", true),
        ("https://api.example.com/", true),
        ("http://api.example.com:8080/", true),
        ("http://api.example.com@127.0.0.1/", true),
        ("http://2130706433/", true),
        ("http://api.example.com/next", false),
    ] {
        let server = redirecting(next).await;
        let granted = json!({"net": [{"url": "http://api.example.com"}, {"url": "http://inside.example.com"}]});
        let second: &[&str] = if next.contains("inside") { &["127.0.0.1"] } else { &[PUBLIC] };
        let stage = Stage::new(server.address, &[&[PUBLIC], second], granted);
        let followed = follow(&stage, "http://api.example.com/").await;
        assert_eq!(followed.is_err(), denied, "{next}: {followed:?}");
        assert!(stage.dialled().iter().all(|address| address.ip().to_string() == PUBLIC && address.port() == 80), "{next}");
        assert_eq!(server.heard().concat().matches("GET ").count(), if denied { 1 } else { 2 }, "{next}");
    }
}

#[tokio::test]
async fn even_a_grant_of_any_public_server_does_not_follow_inside() {
    for next in ["http://127.0.0.1/", "http://169.254.169.254/", "http://localhost/"] {
        let server = redirecting(next).await;
        let stage = Stage::new(server.address, &[&[PUBLIC], &["127.0.0.1"]], json!({"net": [{"url": "http://*"}]}));
        let refused = follow(&stage, "http://api.example.com/").await.unwrap_err();
        assert!(matches!(refused, Error::DestinationIpProhibited), "{next}: {refused}");
        assert_eq!(stage.dialled().len(), 1);
    }
}

#[tokio::test]
async fn a_credential_stays_with_its_origin_when_a_guest_follows() {
    for (next, carried) in [
        ("http://api.example.com/next", true),
        ("http://other.example.com/", false),
        ("http://api.example.com:8080/", false),
        ("http://sub.api.example.com/", false),
    ] {
        let server = redirecting(next).await;
        let net = ["http://api.example.com", "http://other.example.com", "http://api.example.com:8080", "http://sub.api.example.com"];
        let net: Vec<Value> = net.iter().map(|url| json!({"url": url})).collect();
        let granted = json!({"net": net, "secrets": [secret("http://api.example.com")]});
        let stage = Stage::new(server.address, &[&[PUBLIC]], granted);
        follow(&stage, "http://api.example.com/").await.unwrap();
        let heard = server.heard().concat();
        assert_eq!(heard.matches("GET ").count(), 2);
        assert_eq!(heard.matches("x-key: hunter2").count(), if carried { 2 } else { 1 }, "{next}");
    }
}
