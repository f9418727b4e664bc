//! The signature over `agent.json`: a domain of its own, so that it is one of nothing else.

use super::AgentError;
use crate::naming::plain_line;
use crate::signature::{self, SecretKey, SignatureError, Signatures, Verified};
use crate::trust::TrustStore;
use skynet_core::PluginId;

/// What every signed message starts with.
const DOMAIN: &[u8] = b"skynet-agent-v1\0";

pub(crate) fn message(agent_json: &[u8]) -> Vec<u8> {
    let length = u64::try_from(agent_json.len()).unwrap_or(u64::MAX);
    [DOMAIN, &length.to_be_bytes(), agent_json].concat()
}

/// One key's signature over the exact bytes of `agent.json`.
pub fn sign(key: &SecretKey, agent_json: &[u8]) -> Signatures {
    Signatures { schema: 1, signatures: vec![signature::sign(key, &message(agent_json))] }
}

/// The trusted keys that signed it and may do so for its namespace; at least one.
pub fn verify(agent_json: &[u8], signatures_json: &[u8], trust: &TrustStore, id: &PluginId) -> Result<Vec<Verified>, AgentError> {
    let signers = signature::check_message(&message(agent_json), signatures_json, trust);
    signers.and_then(|signers| signature::signers_for(&signers, id)).map_err(|error| told(error, id))
}

/// The words for a bundle: those of a release speak of plugins.
fn told(error: SignatureError, id: &PluginId) -> AgentError {
    let namespace = id.namespace();
    AgentError::Untrusted(match error {
        SignatureError::NoSignature => format!("nobody signed the agent {id}; whoever made it exports it again, signed"),
        SignatureError::UnknownKey { keyid } => format!(
            "the agent {id} is signed by key {keyid}, which this machine does not trust. Get the public key from whoever made it, \
             see that its id is {keyid}, and run: skynet key trust <public key> --namespace {namespace}"
        ),
        SignatureError::RevokedKey { keyid, reason } => {
            format!("the agent {id} is signed by key {keyid}, which was revoked: {}", plain_line(&reason, 200))
        }
        SignatureError::WrongNamespace { keyid, public, allowed, .. } => format!(
            "key {keyid} is trusted for {allowed}, not for agents of {namespace}. If it may sign there: \
             skynet key trust {public} --namespace {namespace}"
        ),
        SignatureError::BadSignature { keyid } => {
            format!("the signature of key {keyid} does not fit the agent {id}: it was changed after signing, or damaged. Do not use it")
        }
        other => other.to_string(),
    })
}
