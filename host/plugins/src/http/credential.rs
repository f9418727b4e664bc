//! The secret that a request carries: opened for this one request, or a reason that the
//! owner can act on.
//!
//! A rule whose secret cannot be put in stops the request: a server's "401" would tell
//! nobody which secret was meant. Refuses a server that the secret's owner did not name.
//! Only who declared that there is none to send (`--none`) gets a request without.

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use skynet_core::PluginId;
use skynet_core::secret::{SecretFault, Secrets};
use skynet_policy::egress::Destination;
use skynet_policy::permission::SecretRule;
use skynet_policy::secret;
use zeroize::Zeroizing;

/// Why a secret was not put in, and what the owner can do.
pub(crate) struct Missing {
    pub(crate) why: String,
    pub(crate) remedy: String,
}

/// The header for this rule; nothing when the owner said that there is none.
pub(crate) async fn open(
    secrets: &dyn Secrets,
    plugin: &PluginId,
    rule: &SecretRule,
    destination: &Destination,
) -> Result<Option<(HeaderName, HeaderValue)>, Missing> {
    let name = &rule.name;
    let missing = |what: String, remedy: String| Missing {
        why: format!("the secret `{name}`, which the host adds to requests to {destination}, {what}"),
        remedy,
    };
    let opened = secrets.open(plugin, name).await.map_err(|fault| match fault {
        SecretFault::NotSet => missing(
            "is not set".into(),
            format!("Set it with: skynet secret set {name}. If that server takes none, say so: skynet secret set {name} --none --for {destination}"),
        ),
        SecretFault::Unusable(why) => missing(format!("cannot be used: {why}"), format!("Look with: skynet secret test {name}")),
    })?;
    if !secret::may_go(&opened.servers, destination) {
        let what = format!("may go to {} only", opened.servers.join(", "));
        let keep = opened.servers.iter().map(|server| format!(" --for {server}")).collect::<String>();
        return Err(missing(what, format!("If it should go there too: skynet secret set {name} --keep{keep} --for {destination}")));
    }
    if opened.value.expose().is_empty() {
        return Ok(None);
    }
    let text: Zeroizing<String> = rule.header_value(opened.value.expose());
    // The header's own bytes are the ones that are wiped.
    let value = HeaderValue::from_maybe_shared(Bytes::from_owner(text));
    match (HeaderName::try_from(rule.header.as_str()), value) {
        (Ok(header), Ok(value)) => Ok(Some((header, value))),
        _ => Err(missing(
            "has characters that no header may carry, such as a line break".into(),
            format!("Set it again without them: skynet secret set {name}"),
        )),
    }
}
