//! Plugins from an OCI registry as their user has them: in the lockfile, updated when a tag
//! moves, and the same bytes on another machine.

use crate::household::{Household, Said};
use crate::keeper::{CLOCK, Keeper, NET, key};
use crate::tls::Authority;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use skynet_policy::sha256_hex;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::{Arc, Mutex};

/// What of the distribution API a push and a pull take, in memory.
#[derive(Default)]
struct Held {
    blobs: BTreeMap<String, Vec<u8>>,
    manifests: BTreeMap<String, Vec<u8>>,
}

struct Distribution {
    address: SocketAddr,
    held: Arc<Mutex<Held>>,
}

impl Distribution {
    fn start() -> Self {
        Self::at(IpAddr::V4(Ipv4Addr::LOCALHOST), None)
    }

    fn at(here: IpAddr, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind((here, 0)).unwrap();
        let (address, held) = (listener.local_addr().unwrap(), Arc::<Mutex<Held>>::default());
        let shared = Arc::clone(&held);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                std::thread::spawn(move || {
                    let Some(config) = tls else { return drop(answer(stream, &shared)) };
                    drop(answer(StreamOwned::new(ServerConnection::new(config).unwrap(), stream), &shared));
                });
            }
        });
        Self { address, held }
    }

    fn reference(&self, tag: &str) -> String {
        format!("oci://{}/acme/clock{tag}", self.address)
    }

    /// Every answer from now on is that there is no such thing.
    fn forget(&self) {
        *self.held.lock().unwrap() = Held::default();
    }
}

fn answer(stream: impl Read + Write, held: &Mutex<Held>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let mut stream = reader.into_inner();
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let name = target.rsplit('/').next().unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
    let mut held = held.lock().unwrap();
    let (status, more, bytes) = match method.as_str() {
        "POST" => ("202 Accepted", "location: /v2/acme/clock/blobs/uploads/one\r\n".to_owned(), Vec::new()),
        "PUT" if target.contains("/blobs/uploads/") => {
            held.blobs.insert(sha256_hex(&body), body);
            ("201 Created", String::new(), Vec::new())
        }
        "PUT" => {
            let digest = format!("sha256:{}", sha256_hex(&body));
            held.manifests.insert(digest.clone(), body.clone());
            held.manifests.insert(name, body);
            ("201 Created", format!("docker-content-digest: {digest}\r\n"), Vec::new())
        }
        _ if target.contains("/manifests/") => match held.manifests.get(&name) {
            Some(bytes) => {
                let kind = skynet_registry_client::oci::MANIFEST;
                ("200 OK", format!("content-type: {kind}\r\ndocker-content-digest: sha256:{}\r\n", sha256_hex(bytes)), bytes.clone())
            }
            None => ("404 Not Found", String::new(), Vec::new()),
        },
        _ => match held.blobs.get(name.trim_start_matches("sha256:")) {
            Some(bytes) => ("200 OK", String::new(), bytes.clone()),
            None => ("404 Not Found", String::new(), Vec::new()),
        },
    };
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n", bytes.len())?;
    if method != "HEAD" {
        stream.write_all(&bytes)?;
    }
    stream.flush()
}

/// A household that trusts the publisher's key, and knows no registry of ours.
fn trusting(home: &Household) {
    home.run(&["key", "trust", &key(1).public().text(), "--name", "acme", "--namespace", "acme"]).done();
}

fn stage() -> (Keeper, Distribution) {
    let keeper = Keeper::new();
    keeper.home.run(&["registry", "remove", "main"]).done();
    trusting(&keeper.home);
    (keeper, Distribution::start())
}

fn push(keeper: &Keeper, to: &Distribution, id: &str, version: &str, permissions: &str) -> Said {
    let path = keeper.path("pushed.wasm");
    std::fs::write(&path, keeper.file(id, version, permissions, 1)).unwrap();
    keeper.home.run(&["plugin", "publish", path.to_str().unwrap(), "--to", &to.reference(":latest"), "--yes", "--move-tag"])
}

fn entry(home: &Household) -> toml::Value {
    let lock = std::fs::read_to_string(home.home().join("registries/plugins.lock")).unwrap();
    toml::from_str::<toml::Value>(&lock).unwrap()["plugin"][0].clone()
}

fn release(home: &Household, arguments: &[&str]) -> String {
    let plan: Value = home.run(&[&["--json", "plugin"], arguments, &["--plan"]].concat()).json();
    plan["plan"][0]["release"].as_str().unwrap().to_owned()
}

