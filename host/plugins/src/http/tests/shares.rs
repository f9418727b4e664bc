//! Connections, requests and bytes that all calls of a plugin have together, and the
//! host's connections that all plugins have.

use super::super::share::Shares;
use super::server::{HI, Server};
use super::stage::{Stage, get, text};
use crate::limits;
use futures_util::FutureExt;
use http_body_util::BodyExt;
use serde_json::json;
use skynet_core::PluginId;
use std::cell::RefCell;
use std::time::Duration;
use tokio::time::{Instant, advance};
use wasmtime_wasi_http::Error;

const URL: &str = "http://api.example.com/";

/// Answers, and then keeps the body going without saying more.
async fn holding() -> Server {
    Server::doing(|mut talk| async move {
        talk.head().await;
        talk.say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi").await;
        talk.hang().await;
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_plugin_waits_for_its_own_connections_within_its_connect_time_out_and_no_other_does() {
    let server = holding().await;
    let stage = Stage::open(server.address);
    let mut open = Vec::new();
    for _ in 0..limits::HTTP_PLUGIN_CONNECTIONS {
        open.push(stage.send(get(URL)).await.unwrap());
    }
    let begun = Instant::now();
    let refused = stage.send(get(URL)).await.unwrap_err();
    assert!(matches!(refused, Error::ConnectionTimeout), "{refused}");
    assert_eq!(begun.elapsed().as_secs(), 10, "the wait counts as connecting");
    assert_eq!(stage.door.send(stage.errand("other"), get(URL)).await.unwrap().status(), 200);
    let waiting = stage.send(get(URL));
    let freeing = async { drop(open.pop()) };
    let (served, ()) = tokio::join!(waiting, freeing);
    assert_eq!(served.unwrap().status(), 200, "who waits gets the next that is closed");
    assert_eq!(stage.rows("egress.end").iter().filter(|row| row.detail["why"] == "connection timeout").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_call_has_four_requests_open_and_waits_for_the_fifth_as_for_a_connection() {
    let server = holding().await;
    let stage = Stage::open(server.address);
    let call = stage.errand("tool");
    let again = || super::super::door::Errand { budget: call.budget.clone(), ..stage.errand("tool") };
    let mut open = Vec::new();
    for _ in 0..limits::HTTP_CONCURRENT {
        open.push(stage.door.send(again(), get(URL)).await.unwrap());
    }
    let begun = Instant::now();
    assert!(matches!(stage.door.send(again(), get(URL)).await, Err(Error::ConnectionTimeout)));
    assert_eq!(begun.elapsed().as_secs(), 10);
    drop(open.pop());
    assert_eq!(stage.door.send(again(), get(URL)).await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_idle_connection_makes_room_for_one_that_is_wanted() {
    let server = Server::saying(HI).await;
    let addresses: Vec<String> = (1..=limits::HTTP_PLUGIN_CONNECTIONS + 3).map(|last| format!("8.8.8.{last}")).collect();
    let answers: Vec<[&str; 1]> = addresses.iter().map(|address| [address.as_str()]).collect();
    let answers: Vec<&[&str]> = answers.iter().map(|answer| &answer[..]).collect();
    let stage = Stage::new(server.address, &answers, json!({"net": [{"url": "http://*"}]}));
    for _ in &addresses {
        assert_eq!(stage.get(URL).await.unwrap(), "200 hi");
    }
    assert_eq!(stage.dialled().len(), addresses.len(), "each to another address");
}

#[tokio::test]
async fn the_hosts_connections_are_for_all_plugins_together() {
    let shares = Shares::default();
    let id = |number: usize| PluginId::new(&format!("acme/p{number}")).unwrap();
    let asked = RefCell::new(Vec::new());
    let make_room = |own: bool| asked.borrow_mut().push(own);
    let mut leases = Vec::new();
    for number in 0..limits::HTTP_CONNECTIONS / limits::HTTP_PLUGIN_CONNECTIONS {
        let share = shares.of(&id(number));
        for _ in 0..limits::HTTP_PLUGIN_CONNECTIONS {
            leases.push(shares.lease(&share, make_room).await.unwrap());
        }
    }
    assert!(asked.borrow().is_empty());
    let share = shares.of(&id(99));
    let mut waiting = Box::pin(shares.lease(&share, make_room));
    assert!((&mut waiting).now_or_never().is_none());
    assert_eq!(*asked.borrow(), [false], "an idle connection of anybody is to be closed");
    leases.pop();
    assert!(waiting.await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_used_up_its_requests_is_told_when_there_are_more() {
    let server = Server::saying(HI).await;
    let stage = Stage::open(server.address);
    let share = stage.door.shares.of(&PluginId::new("acme/tool").unwrap());
    while share.request().is_ok() {}
    let errand = stage.errand("tool");
    let budget = errand.budget.clone();
    let refused = stage.door.send(errand, get(URL)).await.unwrap_err();
    assert!(matches!(refused, Error::ConnectionLimitReached), "{refused}");
    let overrun = budget.notes().overrun.unwrap();
    assert_eq!((overrun.of, overrun.limit, overrun.retry), ("requests", 600, Duration::from_millis(101)));
    assert!(stage.asked().is_empty() && stage.dialled().is_empty());
    let row = &stage.rows("egress")[0];
    assert_eq!(row.verdict, "denied");
    assert!(row.detail["why"].as_str().unwrap().contains("there are more in 101 ms"), "{row:?}");
    text(stage.door.send(stage.errand("other"), get(URL)).await.unwrap()).await.unwrap();
    advance(overrun.retry).await;
    assert_eq!(stage.get(URL).await.unwrap(), "200 hi");
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_used_up_its_bytes_has_its_body_cut_and_its_requests_kept_back() {
    let server = holding().await;
    let stage = Stage::open(server.address);
    let share = stage.door.shares.of(&PluginId::new("acme/tool").unwrap());
    let errand = stage.errand("tool");
    let budget = errand.budget.clone();
    let mut answer = stage.door.send(errand, get(URL)).await.unwrap().into_body();
    share.bytes(limits::HTTP_PLUGIN_BYTES).unwrap();
    let cut = answer.frame().await.unwrap().unwrap_err();
    assert!(matches!(cut, Error::ConnectionLimitReached), "{cut}");
    assert_eq!(budget.notes().overrun.unwrap().of, "bytes");
    assert!(answer.frame().await.is_none());
    assert!(matches!(stage.send(get(URL)).await, Err(Error::ConnectionLimitReached)));
    assert_eq!((stage.asked().len(), stage.dialled().len()), (1, 1));
    advance(Duration::from_secs(60)).await;
    assert_eq!(stage.send(get(URL)).await.unwrap().status(), 200);
}
