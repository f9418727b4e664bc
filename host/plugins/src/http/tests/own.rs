//! What the host fetches for itself: from whom its owner named, and from nobody else.

use super::super::dial::{Tcp, system_roots};
use super::super::own::{Got, OwnDoor, OwnError, authorities};
use super::super::resolve::Resolver;
use super::super::wire::Wire;
use super::server::{HI, Server};
use super::tls::{Identity, identity};
use async_trait::async_trait;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::net::TcpStream;

/// Says the same of each name, and leads every address to one server.
struct World {
    says: Vec<IpAddr>,
    server: SocketAddr,
    dialled: Mutex<Vec<SocketAddr>>,
}

#[async_trait]
impl Resolver for World {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(self.says.clone())
    }
}

#[async_trait]
impl Wire for World {
    async fn open(&self, address: SocketAddr) -> std::io::Result<TcpStream> {
        self.dialled.lock().unwrap().push(address);
        Tcp.open(self.server).await
    }
}

fn door(server: SocketAddr, says: &[&str], named: &[(&str, bool)]) -> (OwnDoor, Arc<World>) {
    let says = says.iter().map(|address| address.parse().unwrap()).collect();
    let world = Arc::new(World { says, server, dialled: Mutex::default() });
    let named: Vec<(String, bool)> = named.iter().map(|(url, private)| ((*url).to_owned(), *private)).collect();
    (OwnDoor::over(&named, world.clone(), world.clone(), Arc::new(system_roots)).unwrap(), world)
}

async fn whole(mut got: Got) -> Result<Vec<u8>, OwnError> {
    let mut bytes = Vec::new();
    while let Some(piece) = got.body.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

async fn answering(answer: &'static str) -> Server {
    Server::doing(move |mut talk| async move {
        while talk.head().await {
            talk.say(answer).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_named_public_server_is_asked_over_one_connection() {
    let server = answering(HI).await;
    let (door, world) = door(server.address, &["93.184.216.34"], &[("http://registry.example", false)]);
    for _ in 0..2 {
        assert_eq!(whole(door.get("http://registry.example/a?b", 0).await.unwrap()).await.unwrap(), b"hi");
    }
    assert_eq!(*world.dialled.lock().unwrap(), ["93.184.216.34:80".parse().unwrap()]);
    let heard = server.heard().concat();
    assert!(heard.starts_with("GET /a?b HTTP/1.1\r\n") && heard.contains("host: registry.example\r\n"), "{heard}");
    assert!(heard.contains("accept-encoding: identity") && !heard.contains("range:"), "{heard}");
}

#[tokio::test]
async fn what_was_not_named_is_not_dialled() {
    let server = answering(HI).await;
    let (door, world) = door(server.address, &["93.184.216.34"], &[("http://registry.example", false)]);
    for other in [
        "http://other.example/",
        "https://registry.example/",
        "http://registry.example:81/",
        "http://a@registry.example/",
        "http://93.184.216.34/",
        "ftp://registry.example/",
        "/nothing",
    ] {
        assert!(door.get(other, 0).await.is_err(), "{other}");
    }
    assert!(world.dialled.lock().unwrap().is_empty());
    for wide in ["https://*", "https://*.example.org", "file:///", "example.org"] {
        let made = OwnDoor::over(&[(wide.into(), false)], world.clone(), world.clone(), Arc::new(system_roots));
        assert!(made.is_err(), "{wide}");
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_dialled_only_where_its_owner_said_so() {
    let server = answering(HI).await;
    let (public, world) = door(server.address, &["127.0.0.1"], &[("http://registry.example", false)]);
    let refused = public.get("http://registry.example/", 0).await.unwrap_err().to_string();
    assert!(refused.contains("not dialled"), "{refused}");
    assert!(world.dialled.lock().unwrap().is_empty());
    let (private, _) = door(server.address, &["127.0.0.1"], &[("http://registry.example", true)]);
    assert_eq!(private.get("http://registry.example/", 0).await.unwrap().status, 200);
    let (metadata, _) = door(server.address, &["169.254.169.254"], &[("http://registry.example", true)]);
    assert!(metadata.get("http://registry.example/", 0).await.is_err(), "never, whoever says so");
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let server = answering("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n").await;
    let (door, world) = door(server.address, &["93.184.216.34"], &[("http://registry.example", false)]);
    let got = door.get("http://registry.example/", 0).await.unwrap();
    assert_eq!((got.status, got.location.as_deref()), (302, Some("http://127.0.0.1/")));
    assert_eq!(world.dialled.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_part_is_asked_for_and_what_comes_is_told() {
    let server = answering("HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 5-6/7\r\ncontent-length: 2\r\n\r\nhi").await;
    let (door, _) = door(server.address, &["93.184.216.34"], &[("http://registry.example", false)]);
    let got = door.get("http://registry.example/x", 5).await.unwrap();
    assert_eq!((got.status, got.start, got.length), (206, Some(5), Some(2)));
    assert_eq!(whole(got).await.unwrap(), b"hi");
    assert!(server.heard().concat().contains("range: bytes=5-\r\n"));
}

#[tokio::test]
async fn what_comes_packed_or_breaks_off_is_an_error() {
    let packed = answering("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nhi").await;
    let (door_to_packed, _) = door(packed.address, &["93.184.216.34"], &[("http://registry.example", false)]);
    assert!(door_to_packed.get("http://registry.example/", 0).await.unwrap_err().to_string().contains("gzip"));
    let short = Server::doing(|mut talk| async move {
        talk.head().await;
        talk.say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi").await;
    })
    .await;
    let (door_to_short, _) = door(short.address, &["93.184.216.34"], &[("http://registry.example", false)]);
    let broken = whole(door_to_short.get("http://registry.example/", 0).await.unwrap()).await;
    assert!(broken.unwrap_err().to_string().contains("broke off"));
}

/// What a door that believes these roots says of a server with a certificate for this name.
async fn under_tls(name: &str, believed: bool) -> Result<u16, String> {
    let Identity { roots, acceptor } = identity(&[name], &["http/1.1"]);
    let server = Server::doing(move |talk| {
        let acceptor = acceptor.clone();
        async move {
            let Some(mut talk) = talk.under(&acceptor).await else { return };
            while talk.head().await {
                talk.say(HI).await;
            }
        }
    })
    .await;
    let says = vec!["93.184.216.34".parse().unwrap()];
    let world = Arc::new(World { says, server: server.address, dialled: Mutex::default() });
    let roots = if believed { roots } else { identity(&[name], &["http/1.1"]).roots };
    let named = [("https://registry.example".to_owned(), false)];
    let door = OwnDoor::over(&named, world.clone(), world, Arc::new(move || roots.clone())).unwrap();
    let got = door.get("https://registry.example/", 0).await;
    assert_eq!(server.heard().concat().is_empty(), got.is_err(), "a server that proved nothing hears nothing");
    got.map(|got| got.status).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_certificate_is_refused_with_what_is_wrong_about_it() {
    assert_eq!(under_tls("registry.example", true).await, Ok(200));
    let other = under_tls("other.example", true).await.unwrap_err();
    assert!(other.contains("for another name"), "{other}");
    let unknown = under_tls("registry.example", false).await.unwrap_err();
    assert!(unknown.contains("nobody that this host trusts vouches") && unknown.contains("--ca FILE"), "{unknown}");
}

#[test]
fn a_text_without_certificates_of_authorities_is_none() {
    for evil in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\n"] {
        assert!(authorities(evil).is_err(), "{evil}");
    }
}
