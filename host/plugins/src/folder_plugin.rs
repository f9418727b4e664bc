//! A script plugin: what its folder says, who stands behind it, and what it becomes when it serves.
//!
//! It is the signed bridge component under a name of its own, with the one tool of its `tool.toml`.
//! Owns who answers for a folder: the keys that signed its release or, where nobody did, the owner, whose
//! approval is bound to the digest of the files. Refuses a sidecar that does not fit the files.

use crate::admit::{Refusal, Signed, refuse};
use crate::trees::PREFIX;
use serde_json::json;
use skynet_core::PluginId;
use skynet_core::ToolSpec;
use skynet_core::neighbours::{KeptScript, Script};
use skynet_core::plugin::Receipt;
use skynet_policy::open::open_sidecar;
use skynet_policy::permission::{Access, Permissions};
use skynet_policy::release::Release;
use skynet_policy::script::{ScriptContract, ScriptManifest};
use skynet_policy::tree::{self, Files, RELEASE_FILE, SIGNATURES_FILE};
use skynet_policy::trust::TrustStore;
use skynet_policy::{World, naming, sha256_hex};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How the place of a signer's key begins where the owner approved of files instead.
pub(crate) const APPROVED: &str = "files:";

/// What lists say of a folder that nobody signed.
pub const BY_OWNER: &str = "approval";

/// The namespace of folders that nobody signed.
const LOCAL: &str = "local";

/// When a release was made that nobody wrote: the same for the same files.
const NEVER: &str = "1970-01-01T00:00:00Z";

/// The key under which the bridge finds what it presents.
const SETTING: &str = "script";

/// What is left for the bridge of a call's wall clock once its script was killed.
const BRIDGE: Duration = Duration::from_secs(2);

/// The folder of one release.
#[derive(Debug, PartialEq)]
pub(crate) struct FolderPlugin {
    /// The digest of its files.
    pub(crate) tree: String,
    pub(crate) manifest: ScriptManifest,
}

impl FolderPlugin {
    /// What the bridge is told, beside the owner's settings.
    pub(crate) fn settings(&self, owners: &crate::host::Settings) -> crate::host::Settings {
        let mut settings = owners.clone();
        let manifest = &self.manifest;
        let lines = manifest.contract == ScriptContract::JsonLines;
        let presented = match &manifest.kept {
            Some(kept) => json!({ "server": { "program": manifest.tool, "name": manifest.tool, "look": kept.look, "tools": kept.tools } }),
            None => json!({ "tools": [manifest.tool_spec()], "answers_json": lines }),
        };
        settings.insert(SETTING.into(), presented);
        settings
    }

    /// The script within what is allowed and what is left of a call's time.
    pub(crate) fn script(&self, may: &Permissions, wall: Duration) -> Script {
        let manifest = &self.manifest;
        Script {
            tree: self.tree.clone(),
            program: manifest.program.clone(),
            options: manifest.options.clone(),
            file: manifest.script.clone(),
            speaks_lines: manifest.contract == ScriptContract::JsonLines,
            roots: roots(may),
            wall: manifest.timeout.min(wall.saturating_sub(BRIDGE)),
        }
    }

    /// Whether the bridge presents what it was told, and no more. What a kept program's tools read like is the bridge's
    /// to make of their approved words; while the owner looks there is one tool more.
    pub(crate) fn is_presented_by(&self, tools: &[ToolSpec]) -> bool {
        let Some(kept) = &self.manifest.kept else { return tools == [self.manifest.tool_spec()] };
        let mut said = tools.iter().map(|tool| tool.name.as_str());
        let same = kept.tool_names().all(|name| said.next() == Some(name));
        same && said.count() == usize::from(kept.look)
    }

    /// The program that is kept, within what is allowed and what is left of a call's time.
    pub(crate) fn kept(&self, may: &Permissions, wall: Duration) -> Option<KeptScript> {
        let kept = self.manifest.kept.as_ref()?;
        Some(KeptScript {
            tree: self.tree.clone(),
            program: kept.program.clone(),
            sha256: kept.sha256.clone(),
            arguments: kept.arguments.clone(),
            environment: kept.environment.clone(),
            roots: roots(may),
            wall: self.manifest.timeout.min(wall.saturating_sub(BRIDGE)),
        })
    }

