//! A device's proof of who it is: an ed25519 signature over what it asks for and
//! over the nonce of this very socket.
//!
//! Owns the signed text (v3, and v2 of older clients) and the order of checks.
//! Refuses keys of small order, and signatures that are not canonical.

use crate::limits::SIGNATURE_SKEW_MS;
use crate::refusal::Refusal;
use crate::ws::connect::ConnectParams;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// The `device` of a connect request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeviceProof {
    pub(crate) id: String,
    pub(crate) public_key: String,
    pub(crate) signature: String,
    pub(crate) signed_at: u64,
    #[serde(default)]
    pub(crate) nonce: String,
}

/// A device whose proof held.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    /// SHA-256 of the raw key, lower-case hex.
    pub(crate) id: String,
    /// The raw key, base64url without padding, whatever form was sent.
    pub(crate) public_key: String,
}

/// Bytes before the raw key in its SubjectPublicKeyInfo (RFC 8410).
const SPKI_PREFIX: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Checks a proof. `nonce` is this socket's.
pub(crate) fn verify(params: &ConnectParams, proof: &DeviceProof, nonce: &str, now_ms: u64) -> Result<Device, Refusal> {
    let raw = raw_key(&proof.public_key)
        .ok_or_else(|| fault("device public key invalid", "DEVICE_AUTH_PUBLIC_KEY_INVALID", "device-public-key"))?;
    let id = hex::encode(Sha256::digest(raw));
    if id != proof.id {
        return Err(fault("device identity mismatch", "DEVICE_AUTH_DEVICE_ID_MISMATCH", "device-id-mismatch"));
    }
    if proof.signed_at.abs_diff(now_ms) > SIGNATURE_SKEW_MS {
        return Err(fault("device signature expired", "DEVICE_AUTH_SIGNATURE_EXPIRED", "device-signature-stale"));
    }
    if proof.nonce.trim().is_empty() {
        return Err(fault("device nonce required", "DEVICE_AUTH_NONCE_REQUIRED", "device-nonce-missing"));
    }
    if proof.nonce != nonce {
        return Err(fault("device nonce mismatch", "DEVICE_AUTH_NONCE_MISMATCH", "device-nonce-mismatch"));
    }
    let key = VerifyingKey::from_bytes(&raw)
        .map_err(|_| fault("device public key invalid", "DEVICE_AUTH_PUBLIC_KEY_INVALID", "device-public-key"))?;
    let holds = signature(&proof.signature).is_some_and(|signature| {
        let v3 = signed_text(params, proof, true);
        let v2 = signed_text(params, proof, false);
        key.verify_strict(v3.as_bytes(), &signature).is_ok() || key.verify_strict(v2.as_bytes(), &signature).is_ok()
    });
    if !holds {
        return Err(fault("device signature invalid", "DEVICE_AUTH_SIGNATURE_INVALID", "device-signature"));
    }
    Ok(Device { id, public_key: URL_SAFE_NO_PAD.encode(raw) })
}

fn fault(message: &str, code: &str, reason: &str) -> Refusal {
    Refusal::invalid(message).with(json!({"code": code, "reason": reason}))
}

fn raw_key(text: &str) -> Option<[u8; 32]> {
    if let Some(body) = text.trim().strip_prefix("-----BEGIN PUBLIC KEY-----") {
        let body: String = body.trim_end().strip_suffix("-----END PUBLIC KEY-----")?.split_whitespace().collect();
        return STANDARD.decode(body).ok()?.strip_prefix(SPKI_PREFIX)?.try_into().ok();
    }
    base64_any(text)?.try_into().ok()
}

fn signature(text: &str) -> Option<Signature> {
    Some(Signature::from_bytes(&base64_any(text)?.try_into().ok()?))
}

