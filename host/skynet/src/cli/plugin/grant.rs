//! `skynet plugin grant`: the owner reads what is asked, then says yes.

use super::{checked, text};
use crate::args::Grant;
use crate::client;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::PLUGIN_CHANGE;
use crate::output::Out;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use skynet_policy::permission::Permissions;
use std::io::{IsTerminal, Write};

pub(crate) async fn run(home: &Home, grant: Grant, out: &Out) -> Result<()> {
    let id = checked(&grant.id)?;
    let info = client::call(home, "plugins.info", json!({ "id": id }), PLUGIN_CHANGE).await?;
    let waits = !info["waiting"].is_null();
    let asked = if waits { &info["waiting"]["request"] } else { &info["request"] };
    let publisher = if waits { &info["waiting"]["publisher"] } else { &info["publisher"] };
    let mut permissions: Permissions = match &grant.only {
        Some(only) => {
            serde_json::from_str(only).map_err(|error| fail(Kind::Refused, format!("--only is not a set of permissions: {error}")))?
        }
        None => serde_json::from_value(asked.clone()).context("the host's answer")?,
    };
    if grant.private {
        // Only what the owner's own settings name can be let onto private networks:
        // a rule for every public server stays public.
        permissions.net.iter_mut().filter(|rule| rule.scheme.is_none()).for_each(|rule| rule.private = true);
    }
    if permissions.is_empty() {
        out.both(&format!("{id} asks for nothing; it needs no grant"), &json!({ "id": id, "granted": [] }));
        return Ok(());
    }
    let sentences = permissions.sentences();
    out.line(&format!("{id}, signed by {}, asks:", text(publisher)));
    sentences.iter().for_each(|sentence| out.line(&format!("  {sentence}")));
    if !grant.yes && !confirmed(out)? {
        return Err(fail(Kind::Refused, format!("nothing was granted; `skynet plugin grant --yes {id}` does not ask")));
    }
    let granted: Value = serde_json::to_value(&permissions)?;
    client::call(home, "plugins.grant", json!({ "id": id, "permissions": granted }), PLUGIN_CHANGE).await?;
    out.both(&format!("granted to {id}"), &json!({ "id": id, "granted": sentences }));
    Ok(())
}

fn confirmed(out: &Out) -> Result<bool> {
    if out.json || !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut stdout = std::io::stdout();
    write!(stdout, "Allow this? [y/N] ")?;
    stdout.flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