    /// For a person who decides on it.
    pub(crate) fn shown(&self) -> serde_json::Value {
        let manifest = &self.manifest;
        json!({
            "files": self.tree, "program": manifest.program, "options": manifest.options, "script": manifest.script,
            "timeout_s": manifest.timeout.as_secs(), "description": manifest.description, "tool": manifest.tool,
            "parameters": manifest.parameters,
            "contract": match manifest.contract {
                ScriptContract::Environment => "environment",
                ScriptContract::JsonLines => "json-lines",
                ScriptContract::Kept => "kept",
            },
            // Names alone: a value may be a secret all the same.
            "environment": manifest.kept.as_ref().map(|kept| kept.environment.keys().collect::<Vec<_>>()),
            "sha256": manifest.kept.as_ref().map(|kept| &kept.sha256),
            // What the model will read of a kept program.
            "tools": manifest.kept.as_ref().map(|kept| &kept.tools),
        })
    }
}

/// Named folders, and whether each may be changed.
fn roots(may: &Permissions) -> BTreeMap<String, bool> {
    may.fs.iter().map(|rule| (rule.root.clone(), rule.access == Access::Write)).collect()
}

/// Whether it is an approval and not a key that stands behind a release.
pub(crate) fn is_approval(publisher: &str) -> bool {
    publisher.starts_with(APPROVED)
}

/// The command by which an owner says yes to what this one stands behind.
pub(crate) fn verb_for(publisher: &str) -> &'static str {
    if is_approval(publisher) { "approve" } else { "grant" }
}

/// Whom a grant for these files is bound to when nobody signed them.
pub(crate) fn approval_of(tree: &str) -> String {
    format!("{APPROVED}{tree}")
}

/// Whom a grant for this release is bound to.
pub(crate) fn publisher_of(receipt: &Receipt, release: &Release) -> String {
    let approved = || if is_script(release) { approval_of(&release.component.sha256) } else { String::new() };
    receipt.signers.first().cloned().unwrap_or_else(approved)
}

pub(crate) fn is_script(release: &Release) -> bool {
    World::parse(&release.wit.world) == Some(World::ScriptPlugin)
}

pub(crate) fn is_bridge(release: &Release) -> bool {
    World::parse(&release.wit.world) == Some(World::ScriptBridge)
}

/// Who stands behind these files, and for what.
pub(crate) fn verify(file: &str, files: &Files, trust: &TrustStore) -> Result<Signed, Refusal> {
    if let Some(fault) = tree::faults(files).first() {
        return Err(refuse(file, "folder")(fault.clone()));
    }
    let manifest = ScriptManifest::of(files).map_err(refuse(file, "manifest"))?;
    let (release, release_json, signers) = match files.get(RELEASE_FILE) {
        Some(json) => signed(file, json, files, &manifest, trust)?,
        None => {
            let id = id_of(file).map_err(refuse(file, "name"))?;
            let release = manifest.release(id, files, NEVER);
            (release.clone(), release.to_bytes(), Vec::new())
        }
    };
    let folder = FolderPlugin { tree: tree::digest(files), manifest };
    Ok(Signed {
        file: file.to_owned(),
        release_digest: sha256_hex(&release_json),
        release,
        release_json: String::from_utf8(release_json).map_err(|error| refuse(file, "release")(error.to_string()))?,
        signers,
        component: Vec::new(),
        folder: Some(Arc::new(folder)),
    })
}

type Spoken = (Release, Vec<u8>, Vec<skynet_policy::Verified>);

