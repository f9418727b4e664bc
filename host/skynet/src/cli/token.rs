//! `skynet token`: what clients connect with. Only hashes are kept.

use crate::args::Token;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::output::Out;
use crate::owner_token;
use crate::who;
use crate::wire;
use anyhow::Result;
use serde_json::{Value, json};
use skynet_core::access::AccessStore;
use skynet_core::ports::{Audit as _, AuditRow};
use skynet_store::Store;

const SCOPES: [&str; 5] = ["operator.read", "operator.write", "operator.approvals", "operator.pairing", "operator.admin"];

async fn is_there(store: &Store, name: &str) -> Result<bool> {
    Ok(store.list_tokens().await?.iter().any(|token| token.name == name))
}

/// Who may speak to the host is written down before it is so.
async fn record(store: &Store, action: &str, name: &str, more: Value) -> Result<()> {
    let detail = json!({ "action": action, "more": more });
    let subject = format!("token {name}");
    let row = AuditRow { kind: "auth".into(), actor: who::at_the_command_line(), subject, verdict: "ok".into(), detail };
    Ok(store.record(row).await?)
}

pub(crate) async fn run(home: &Home, verb: Token, out: &Out) -> Result<()> {
    home.must_exist()?;
    let store = wire::open_store(home).await?;
    match verb {
        Token::New { name, scopes } => {
            if let Some(unknown) = scopes.iter().find(|scope| !SCOPES.contains(&scope.as_str())) {
                return Err(fail(Kind::Usage, format!("`{unknown}` is no scope; use {}", SCOPES.join(", "))));
            }
            let exists = || fail(Kind::Refused, format!("a token named {name} exists; end it with: skynet token revoke {name}"));
            if is_there(&store, &name).await? {
                return Err(exists());
            }
            let token = owner_token::make()?;
            record(&store, "new", &name, json!({ "scopes": scopes })).await?;
            if !store.create_token(&name, scopes.clone(), skynet_gateway::token_hash(&token)).await? {
                return Err(exists());
            }
            out.line(&format!("{token}\n(shown once; name {name}, scopes {})", scopes.join(", ")));
            out.value(&json!({ "token": token, "name": name, "scopes": scopes }));
        }
        Token::List => {
            let tokens = store.list_tokens().await?;
            for token in &tokens {
                out.line(&format!("{}  {}", token.name, token.scopes.join(", ")));
            }
            out.value(&json!(tokens));
        }
        Token::Revoke { name } if name == owner_token::NAME => {
            record(&store, "renew", &name, json!({})).await?;
            owner_token::renew(home, &store).await?;
            let file = home.token();
            let text = format!("token {name} ended; a new one is in {}", file.display());
            out.both(&text, &json!({ "revoked": name, "renewed": file }));
        }
        Token::Revoke { name } => {
            if !is_there(&store, &name).await? {
                return Err(fail(Kind::NotFound, format!("there is no token named {name}; see: skynet token list")));
            }
            record(&store, "revoke", &name, json!({})).await?;
            store.revoke_token(&name).await?;
            out.both(&format!("token {name} ended"), &json!({ "revoked": name }));
        }
    }
    Ok(())
}
