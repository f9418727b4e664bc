//! A bridge with one server in it: what it is told, what it asks for, packed and signed
//! with the dev key.
//!
//! The bridge itself came with the host, or its owner names it: what is signed anew here was
//! somebody's word before. Refuses addresses with credentials in them.

use crate::cli::plugin::file::refused;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::keys;
use crate::plain::visible;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use skynet_core::PluginId;
use skynet_plugins::room::{self, RoomError};
use skynet_policy::digest::sha256_hex;
use skynet_policy::permission::Permissions;
use skynet_policy::release::{self, ComponentDigest, Release};
use skynet_policy::signature::{self, Signatures};
use skynet_policy::trust::{Tier, TrustStore};
use std::path::{Path, PathBuf};
use url::Url;

/// What the bridge is told, as it lies in its room.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) url: String,
    #[serde(default)]
    look: bool,
    /// Name here, and the server's own words.
    #[serde(default)]
    pub(super) tools: Vec<Value>,
    /// The secret that goes along; the bridge has no use for its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// Time for one call, ms: four requests, one of which may work for a while.
const WALL_MS: u64 = 120_000;

impl Server {
    pub(super) fn new(name: &str, url: &str, secret: Option<&str>) -> Result<Self> {
        let refused = |why: &str| fail(Kind::Refused, format!("{url}: {why}"));
        let parsed = Url::parse(url).map_err(|error| refused(&format!("is no address: {error}")))?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
            return Err(refused("an MCP server has an address that begins with https:// or http://"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(refused("credentials have no place in an address; set a secret and name it with --secret"));
        }
        if parsed.fragment().is_some() {
            return Err(refused("leave out what follows `#`"));
        }
        Ok(Self { name: name.into(), url: parsed.into(), look: false, tools: Vec::new(), secret: secret.map(str::to_owned) })
    }

    /// The version through which its owner looks; what was approved stays in service.
    pub(super) fn looking(&self, tools: &[Value]) -> Self {
        Self { look: true, tools: tools.to_vec(), ..self.clone() }
    }

    /// The version that holds what was approved.
    pub(super) fn approved(&self, tools: &[Value]) -> Self {
        Self { look: false, tools: tools.to_vec(), ..self.clone() }
    }

    /// Scheme, host and port.
    fn server(&self) -> Result<String> {
        Ok(Url::parse(&self.url)?.origin().ascii_serialization())
    }

    /// What the plugin asks for: this one server, and its secret there.
    fn request(&self) -> Result<Permissions> {
        let server = self.server()?;
        let mut request = json!({
            "net": [{ "url": server, "methods": ["DELETE", "POST"] }],
            "limits": { "wall_ms": WALL_MS },
        });
        if let Some(name) = &self.secret {
            request["secrets"] = json!([{ "name": name, "header": "authorization", "format": "Bearer {}", "url": server }]);
        }
        Ok(serde_json::from_value(request)?)
    }

    /// The same as its owner grants it.
    pub(super) fn granted(&self, private: bool) -> Result<Permissions> {
        let mut permissions = self.request()?;
        permissions.net.iter_mut().for_each(|rule| rule.private = private);
        Ok(permissions)
    }
}

/// The built bridge, with its release for what it imports and exports.
pub(super) struct Bridge {
    component: Vec<u8>,
    release: Release,
    /// Key ids with the kind of trust in them.
    signers: Vec<(String, String)>,
}

impl Bridge {
    /// The named file, or the one plugin of the folder that has an empty room and came with the host: a
    /// stranger's code does not get the owner's signature for looking like a bridge.
    pub(super) fn find(home: &Home, named: Option<&Path>) -> Result<Self> {
        let trust = keys::load_trust(home)?;
        if let Some(path) = named {
            let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
            return Self::of(path, &bytes, &trust);
        }
        let folder = std::fs::read_dir(home.plugins()).with_context(|| format!("{} cannot be read", home.plugins().display()))?;
        let (mut bridges, mut strange) = (Vec::new(), Vec::new());
        let mut files: Vec<PathBuf> = folder.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        files.sort();
        for path in files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "wasm")) {
            if !room::SERVER.is_marked(&path) {
                continue;
            }
            let Ok(bytes) = std::fs::read(&path) else { continue };
            if !room::SERVER.is_in(&bytes) || room::SERVER.read(&bytes).is_some() {
                continue;
            }
            match Self::of(&path, &bytes, &trust) {
                Ok(bridge) if bridge.came_with_the_host() => bridges.push((path, bridge)),
                Ok(_) | Err(_) => strange.push(path),
            }
        }
        let names = |paths: &[&Path]| paths.iter().map(|path| visible(&path.display().to_string())).collect::<Vec<_>>().join(", ");
        if bridges.len() > 1 {
            let found: Vec<&Path> = bridges.iter().map(|(path, _)| path.as_path()).collect();
            return Err(fail(
                Kind::Refused,
                format!("there is more than one bridge for MCP servers: {}; name one with --bridge", names(&found)),
            ));
        }
        bridges.pop().map(|(_, bridge)| bridge).ok_or_else(|| {
            let strange: Vec<&Path> = strange.iter().map(PathBuf::as_path).collect();
            let hint = match strange.is_empty() {
                true => String::new(),
                false => format!(" (one that did not come with the host is taken when you name it: {})", names(&strange)),
            };
            let folder = home.plugins();
            let message = format!(
                "there is no bridge for MCP servers in {}; ./setup.sh puts it there, or name a signed one with --bridge{hint}",
                folder.display()
            );
            fail(Kind::NotFound, message)
        })
    }

    fn came_with_the_host(&self) -> bool {
        self.signers.iter().any(|(_, tier)| tier == Tier::Builtin.as_str())
    }

    /// What it is and who signed it, for the owner who named it.
    pub(super) fn shown(&self) -> String {
        let signers: Vec<String> = self.signers.iter().map(|(key, tier)| format!("{key} ({tier})")).collect();
        format!("{} {}, signed by {}", self.release.id, self.release.version, signers.join(", "))
    }

    fn of(path: &Path, bytes: &[u8], trust: &TrustStore) -> Result<Self> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let checked = skynet_plugins::file::check(&name, bytes, trust).map_err(|refusal| fail(Kind::Refused, refusal))?;
        let parts = release::split(bytes).map_err(|error| refused(path, error))?;
        Ok(Self { component: parts.component.to_vec(), release: checked.release, signers: checked.signers })
    }

    /// The signed file of one version, and the digest of its release.
    pub(super) fn plugin(&self, home: &Home, id: &PluginId, version: &semver::Version, server: &Server) -> Result<(Vec<u8>, String)> {
        let payload = serde_json::to_vec(server)?;
        let mut component = self.component.clone();
        room::SERVER.fill(&mut component, &payload).map_err(|why| fail(Kind::Refused, unfit(&why)))?;
        let release = Release {
            id: id.clone(),
            version: version.clone(),
            component: ComponentDigest { sha256: sha256_hex(&component), size: component.len() as u64 },
            permissions: server.request()?,
            summary: format!("Tools of an MCP server, {}.", server.server()?),
            prev: None,
            created: keys::now(),
            ..self.release.clone()
        };
        let faults = release.faults();
        if !faults.is_empty() {
            return Err(fail(Kind::Refused, faults.join("; ")));
        }
        let key = keys::read(&keys::path(home, "dev")?).context("no key to sign with; make one with: skynet key new dev")?;
        let json = release.to_bytes();
        let mut signatures = Signatures::none();
        signatures.merge(signature::sign_release(&key, &json));
        Ok((release::join(&component, &json, &signatures.to_bytes()), sha256_hex(&json)))
    }
}

