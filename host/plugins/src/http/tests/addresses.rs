//! What is dialled is what was checked, and an inside address is not reached by any
//! of its spellings.

use super::server::{HI, Server};
use super::stage::{PUBLIC, Stage};
use serde_json::json;
use wasmtime_wasi_http::Error;

const INSIDE: [&str; 22] = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.0.1",
    "169.254.169.254",
    "192.0.0.192",
    "198.18.0.1",
    "203.0.113.7",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "fe80::1",
    "fd00::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::1",
    "2001:0:53aa:64c::1",
    "fd00:ec2::254",
];

#[tokio::test]
async fn a_grant_of_any_public_server_reaches_no_inside_address_by_name_or_number() {
    let server = Server::saying(HI).await;
    for address in INSIDE {
        let literal = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        for host in ["api.example.com", literal.as_str()] {
            let stage = Stage::new(server.address, &[&[address]], json!({"net": [{"url": "http://*"}]}));
            let errand = stage.errand("tool");
            let budget = errand.budget.clone();
            let refused = stage.get_in(errand, &format!("http://{host}/")).await.unwrap_err();
            assert!(matches!(refused, Error::DestinationIpProhibited), "{host} at {address}: {refused}");
            assert!(budget.notes().denial.is_some_and(|denial| denial.why.contains(host) || denial.why.contains(address)));
            assert!(stage.dialled().is_empty(), "{address}");
            assert_eq!(stage.rows("egress")[0].verdict, "denied");
        }
    }
}

#[tokio::test]
async fn an_answer_with_one_inside_address_is_refused_whole_wherever_it_stands() {
    let server = Server::saying(HI).await;
    for address in INSIDE {
        for answer in [[PUBLIC, address], [address, PUBLIC]] {
            let stage = Stage::new(server.address, &[&answer], json!({"net": [{"url": "http://api.example.com", "private": true}]}));
            stage.fails("http://api.example.com/", "prohibited").await;
            assert!(stage.dialled().is_empty(), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_looked_up_once_and_dialled_where_it_was_checked() {
    let server = Server::saying(HI).await;
    // Whoever asked a second time, or dialled by name, would reach this machine.
    let stage = Stage::new(server.address, &[&[PUBLIC], &["127.0.0.1"]], json!({"net": [{"url": "http://*"}]}));
    assert_eq!(stage.get("http://rebind.example.com/").await.unwrap(), "200 hi");
    assert_eq!(stage.asked(), ["rebind.example.com"]);
    assert_eq!(stage.dialled(), [format!("{PUBLIC}:80").parse().unwrap()]);
    assert_eq!(stage.rows("egress")[0].detail["address"], PUBLIC);
    // The open connection does not vouch for the next request.
    stage.fails("http://rebind.example.com/", "prohibited").await;
    assert_eq!((stage.asked().len(), stage.dialled().len()), (2, 1));
}

#[tokio::test]
async fn the_first_of_several_public_addresses_is_dialled_with_the_port_that_was_granted() {
    let server = Server::saying(HI).await;
    let stage = Stage::new(server.address, &[&["8.8.4.4", PUBLIC]], json!({"net": [{"url": "http://api.example.com:8080"}]}));
    assert_eq!(stage.get("http://api.example.com:8080/").await.unwrap(), "200 hi");
    assert_eq!(stage.dialled(), ["8.8.4.4:8080".parse().unwrap()]);
    assert!(server.heard()[0].contains("\r\nhost: api.example.com:8080\r\n"));
}

#[tokio::test]
async fn an_address_in_a_url_is_its_own_answer_and_asks_nobody() {
    let server = Server::saying(HI).await;
    let stage = Stage::new(server.address, &[&["127.0.0.1"]], json!({"net": [{"url": "http://*"}]}));
    assert_eq!(stage.get(&format!("http://{PUBLIC}/")).await.unwrap(), "200 hi");
    assert_eq!(stage.get("http://[::ffff:93.184.216.34]/").await.unwrap(), "200 hi");
    assert!(stage.asked().is_empty());
    assert_eq!(stage.dialled(), [format!("{PUBLIC}:80").parse().unwrap()], "one address, one connection");
}
