//! The plain endpoints, and requests that are not meant for us.

use crate::wire::{http, soon};
use crate::world::{OWNER, World};
use serde_json::json;
use skynet_gateway::Readiness;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn health_lives_and_takes_only_get_and_head() {
    let world = World::start().await;
    for path in ["/health", "/healthz"] {
        let reply = http(world.address, "GET", path, &[], "").await;
        assert_eq!((reply.status, reply.json()), (200, json!({"ok": true, "status": "live"})));
        let reply = http(world.address, "HEAD", path, &[], "").await;
        assert_eq!((reply.status, reply.body.as_str()), (200, ""));
        let reply = http(world.address, "POST", path, &[], "").await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")));
    }
}

#[tokio::test]
async fn ready_tells_what_fails_only_to_those_who_may_know() {
    let world = World::start().await;
    let reply = http(world.address, "GET", "/ready", &[], "").await;
    assert_eq!((reply.status, &reply.json()["ready"], &reply.json()["failing"]), (200, &json!(true), &json!([])));
    *world.readiness.lock().unwrap() = Readiness { starting: false, failing: vec!["no model serves".into()] };
    let reply = http(world.address, "GET", "/readyz", &[], "").await;
    assert_eq!((reply.status, &reply.json()["failing"]), (503, &json!(["no model serves"])));
    let far = [("x-forwarded-for", "203.0.113.9")];
    let reply = http(world.address, "GET", "/ready", &far, "").await;
    assert_eq!((reply.status, reply.json()), (503, json!({"ready": false})));
    let bearer = format!("Bearer {OWNER}");
    let reply = http(world.address, "GET", "/ready", &[far[0], ("authorization", &bearer)], "").await;
    assert_eq!(reply.json()["failing"], json!(["no model serves"]));
    assert_eq!(http(world.address, "DELETE", "/ready", &[], "").await.status, 405);
}

#[tokio::test]
async fn a_foreign_host_name_gets_nothing() {
    let world = World::with(|config| config.allowed_origins = vec!["https://bot.example".into()]).await;
    let status = async |host: &str| http(world.address, "GET", "/health", &[("host", host)], "").await.status;
    assert_eq!(status("evil.example").await, 403);
    assert_eq!(status("127.0.0.1.evil.example").await, 403);
    assert_eq!(status("bot.example").await, 200);
    assert_eq!(status("localhost:1").await, 200);
    assert_eq!(status("[::1]").await, 200);
}

#[tokio::test]
async fn every_answer_has_the_headers_that_protect_a_browser() {
    let world = World::start().await;
    for path in ["/", "/health", "/nope", "/v1/models"] {
        let reply = http(world.address, "GET", path, &[], "").await;
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert!(reply.header("access-control-allow-origin").is_none());
    }
    let page = http(world.address, "GET", "/", &[], "").await;
    assert!(page.body.contains("SmartopolAI") && page.body.contains("9.9.9"));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert_eq!(http(world.address, "GET", "/nope", &[], "").await.status, 404);
    let reply = http(world.address, "GET", "/v1/chat/completions", &[], "").await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
}

#[tokio::test]
async fn an_upgrade_of_another_version_is_told_which() {
    let world = World::start().await;
    let headers = [
        ("upgrade", "websocket"),
        ("connection", "upgrade"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("sec-websocket-version", "8"),
    ];
    let reply = http(world.address, "GET", "/", &headers, "").await;
    assert_eq!((reply.status, reply.header("sec-websocket-version")), (426, Some("13")));
    let reply =
        http(world.address, "GET", "/ws", &[("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "13")], "")
            .await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let world = World::start().await;
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OWNER}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        25 * 1024 * 1024
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let chunk = vec![b'x'; 1024 * 1024];
    for _ in 0..25 {
        if socket.write_all(&chunk).await.is_err() {
            break;
        }
    }
    let mut reply = vec![0; 64];
    let read = soon(socket.read(&mut reply)).await.unwrap_or(0);
    let reply = String::from_utf8_lossy(&reply[..read]).into_owned();
    assert!(reply.starts_with("HTTP/1.1 413"), "{reply}");
}

#[tokio::test]
async fn nonsense_on_the_wire_breaks_nothing() {
    let world = World::start().await;
    for nonsense in [
        &b"\x16\x03\x01\x02\x00"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ] {
        let mut socket = TcpStream::connect(world.address).await.unwrap();
        socket.write_all(nonsense).await.unwrap();
        socket.shutdown().await.unwrap();
        let mut reply = Vec::new();
        let _ = soon(socket.read_to_end(&mut reply)).await;
    }
    assert_eq!(http(world.address, "GET", "/health", &[], "").await.status, 200);
}