fn signed(file: &str, json: &[u8], files: &Files, manifest: &ScriptManifest, trust: &TrustStore) -> Result<Spoken, Refusal> {
    let signatures = files.get(SIGNATURES_FILE).map(Vec::as_slice).unwrap_or_default();
    let (release, signers) = open_sidecar(json, signatures, trust).map_err(|error| refuse(file, "signature")(error.to_string()))?;
    let says = manifest.release(release.id.clone(), files, &release.created);
    if !is_script(&release) || release.component != says.component {
        let reason = "its files are not those that were signed. Sign them again with `skynet plugin sign FOLDER`, or take \
            release.json and signatures.json away to approve of them by hand";
        return Err(refuse(file, "signature")(reason.into()));
    }
    if release.permissions != says.permissions || release.version != says.version {
        return Err(refuse(file, "release")("its release.json says other than its tool.toml; sign it again".into()));
    }
    Ok((release, json.to_vec(), signers))
}

/// The id of a folder that nobody signed: its name.
pub(crate) fn id_of(file: &str) -> Result<PluginId, String> {
    let name = file.strip_prefix(PREFIX).unwrap_or(file);
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).collect();
    PluginId::new(&format!("{LOCAL}/{}", parts.join("-"))).map_err(|_| {
        format!("no plugin can be named after the folder `{}`; begin its name with a letter a-z", naming::plain_line(name, 60))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_name_to_its_plugin() {
        let check = |file: &str, id: &str| assert_eq!(id_of(file).unwrap().as_str(), id);
        check("tools/greet", "local/greet");
        check("tools/My_Tool  2", "local/my-tool-2");
        assert!(id_of("tools/9lives").is_err() && id_of("tools/___").is_err());
    }

    #[test]
    fn a_kept_program_is_presented_by_its_approved_tools_and_one_more_while_its_owner_looks() {
        let check = |look: bool, said: &[&str], expected: bool| {
            let text = format!(
                "name = 'sums'\ndescription = 'Sums.'\n[server]\nprogram = 'python3'\nsha256 = '{}'\nlook = {look}\n",
                "0".repeat(64)
            );
            let tools = br#"[{"name":"add","tool":{"name":"Add"}},{"name":"mul","tool":{"name":"Mul"}}]"#.to_vec();
            let files = Files::from([("tool.toml".to_owned(), text.into_bytes()), ("tools.json".to_owned(), tools)]);
            let folder = FolderPlugin { tree: tree::digest(&files), manifest: ScriptManifest::of(&files).unwrap() };
            let spec = |name: &&str| ToolSpec { name: (*name).to_owned(), ..folder.manifest.tool_spec() };
            let said: Vec<ToolSpec> = said.iter().map(spec).collect();
            assert_eq!(folder.is_presented_by(&said), expected, "{look} {said:?}");
        };
        check(false, &["add", "mul"], true);
        check(true, &["add", "mul", "look"], true);
        for said in [&["add"][..], &["mul", "add"], &["add", "mul", "look"], &["add", "mul", "add"], &[]] {
            check(false, said, false);
        }
        check(true, &["add", "mul"], false);
        check(true, &["add", "mul", "look", "more"], false);
    }

    #[test]
    fn files_that_nobody_signed_are_known_by_their_digest_and_changed_ones_after_signing_are_refused() {
        let mut files = Files::from([
            ("tool.toml".to_owned(), b"name = 'greet'\ndescription = 'Greets.'\n[run]\ncommand = 'sh'\nscript = 'main.sh'\n".to_vec()),
            ("main.sh".to_owned(), b"echo hello".to_vec()),
        ]);
        let trust = TrustStore::default();
        let first = verify("tools/greet", &files, &trust).unwrap();
        assert_eq!((first.publisher(), first.trust()), (approval_of(&tree::digest(&files)), BY_OWNER.to_owned()));
        files.insert("main.sh".into(), b"echo good-bye".to_vec());
        let second = verify("tools/greet", &files, &trust).unwrap();
        assert_ne!((first.publisher(), &first.release_digest), (second.publisher(), &second.release_digest));
        files.insert(RELEASE_FILE.into(), first.release_json.into_bytes());
        assert!(verify("tools/greet", &files, &trust).unwrap_err().to_string().contains("signature"));
    }
}
