//! The manifest of one plugin: which bytes are it. Types as the CNCF has them for wasm.
//!
//! What else a server or another tool writes into it is for people and is not read. The
//! config is written for others' tools; here nothing depends on it.

use crate::limits::{BLOB_BYTES, SECTION_BYTES};
use serde::{Deserialize, Serialize};
use skynet_policy::digest::is_sha256_hex;
use skynet_policy::naming::plain_line;
use skynet_policy::release::Release;
use skynet_policy::sha256_hex;
use std::collections::BTreeMap;

/// Media type of an image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of the config of a wasm artifact.
pub const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// Media type of a component.
pub const COMPONENT: &str = "application/wasm";

/// A manifest, as far as it counts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    #[serde(default)]
    media_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// A blob by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    media_type: String,
    digest: String,
    /// Bytes.
    pub(super) size: u64,
}

impl Descriptor {
    fn of(media_type: &str, bytes: &[u8]) -> Self {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Self { media_type: media_type.into(), digest: format!("sha256:{}", sha256_hex(bytes)), size }
    }

    /// Hex.
    pub(super) fn sha256(&self) -> &str {
        self.digest.strip_prefix("sha256:").unwrap_or_default()
    }
}

/// The config that tools of others show.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    created: &'a str,
    author: Option<&'a str>,
    architecture: &'a str,
    os: &'a str,
    layer_digests: [&'a str; 1],
    component: Wit<'a>,
}

#[derive(Debug, Serialize)]
struct Wit<'a> {
    exports: &'a [String],
    imports: &'a [String],
    target: Option<&'a str>,
}

/// Manifest and config of a plugin file. The same file gives the same bytes.
pub(super) fn write(release: &Release, file: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let layer = Descriptor::of(COMPONENT, file);
    let config = Config {
        created: &release.created,
        author: None,
        architecture: "wasm",
        os: "wasip2",
        layer_digests: [&layer.digest],
        component: Wit { exports: &release.wit.exports, imports: &release.wit.imports, target: None },
    };
    let config = serde_json::to_vec(&config).map_err(|error| error.to_string())?;
    let annotations = [
        ("org.opencontainers.image.created", release.created.clone()),
        ("org.opencontainers.image.description", plain_line(&release.summary, 200)),
        ("org.opencontainers.image.title", release.id.to_string()),
        ("org.opencontainers.image.version", release.version.to_string()),
    ];
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(MANIFEST.into()),
        config: Descriptor::of(CONFIG, &config),
        layers: vec![layer],
        annotations: annotations.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    };
    Ok((serde_json::to_vec(&manifest).map_err(|error| error.to_string())?, config))
}

/// The one layer of a manifest. `Err` says what is wrong with it.
pub(super) fn read(bytes: &[u8]) -> Result<Descriptor, String> {
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| format!("it is no image manifest: {error}"))?;
    let is = |what: &str, found: &str, wanted: &str| {
        if found == wanted { Ok(()) } else { Err(format!("its {what} is `{}`, not {wanted}", plain_line(found, 100))) }
    };
    if manifest.schema_version != 2 {
        return Err(format!("it has schema {}, not 2", manifest.schema_version));
    }
    is("type", manifest.media_type.as_deref().unwrap_or(MANIFEST), MANIFEST)?;
    is("config", &manifest.config.media_type, CONFIG)?;
    let layers = manifest.layers.len();
    let [layer]: [Descriptor; 1] = manifest.layers.try_into().map_err(|_| format!("it has {layers} layers; a plugin is one"))?;
    is("layer", &layer.media_type, COMPONENT)?;
    if !layer.digest.strip_prefix("sha256:").is_some_and(is_sha256_hex) {
        return Err("its layer has no sha256 digest".into());
    }
    let most = BLOB_BYTES.saturating_add(SECTION_BYTES);
    if layer.size > most {
        return Err(format!("its layer has {} bytes; at most {most} are taken", layer.size));
    }
    Ok(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl Fn(&mut serde_json::Value)) -> Result<Descriptor, String> {
        let layer = format!("sha256:{}", "b".repeat(64));
        let mut manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": { "mediaType": CONFIG, "digest": format!("sha256:{}", "a".repeat(64)), "size": 2 },
            "layers": [{ "mediaType": COMPONENT, "digest": layer, "size": 7, "annotations": {} }],
            "annotations": { "whoever": "wrote it" }, "subject": null,
        });
        change(&mut manifest);
        read(&serde_json::to_vec(&manifest).unwrap())
    }

    #[test]
    fn one_component_is_taken_and_nothing_else() {
        assert_eq!(with(|_| ()).unwrap().size, 7);
        assert!(with(|manifest| drop(manifest.as_object_mut().unwrap().remove("mediaType"))).is_ok());
        for (path, value, word) in [
            ("/schemaVersion", serde_json::json!(1), "schema"),
            ("/mediaType", serde_json::json!("application/vnd.oci.image.index.v1+json"), "index"),
            ("/config/mediaType", serde_json::json!("application/vnd.oci.image.config.v1+json"), "config"),
            ("/layers", serde_json::json!([]), "0 layers"),
            ("/layers/0/mediaType", serde_json::json!("application/vnd.oci.image.layer.v1.tar+gzip"), "layer"),
            ("/layers/0/digest", serde_json::json!("sha256:../../x"), "digest"),
            ("/layers/0/digest", serde_json::json!(format!("sha512:{}", "b".repeat(128))), "digest"),
            ("/layers/0/size", serde_json::json!(u64::MAX), "at most"),
            ("/layers/0/size", serde_json::json!(-1), "no image manifest"),
        ] {
            let error = with(|manifest| *manifest.pointer_mut(path).unwrap() = value.clone()).unwrap_err();
            assert!(error.contains(word), "{path}: {error}");
        }
        let twice = with(|manifest| {
            let layer = manifest["layers"][0].clone();
            manifest["layers"].as_array_mut().unwrap().push(layer);
        });
        assert!(twice.unwrap_err().contains("2 layers"));
        assert!(read(b"{\"schemaVersion\":2,\"schemaVersion\":2}").unwrap_err().contains("duplicate"));
    }
}