#[test]
fn one_from_oci_is_in_the_lockfile_granted_what_was_shown_and_follows_its_tag() {
    let (mut keeper, server) = stage();
    push(&keeper, &server, CLOCK, "1.0.0", NET).done();
    let latest = server.reference(":latest");
    let said = keeper.home.run(&["plugin", "install", &latest]);
    assert!(said.out.contains("asks: ") && said.out.contains("finding:"), "{}", said.out);
    said.refused(4, &["nothing was changed"]);
    let digest = release(&keeper.home, &["install", &latest]);
    keeper.home.run(&["plugin", "install", &latest, "--yes", "--release", &digest]).done();
    let locked = entry(&keeper.home);
    assert!(locked["oci"].as_str().unwrap().starts_with(&format!("{latest}@sha256:")), "{locked}");
    assert_eq!((locked["release"].as_str(), locked.get("registry")), (Some(digest.as_str()), None));
    assert!(locked["grant"].as_str().is_some_and(|grant| grant.len() == 64) && locked["component"].is_str());
    keeper.home.start();
    keeper.serves("1.0.0");
    assert!(keeper.home.run(&["plugin", "grants", CLOCK]).done().contains("time.example.org"));
    assert!(keeper.home.run(&["plugin", "info", CLOCK]).done().contains(&latest));
    assert!(keeper.home.run(&["plugin", "outdated"]).done().contains("nothing newer"));

    push(&keeper, &server, CLOCK, "1.1.0", NET).done();
    let outdated = keeper.home.run(&["--json", "plugin", "outdated"]).json();
    assert_eq!(outdated["updates"][0]["to"], "1.1.0");
    assert!(keeper.home.run(&["status"]).done().contains("acme/clock 1.0.0 → 1.1.0"));
    keeper.home.run(&["plugin", "update"]).refused(4, &["nobody is here"]);
    let digest = release(&keeper.home, &["update"]);
    keeper.home.run(&["plugin", "update", "--yes", "--release", &digest]).done();
    keeper.serves("1.1.0");

    // The way back leads to the manifest that it came from, and is pinned.
    keeper.home.run(&["plugin", "rollback", CLOCK]).done();
    keeper.serves("1.0.0");
    assert_eq!(entry(&keeper.home)["oci"], locked["oci"]);
    assert!(keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).done().contains("1 are pinned"));
    let outdated = keeper.home.run(&["--json", "plugin", "outdated"]).json();
    assert_eq!((outdated["updates"].as_array().unwrap().len(), &outdated["pinned"][0]["to"]), (0, &"1.1.0".into()), "{outdated}");
    assert!(keeper.home.run(&["plugin", "outdated"]).done().contains("is pinned, and 1.1.0 is listed"));
    keeper.serves("1.0.0");
    keeper.home.run(&["plugin", "remove", CLOCK, "--yes"]).done();
    assert_eq!(keeper.in_folder(), None);
    let keys = keeper.home.run(&["key", "list"]).done();
    assert!(keys.contains("acme"), "the owner's own trust stays: {keys}");
}

#[test]
fn a_tag_that_moves_to_something_odd_installs_nothing() {
    let (keeper, server) = stage();
    push(&keeper, &server, CLOCK, "1.1.0", "").done();
    keeper.home.run(&["plugin", "install", &server.reference(":latest"), "--yes", "--unseen"]).done();
    let before = (keeper.in_folder(), entry(&keeper.home));
    let update = || keeper.home.run(&["plugin", "update", "--yes", "--unseen"]);

    push(&keeper, &server, CLOCK, "1.0.0", "").done();
    let older = update().done();
    assert!(older.contains("names 1.0.0, which is older than 1.1.0"), "{older}");
    push(&keeper, &server, CLOCK, "1.1.0", NET).done();
    update().refused(4, &["another release of version 1.1.0", "never changes"]);
    push(&keeper, &server, "acme/other", "2.0.0", "").done();
    update().refused(4, &["names acme/other now"]);
    server.forget();
    update().refused(5, &["was not found", "tag are right"]);
    assert_eq!((keeper.in_folder(), entry(&keeper.home)), before);
}

