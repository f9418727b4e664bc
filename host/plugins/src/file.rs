//! A look at plugin files without a host: for packing, and for `plugin verify`.

use crate::admit;
use crate::folder_plugin;
use crate::inspect;
use skynet_core::plugin::PluginKind;
use skynet_policy::World;
use skynet_policy::release::Release;
use skynet_policy::tree::Files;
use skynet_policy::trust::TrustStore;

/// What a component imports, exports and can be.
#[derive(Debug, Clone)]
pub struct Look {
    /// Full names of imported interfaces.
    pub imports: Vec<String>,
    /// Full names of exported interfaces.
    pub exports: Vec<String>,
    /// From its exports.
    pub kinds: Vec<PluginKind>,
}

/// Looks at a component without a release section. The error is a sentence.
pub fn look(component: &[u8]) -> Result<Look, String> {
    let contents = inspect::inspect(component).map_err(|unfit| unfit.to_string())?;
    let kinds = contents.kinds();
    Ok(Look { imports: contents.imports, exports: contents.exports, kinds })
}

/// Whether a component, by what it exports, is what its release says to those who read of it. The error is a sentence.
pub fn must_be_what_it_says(release: &Release, kinds: &[PluginKind]) -> Result<(), String> {
    let world = World::parse(&release.wit.world).ok_or_else(|| "its release says no world that this host knows".to_owned())?;
    world.must_be_among(kinds)
}

/// What a good file says.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The signed release.
    pub release: Release,
    /// SHA-256 of `release.json`, hex.
    pub release_digest: String,
    /// Key ids of good signatures with the kind of trust in them.
    pub signers: Vec<(String, String)>,
    /// From its exports.
    pub kinds: Vec<PluginKind>,
}

/// Checks the folder of a script plugin as admission would. Nobody need have signed it.
pub fn check_folder(name: &str, files: &Files, trust: &TrustStore) -> Result<Checked, String> {
    let signed = folder_plugin::verify(name, files, trust).map_err(|refusal| refusal.to_string())?;
    let signers = signed.signers.iter().map(|signer| (signer.keyid.to_string(), signer.tier.to_string())).collect();
    Ok(Checked { kinds: vec![PluginKind::Tool], release: signed.release, release_digest: signed.release_digest, signers })
}

/// Checks a packed and signed file as admission would, up to the compiler. The error
/// is what the host would say.
pub fn check(name: &str, bytes: &[u8], trust: &TrustStore) -> Result<Checked, String> {
    let signed = admit::verify(name, bytes, trust).map_err(|refusal| refusal.to_string())?;
    let contents = admit::compare(&signed).map_err(|refusal| refusal.to_string())?;
    let signers = signed.signers.iter().map(|signer| (signer.keyid.to_string(), signer.tier.to_string())).collect();
    Ok(Checked { kinds: contents.kinds(), release: signed.release, release_digest: signed.release_digest, signers })
}