/// Clients send base64url; some libraries keep the padding or the other alphabet.
fn base64_any(text: &str) -> Option<Vec<u8>> {
    let text: String = text
        .trim()
        .trim_end_matches('=')
        .chars()
        .map(|c| match c {
            '+' => '-',
            '/' => '_',
            c => c,
        })
        .collect();
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn signed_text(params: &ConnectParams, proof: &DeviceProof, v3: bool) -> String {
    let lower = |text: Option<&str>| text.unwrap_or("").trim().to_ascii_lowercase();
    let mut fields = vec![
        if v3 { "v3" } else { "v2" }.to_owned(),
        proof.id.clone(),
        params.client.id.clone(),
        params.client.mode.clone(),
        params.role().to_owned(),
        params.scopes.join(","),
        proof.signed_at.to_string(),
        params.auth.signed_token().to_owned(),
        proof.nonce.clone(),
    ];
    if v3 {
        fields.push(lower(Some(&params.client.platform)));
        fields.push(lower(params.client.device_family.as_deref()));
    }
    fields.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer as _, SigningKey};

    const NOW: u64 = 1_700_000_000_000;

    fn params() -> ConnectParams {
        serde_json::from_value(json!({
            "minProtocol": 3, "maxProtocol": 3, "scopes": ["operator.read", "operator.write"],
            "client": {"id": "cli", "version": "1", "platform": " Linux ", "mode": "cli"},
            "auth": {"token": "t"},
        }))
        .unwrap()
    }

    fn proof(version: &str) -> DeviceProof {
        let key = SigningKey::from_bytes(&[7; 32]);
        let raw = key.verifying_key().to_bytes();
        let id = hex::encode(Sha256::digest(raw));
        let mut text = format!("{version}|{id}|cli|cli|operator|operator.read,operator.write|{NOW}|t|n");
        if version == "v3" {
            text.push_str("|linux|");
        }
        let signature = URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()).to_bytes());
        DeviceProof { id, public_key: URL_SAFE_NO_PAD.encode(raw), signature, signed_at: NOW, nonce: "n".into() }
    }

    fn check(change: impl FnOnce(&mut ConnectParams, &mut DeviceProof), now: u64, expected: &str) {
        let (mut params, mut proof) = (params(), proof("v3"));
        change(&mut params, &mut proof);
        let got = match verify(&params, &proof, "n", now) {
            Ok(_) => "ok".into(),
            Err(refusal) => refusal.message,
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn both_versions_of_the_signed_text_hold() {
        assert!(verify(&params(), &proof("v3"), "n", NOW).is_ok());
        assert!(verify(&params(), &proof("v2"), "n", NOW).is_ok());
        assert!(verify(&params(), &proof("v1"), "n", NOW).is_err());
    }

    #[test]
    fn every_signed_field_counts() {
        check(|_, _| {}, NOW, "ok");
        check(|p, _| p.scopes = vec!["operator.admin".into()], NOW, "device signature invalid");
        check(|p, _| p.client.platform = "mac".into(), NOW, "device signature invalid");
        check(|p, _| p.auth.token = Some("other".into()), NOW, "device signature invalid");
        check(|p, _| p.client.mode = "ui".into(), NOW, "device signature invalid");
        check(|_, d| d.signed_at += 1, NOW, "device signature invalid");
    }

    #[test]
    fn age_nonce_and_key_are_checked() {
        check(|_, _| {}, NOW + SIGNATURE_SKEW_MS, "ok");
        check(|_, _| {}, NOW + SIGNATURE_SKEW_MS + 1, "device signature expired");
        check(|_, _| {}, NOW - SIGNATURE_SKEW_MS - 1, "device signature expired");
        check(|_, d| d.nonce = " ".into(), NOW, "device nonce required");
        check(|_, d| d.nonce = "m".into(), NOW, "device nonce mismatch");
        check(|_, d| d.id = "0".repeat(64), NOW, "device identity mismatch");
        check(|_, d| d.public_key = "AAAA".into(), NOW, "device public key invalid");
        check(|_, d| d.signature = "é".into(), NOW, "device signature invalid");
    }

    #[test]
    fn a_pem_key_is_the_same_key() {
        let raw = SigningKey::from_bytes(&[7; 32]).verifying_key().to_bytes();
        let der = [SPKI_PREFIX, &raw[..]].concat();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
        check(|_, d| d.public_key = pem, NOW, "ok");
    }

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        let mut weak = [0_u8; 32];
        weak[0] = 1;
        let id = hex::encode(Sha256::digest(weak));
        check(|_, d| (d.id, d.public_key, d.signature) = (id, URL_SAFE_NO_PAD.encode(weak), URL_SAFE_NO_PAD.encode([0_u8; 64])), NOW, {
            "device signature invalid"
        });
    }
}
