//! Bearer tokens: what a client shows, against what the store keeps.
//!
//! Only hashes are looked up and compared, so the time that a comparison takes
//! tells nothing about a token. Refuses: waiting for a store that does not answer.

use crate::limits::STORE_DEADLINE;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use skynet_core::StoreError;
use skynet_core::access::{AccessStore, TokenHash, TokenRow};
use subtle::ConstantTimeEq as _;

/// Longest token that is looked at; ours have 43 characters.
const TOKEN_BYTES: usize = 4096;

/// What the store keeps of a token.
pub(crate) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// Whether a token is the one of this hash.
pub(crate) fn matches(token: &str, expected: &TokenHash) -> bool {
    hash(token).ct_eq(expected).into()
}

/// A new token: 256 random bits as 43 characters.
pub(crate) fn random() -> Result<String, StoreError> {
    let mut bits = [0_u8; 32];
    getrandom::fill(&mut bits).map_err(|error| StoreError::Unavailable(format!("the system gives no random numbers: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(bits))
}

/// The row of a bearer token, if it stands.
pub(crate) async fn find(access: &dyn AccessStore, token: &str) -> Result<Option<TokenRow>, StoreError> {
    if token.is_empty() || token.len() > TOKEN_BYTES {
        return Ok(None);
    }
    within(access.find_token(&hash(token))).await
}

/// An answer of the store, or the word that it did not come. For questions only: a change that was asked for is waited
/// for, because one that is given up may still happen, and the log and the client would have it that it did not.
pub(crate) async fn within<T>(question: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match tokio::time::timeout(STORE_DEADLINE, question).await {
        Ok(answer) => answer,
        Err(_) => Err(StoreError::Unavailable(format!("no answer within {} s", STORE_DEADLINE.as_secs()))),
    }
}