fn unfit(why: &RoomError) -> String {
    match why {
        RoomError::TooLong { bytes, room } => format!("the server's tools take {bytes} bytes, and a bridge has room for {room}"),
        RoomError::None | RoomError::Several | RoomError::Filled => format!("it is no bridge for a server as it was built: {why}"),
    }
}

/// What a plugin of ours holds, and which version it is. Its signature counts here too.
pub(super) fn read(home: &Home, file: &Path, name: &str) -> Result<(Server, semver::Version)> {
    let bytes = std::fs::read(file)
        .map_err(|_| fail(Kind::NotFound, format!("no server named {name} was added; add it with: skynet plugin add-mcp {name} URL")))?;
    let found = Bridge::of(file, &bytes, &keys::load_trust(home)?)?;
    if found.release.id.as_str() != format!("mcp/{name}") {
        return Err(refused(file, format!("it is {}, not mcp/{name}", found.release.id)));
    }
    let payload = room::SERVER.read(&found.component).ok_or_else(|| refused(file, "it holds no server"))?;
    let server = serde_json::from_slice(payload).map_err(|error| refused(file, error))?;
    Ok((server, found.release.version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_asks_for_itself_alone() {
        let server = Server::new("n", "https://mcp.example.com:8443/a/mcp?x=1", Some("key")).unwrap();
        let asked = serde_json::to_value(server.request().unwrap()).unwrap();
        assert_eq!(asked["net"], json!([{ "url": "https://mcp.example.com:8443", "methods": ["DELETE", "POST"] }]));
        assert_eq!(asked["secrets"][0]["url"], "https://mcp.example.com:8443");
        assert!(server.granted(true).unwrap().net[0].private && !server.granted(false).unwrap().net[0].private);
    }

    #[test]
    fn an_address_that_is_none_or_says_too_much_is_refused() {
        for (url, why) in [
            ("mcp.example.com", "is no address"),
            ("file:///etc/passwd", "begins with https://"),
            ("https://me:pw@mcp.example.com/", "no place in an address"),
            ("https://mcp.example.com/#x", "leave out"),
        ] {
            let found = Server::new("n", url, None).unwrap_err().to_string();
            assert!(found.contains(why), "{found}");
        }
    }
}
