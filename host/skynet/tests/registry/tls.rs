//! Registries under TLS: whoever vouches for the server must be one that this host was told
//! to believe, for that very name and at this time.

use crate::household::{Household, Said};
use crate::keeper::{CLOCK, Keeper};
use crate::server::Server;
use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::PathBuf;
use std::sync::Arc;

/// Somebody who vouches for servers.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// As a file that an owner would be given.
    pub(crate) fn pem(&self) -> String {
        let text = base64::engine::general_purpose::STANDARD.encode(self.0.der());
        let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    /// A server's end, with a certificate for this name up to this year.
    pub(crate) fn vouches(&self, name: &str, until: i32) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Arc::new(builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }
}

struct Stage {
    keeper: Keeper,
    ca: PathBuf,
}

impl Stage {
    fn new(authority: &Authority) -> Self {
        let keeper = Keeper::new();
        keeper.publish("1.0.0", "");
        let ca = keeper.path("ca.pem");
        std::fs::write(&ca, authority.pem()).unwrap();
        Self { keeper, ca }
    }

    /// A household that knows the registry behind this server, and how installing from it ends.
    fn install(&self, config: Arc<ServerConfig>, ca: bool) -> (Household, Said) {
        let server = Server::under_tls(&self.keeper.path("registry"), config);
        let home = Household::new();
        let url = format!("https://{}/", server.address);
        let root = self.keeper.root();
        let mut words = vec!["registry", "add", &url, "--name", "main", "--root", &root, "--namespace", "acme"];
        if ca {
            words.extend(["--ca", self.ca.to_str().unwrap()]);
        }
        home.run(&words).done();
        let said = home.run(&["plugin", "install", CLOCK, "--yes", "--unseen"]);
        (home, said)
    }
}

#[test]
fn a_server_that_the_named_authority_vouches_for_is_installed_from() {
    let authority = Authority::new();
    let stage = Stage::new(&authority);
    let (home, said) = stage.install(authority.vouches("127.0.0.1", 2099), true);
    said.done();
    assert!(home.home().join("plugins/acme--clock.wasm").is_file());
    // The file that named it is needed no more.
    std::fs::remove_file(&stage.ca).unwrap();
    let list = home.run(&["--json", "registry", "list"]).json();
    assert_eq!(list[0]["ca"], true);
    // Who copies it is told of the authority the first time.
    std::fs::write(&stage.ca, authority.pem()).unwrap();
    let url = list[0]["at"].as_str().unwrap().to_owned();
    let (copy, root, ca) = (stage.keeper.path("copy"), stage.keeper.root(), stage.ca.to_str().unwrap().to_owned());
    let copying = ["registry", "mirror", &url, copy.to_str().unwrap(), "--root", &root];
    home.run(&copying).refused(75, &["skynet registry add --ca FILE"]);
    std::fs::remove_dir_all(&copy).unwrap();
    home.run(&[&copying[..], &["--ca", &ca]].concat()).done();
    home.run(&copying[..4]).done();
    home.run(&["registry", "verify", &url, "--root", &root, "--ca", &ca]).done();
}

#[test]
fn a_server_that_proves_too_little_is_refused_with_what_is_wrong() {
    let authority = Authority::new();
    let stage = Stage::new(&authority);
    let stranger = Authority::new();
    for (config, ca, words) in [
        (authority.vouches("registry.example", 2099), true, "its certificate is for another name"),
        (authority.vouches("127.0.0.1", 2021), true, "its certificate has expired"),
        (stranger.vouches("127.0.0.1", 2099), true, "nobody that this host trusts vouches for its certificate"),
        // Without the owner's word the system's authorities count, and none of them knows this one.
        (authority.vouches("127.0.0.1", 2099), false, "skynet registry add --ca FILE"),
    ] {
        let (home, said) = stage.install(config, ca);
        said.refused(75, &[words, "Nothing was changed"]);
        assert!(!home.home().join("plugins/acme--clock.wasm").exists());
    }
}

#[test]
fn what_is_no_authority_is_refused_when_the_registry_is_added() {
    let authority = Authority::new();
    let stage = Stage::new(&authority);
    let add = |url: &str, text: &str| {
        std::fs::write(&stage.ca, text).unwrap();
        let (root, ca) = (stage.keeper.root(), stage.ca.to_str().unwrap().to_owned());
        Household::new().run(&["registry", "add", url, "--root", &root, "--namespace", "acme", "--ca", &ca])
    };
    add("https://registry.example/", "no certificate").refused(4, &["no certificate in PEM"]);
    let broken = authority.pem().replace("MII", "AAA");
    add("https://registry.example/", &broken).refused(4, &["no certificate"]);
    let key = format!("{}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", authority.pem());
    add("https://registry.example/", &key).refused(4, &["private key", "with the authority alone"]);
    add("http://127.0.0.1:9/", &authority.pem()).refused(4, &["no https address"]);
}
