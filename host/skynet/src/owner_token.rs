//! The owner's token: what `owner.token` must hold, and that the store knows the same.
//!
//! Refuses what somebody could guess or has ended: a host that starts with it would be anybody's.

use crate::exit::{Kind, fail};
use crate::home::{self, Home};
use anyhow::Result;
use skynet_core::access::AccessStore as _;
use skynet_store::Store;

/// The scopes of the owner's own token.
pub(crate) const SCOPES: [&str; 1] = ["operator.admin"];

/// The name of the owner's own token.
pub(crate) const NAME: &str = "owner";

/// Random bytes in a token.
const BYTES: usize = 32;

/// Fewer different digits than any random token has: somebody typed it.
const DIFFERENT: usize = 6;

/// A token that nobody can guess.
pub(crate) fn make() -> Result<String> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(hex::encode(bytes))
}

/// Writes a new one into `owner.token`. It counts once it is settled.
pub(crate) fn write(home: &Home) -> Result<()> {
    home::write_file(&home.token(), format!("{}\n", make()?).as_bytes(), 0o600)
}

/// The token in `owner.token`, which is there, private, and like one that `skynet init` writes.
pub(crate) fn read(home: &Home) -> Result<String> {
    let path = home.token();
    if !path.exists() {
        return Err(fail(Kind::BadConfig, format!("{} is missing; a new one is written by: skynet init", path.display())));
    }
    let text = home::read_private(&path)?;
    let token = text.trim();
    let different: std::collections::BTreeSet<u8> = token.bytes().map(|byte| byte.to_ascii_lowercase()).collect();
    let is_random = token.len() == 2 * BYTES && token.bytes().all(|byte| byte.is_ascii_hexdigit()) && different.len() >= DIFFERENT;
    if !is_random {
        let (path, digits) = (path.display(), 2 * BYTES);
        let fault = format!(
            "{path} holds no token of {digits} random hex digits, so somebody could guess it; a new one is written by: skynet token revoke {NAME}"
        );
        return Err(fail(Kind::BadConfig, fault));
    }
    Ok(token.to_owned())
}

/// Makes sure that the token in `owner.token` is the one that the store knows.
pub(crate) async fn settle(home: &Home, store: &Store) -> Result<()> {
    let hash = skynet_gateway::token_hash(&read(home)?);
    let wrong = match store.find_token(&hash).await? {
        Some(row) if row.name == NAME => return Ok(()),
        Some(row) => Some(format!("the token named {}", row.name)),
        None => store.is_ended(&hash).await?.then(|| "a token that was ended".to_owned()),
    };
    if let Some(wrong) = wrong {
        let path = home.token();
        let fault = format!("{} holds {wrong}; a new one is written by: skynet token revoke {NAME}", path.display());
        return Err(fail(Kind::BadConfig, fault));
    }
    store.revoke_token(NAME).await?;
    let scopes = SCOPES.iter().map(ToString::to_string).collect();
    store.create_token(NAME, scopes, hash).await?;
    Ok(())
}

/// Ends the owner's token, and puts a new one in its place: without any nobody could speak to the host.
pub(crate) async fn renew(home: &Home, store: &Store) -> Result<()> {
    write(home)?;
    settle(home, store).await
}
