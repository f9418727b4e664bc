//! Under TLS the server proves the very name that was checked, with a certificate that
//! somebody trusted gave it. Certificates are made anew for each test.

use super::server::{HI, Server};
use super::stage::{PUBLIC, Stage};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use wasmtime_wasi_http::Error;

const URL: &str = "https://api.example.com/";

/// A server's end of TLS, and who trusts it.
pub(super) struct Identity {
    pub(super) roots: RootCertStore,
    pub(super) acceptor: TlsAcceptor,
}

/// An identity for these names that speaks these protocols.
pub(super) fn identity(names: &[&str], protocols: &[&str]) -> Identity {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    Identity { roots, acceptor: TlsAcceptor::from(Arc::new(config)) }
}

/// Speaks HTTP/1.1 under TLS.
async fn greeting(acceptor: TlsAcceptor) -> Server {
    Server::doing(move |talk| {
        let acceptor = acceptor.clone();
        async move {
            let Some(mut talk) = talk.under(&acceptor).await else { return };
            while talk.head().await {
                talk.say(HI).await;
            }
        }
    })
    .await
}

fn any() -> serde_json::Value {
    json!({"net": [{"url": "https://*"}, {"url": "https://127.0.0.1", "private": true}, {"url": "https://[::1]", "private": true}]})
}

/// A certificate for `names` and a request to `url`: whether it is answered.
async fn check(names: &[&str], url: &str, answered: bool) {
    let Identity { roots, acceptor } = identity(names, &["http/1.1"]);
    let server = greeting(acceptor).await;
    let stage = Stage::trusting(roots, server.address, &[&[PUBLIC]], any());
    match stage.get(url).await {
        Ok(text) => assert!(answered && text == "200 hi", "{names:?} {url}: {text}"),
        Err(error) => assert!(!answered && matches!(error, Error::TlsCertificateError), "{names:?} {url}: {error}"),
    }
    assert_eq!(stage.dialled().len(), 1, "the address was the right one");
    assert_eq!(server.heard().concat().is_empty(), !answered, "a server that proved nothing hears nothing");
}

#[tokio::test]
async fn the_name_that_was_checked_is_the_one_that_must_be_proven() {
    check(&["api.example.com"], URL, true).await;
    check(&["*.example.com"], URL, true).await;
    check(&["other.example.com", "api.example.com"], URL, true).await;
    check(&["api.example.com"], "https://API.Example.COM./", true).await;
    check(&["other.example.com"], URL, false).await;
    check(&["example.com"], URL, false).await;
    check(&["*.com"], URL, false).await;
    check(&[PUBLIC], URL, false).await;
}

#[tokio::test]
async fn a_server_that_is_named_by_its_address_proves_the_address() {
    check(&["127.0.0.1"], "https://127.0.0.1/", true).await;
    check(&["::1"], "https://[::1]/", true).await;
    check(&[PUBLIC], "https://[::ffff:93.184.216.34]/", false).await;
    check(&["localhost"], "https://127.0.0.1/", false).await;
    check(&["127.0.0.2"], "https://127.0.0.1/", false).await;
}

#[tokio::test]
async fn a_certificate_that_nobody_trusted_gave_is_refused() {
    let server = greeting(identity(&["api.example.com"], &["http/1.1"]).acceptor).await;
    let others = identity(&["api.example.com"], &["http/1.1"]).roots;
    for roots in [RootCertStore::empty(), others] {
        let stage = Stage::trusting(roots, server.address, &[&[PUBLIC]], any());
        assert!(matches!(stage.get(URL).await, Err(Error::TlsCertificateError)));
        assert_eq!(stage.rows("egress.end")[0].verdict, "error");
    }
}

#[tokio::test]
async fn a_server_without_tls_gets_no_request_in_the_clear() {
    let server = Server::doing(|mut talk| async move {
        talk.say(HI).await;
        talk.hang().await;
    })
    .await;
    let stage = Stage::new(server.address, &[&[PUBLIC]], any());
    assert!(matches!(stage.get(URL).await, Err(Error::TlsProtocolError)));
    assert!(!server.heard().concat().contains("GET"));
}

#[tokio::test]
async fn an_address_that_changes_under_an_open_connection_is_dialled_anew() {
    let Identity { roots, acceptor } = identity(&["api.example.com"], &["http/1.1"]);
    let server = greeting(acceptor).await;
    let stage = Stage::trusting(roots, server.address, &[&[PUBLIC], &[PUBLIC], &["8.8.8.8"]], any());
    for _ in 0..3 {
        assert_eq!(stage.get(URL).await.unwrap(), "200 hi");
    }
    let dialled: Vec<String> = stage.dialled().iter().map(|address| address.to_string()).collect();
    assert_eq!(dialled, [format!("{PUBLIC}:443"), "8.8.8.8:443".to_owned()]);
}
