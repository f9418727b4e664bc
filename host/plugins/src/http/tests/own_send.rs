//! What the host itself writes: to the one server that its owner named.

use super::super::dial::{Tcp, system_roots};
use super::super::own::{OwnDoor, OwnError, OwnRequest};
use super::super::resolve::Resolver;
use super::super::wire::Wire;
use super::server::Server;
use async_trait::async_trait;
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::net::TcpStream;

/// Says the same of each name, and leads every address to one server.
struct World {
    says: IpAddr,
    server: SocketAddr,
    dialled: Mutex<Vec<SocketAddr>>,
}

#[async_trait]
impl Resolver for World {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(vec![self.says])
    }
}

#[async_trait]
impl Wire for World {
    async fn open(&self, address: SocketAddr) -> std::io::Result<TcpStream> {
        self.dialled.lock().unwrap().push(address);
        Tcp.open(self.server).await
    }
}

fn over(server: &str, may: (bool, bool), world: &Arc<World>) -> Result<OwnDoor, OwnError> {
    OwnDoor::writing_over(server, may, world.clone(), world.clone(), Arc::new(system_roots))
}

fn door(server: &Server, says: &str, private: bool) -> (OwnDoor, Arc<World>) {
    let world = Arc::new(World { says: says.parse().unwrap(), server: server.address, dialled: Mutex::default() });
    (over("http://registry.example", (private, true), &world).unwrap(), world)
}

fn request(method: &'static str, url: &str) -> OwnRequest {
    let headers = vec![("content-type", "text/plain".to_owned())];
    OwnRequest { method, url: url.into(), headers, body: Bytes::from_static(if method == "PUT" { b"bytes" } else { b"" }) }
}

#[tokio::test]
async fn a_body_goes_to_the_named_server_with_its_length_and_its_headers() {
    let server = Server::saying("HTTP/1.1 201 Created\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n").await;
    let (door, _) = door(&server, "93.184.216.34", false);
    let answered = door.send(request("PUT", "http://registry.example/v2/a?digest=b")).await.unwrap();
    assert_eq!(answered.status, 201);
    assert!(answered.headers.contains(&("location".into(), "/x".into())));
    let heard = server.heard().concat();
    assert!(heard.starts_with("PUT /v2/a?digest=b HTTP/1.1\r\n"), "{heard}");
    assert!(heard.contains("content-length: 5\r\n") && heard.contains("content-type: text/plain\r\n"), "{heard}");
}

#[tokio::test]
async fn nothing_is_written_elsewhere_and_nothing_read_without_tls() {
    let server = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let (public, world) = door(&server, "93.184.216.34", false);
    for (method, url) in [
        ("PUT", "https://other.example/"),
        ("POST", "https://other.example/"),
        ("GET", "http://other.example/"),
        ("GET", "http://registry.example:81/"),
        ("DELETE", "http://registry.example/"),
        ("GET", "http://a@registry.example/"),
    ] {
        let refused = public.send(request(method, url)).await.unwrap_err().to_string();
        assert!(refused.contains("not dialled"), "{method} {url}: {refused}");
    }
    let (inside, also) = door(&server, "127.0.0.1", false);
    for url in ["http://registry.example/", "https://cdn.example/blob"] {
        assert!(inside.send(request("GET", url)).await.unwrap_err().to_string().contains("not dialled"), "{url}");
    }
    assert!(world.dialled.lock().unwrap().is_empty() && also.dialled.lock().unwrap().is_empty());
    let (private, _) = door(&server, "127.0.0.1", true);
    assert_eq!(private.send(request("GET", "http://registry.example/")).await.unwrap().status, 200);
    assert!(private.send(request("GET", "https://cdn.example/blob")).await.is_err(), "the word was for one server");
    for wide in ["https://*", "https://*.example.org", "example.org"] {
        assert!(over(wide, (false, false), &world).is_err(), "{wide}");
    }
}
