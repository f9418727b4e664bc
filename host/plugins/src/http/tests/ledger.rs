//! What the audit log has of an exchange: nothing leaves without a row, and each
//! exchange ends in one, however it ends.

use super::server::{HI, Server};
use super::stage::{PUBLIC, Stage, body, get, text};
use http::Request;
use serde_json::json;

const URL: &str = "http://api.example.com/secret-path?token=hunter2";

#[tokio::test]
async fn an_exchange_has_two_rows_with_its_number_its_address_its_bytes_and_its_end() {
    let server = Server::saying(HI).await;
    let stage = Stage::open(server.address);
    let request = Request::post(URL).header("x-a", "1").body(body("hello")).unwrap();
    let answer = stage.send(request).await.unwrap();
    let begun = stage.rows("egress").remove(0);
    assert_eq!((begun.actor.as_str(), begun.verdict.as_str()), ("acme/tool@1.0.0#7", "ok"));
    assert_eq!(begun.subject, "POST http://api.example.com", "neither path nor query");
    assert_eq!(begun.detail["address"], PUBLIC);
    assert!(stage.rows("egress.end").is_empty(), "the answer is still being read");
    assert_eq!(text(answer).await.unwrap(), "200 hi");
    let ended = stage.rows("egress.end").remove(0);
    assert_eq!((&ended.actor, &ended.subject, ended.verdict.as_str()), (&begun.actor, &begun.subject, "ok"));
    assert_eq!(ended.detail["exchange"], begun.detail["exchange"]);
    assert_eq!((&ended.detail["address"], &ended.detail["status"]), (&json!(PUBLIC), &json!(200)));
    assert!(ended.detail["ms"].is_u64() && ended.detail["why"].is_null());
    let (out, back) = (ended.detail["out"].as_u64().unwrap(), ended.detail["in"].as_u64().unwrap());
    assert!(out > 5 + "/secret-path?token=hunter2x-a1".len() as u64 && out < 200, "body, path and headers: {out}");
    assert!(back > 2 && back < 50, "body and headers: {back}");
    assert!(!format!("{begun:?}{ended:?}").contains("hunter2"));
    text(stage.send(get(URL)).await.unwrap()).await.unwrap();
    assert_ne!(stage.rows("egress")[1].detail["exchange"], begun.detail["exchange"]);
}

#[tokio::test]
async fn the_first_row_is_there_before_anything_is_dialled() {
    let server = Server::saying(HI).await;
    let stage = Stage::open(server.address);
    stage.get(URL).await.unwrap();
    assert_eq!((stage.rows("egress").len(), stage.dialled().len()), (1, 1));
    drop(server);
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let stage = Stage::open(nobody);
    stage.fails(URL, "refused").await;
    let ended = &stage.rows("egress.end")[0];
    assert_eq!((stage.rows("egress").len(), ended.verdict.as_str()), (1, "error"));
    assert!(ended.detail["why"].as_str().unwrap().contains("refused") && ended.detail["status"].is_null(), "{ended:?}");
}

#[tokio::test]
async fn an_answer_that_the_guest_lets_go_of_says_so() {
    let server = Server::doing(|mut talk| async move {
        talk.head().await;
        talk.say("HTTP/1.1 503 No\r\ncontent-length: 99\r\n\r\nhi").await;
        talk.hang().await;
    })
    .await;
    let stage = Stage::open(server.address);
    drop(stage.send(get(URL)).await.unwrap());
    let ended = &stage.rows("egress.end")[0];
    assert_eq!((ended.verdict.as_str(), &ended.detail["status"]), ("error", &json!(503)));
    assert!(ended.detail["why"].as_str().unwrap().contains("let go"), "{ended:?}");
}

#[tokio::test]
async fn a_call_that_is_dropped_on_its_way_still_ends_in_a_row() {
    let server = Server::doing(|mut talk| async move { talk.hang().await }).await;
    let stage = Stage::open(server.address);
    let mut sending = Box::pin(stage.send(get(URL)));
    while server.heard().concat().is_empty() {
        std::future::poll_fn(|context| {
            assert!(sending.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        tokio::task::yield_now().await;
    }
    drop(sending);
    // The connection's own task may hold the request for a moment longer.
    while stage.rows("egress.end").is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.rows("egress.end")[0].verdict, "error");
}