#[test]
fn its_lockfile_gives_the_same_bytes_where_its_key_is_trusted_and_nothing_elsewhere() {
    let (keeper, server) = stage();
    push(&keeper, &server, CLOCK, "1.0.0", NET).done();
    keeper.home.run(&["plugin", "install", &server.reference(":latest"), "--yes", "--unseen"]).done();
    push(&keeper, &server, CLOCK, "1.1.0", NET).done();
    let lock = std::fs::read_to_string(keeper.home.home().join("registries/plugins.lock")).unwrap();
    let elsewhere = |trusted: bool| {
        let other = Household::new();
        other.run(&["plugin", "outdated"]).done();
        if trusted {
            trusting(&other);
        }
        std::fs::write(other.home().join("registries/plugins.lock"), &lock).unwrap();
        other
    };
    let other = elsewhere(true);
    other.run(&["plugin", "install", "--locked"]).refused(4, &["nobody is here to agree"]);
    other.run(&["plugin", "install", "--locked", "--yes"]).done();
    let file = std::fs::read(other.home().join("plugins/acme--clock.wasm")).unwrap();
    assert_eq!(Some(sha256_hex(&file)), keeper.in_folder(), "the manifest counts, not where the tag is now");
    elsewhere(false).run(&["plugin", "install", "--locked", "--yes"]).refused(4, &["vouches for nothing", "key trust"]);

    // A lockfile that names other bytes, or no manifest, takes nothing.
    let other = elsewhere(true);
    let there = other.home().join("registries/plugins.lock");
    let component = entry(&keeper.home)["component"].as_str().unwrap().to_owned();
    std::fs::write(&there, lock.replace(&component, &"0".repeat(64))).unwrap();
    other.run(&["plugin", "install", "--locked", "--yes"]).refused(4, &["component", "plugins.lock says"]);
    let floating =
        lock.lines().map(|line| line.split("@sha256:").next().unwrap().to_owned() + if line.starts_with("oci") { "\"" } else { "" });
    std::fs::write(&there, floating.collect::<Vec<_>>().join("\n")).unwrap();
    other.run(&["plugin", "install", "--locked", "--yes"]).refused(4, &["reference with a digest", "backup"]);
    assert!(!other.home().join("plugins/acme--clock.wasm").exists());
}

#[test]
fn an_authority_of_ones_own_vouches_for_the_server_where_its_owner_says_so() {
    let (keeper, _) = stage();
    let (authority, stranger) = (Authority::new(), Authority::new());
    // Where this machine finds itself under the one name that needs no server of names.
    let here = ("localhost", 0).to_socket_addrs().unwrap().next().unwrap().ip();
    let server = Distribution::at(here, Some(authority.vouches("localhost", 2099)));
    let reference = format!("oci://localhost:{}/acme/clock:latest", server.address.port());
    let file = |name: &str, text: &str| {
        std::fs::write(keeper.path(name), text).unwrap();
        keeper.path(name).to_str().unwrap().to_owned()
    };
    let (ca, other) = (file("ca.pem", &authority.pem()), file("other.pem", &stranger.pem()));
    let plugin = keeper.path("pushed.wasm");
    std::fs::write(&plugin, keeper.file(CLOCK, "1.0.0", "", 1)).unwrap();
    let push = ["plugin", "publish", plugin.to_str().unwrap(), "--to", &reference, "--yes", "--oci-private"];
    keeper.home.run(&push).refused(75, &["nobody that this host trusts vouches", "--ca FILE"]);
    keeper.home.run(&[&push[..], &["--ca", &other]].concat()).refused(75, &["vouches for its certificate"]);
    keeper.home.run(&[&push[..], &["--ca", &ca]].concat()).done();
    let install = ["plugin", "install", &reference, "--yes", "--unseen", "--oci-private"];
    keeper.home.run(&install).refused(75, &["vouches"]);
    keeper.home.run(&[&install[..], &["--ca", &ca]].concat()).done();
    assert!(entry(&keeper.home)["oci"].as_str().unwrap().starts_with(&reference));
    let outdated = ["plugin", "outdated", "--oci-private"];
    keeper.home.run(&outdated).refused(75, &["vouches"]);
    assert!(keeper.home.run(&[&outdated[..], &["--ca", &ca]].concat()).done().contains("nothing newer"));
    // Who vouches for nothing is not named in vain.
    let plain = Distribution::start();
    keeper.home.run(&["plugin", "install", &plain.reference(":latest"), "--ca", &ca]).refused(4, &["plain http", "leave --ca out"]);
    let key = file("key.pem", &format!("{}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", authority.pem()));
    keeper.home.run(&[&install[..], &["--ca", &key]].concat()).refused(4, &["private key"]);
}
