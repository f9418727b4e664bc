//! `skynet secret`: values that only the host holds.
//!
//! Works on the database, with or without a host that runs; a running one sees each
//! change by itself. A value comes from the terminal or from stdin and is never shown.

mod list;
mod set;
mod slot;
mod test;

use crate::args::Secret;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::output::Out;
use crate::vault::{self, Ask, Places, failed};
use crate::who;
use crate::wire;
use anyhow::Result;
use serde_json::json;
use skynet_store::Store;
use skynet_store::vault::Unlocked;
use std::io::{IsTerminal, Write};

/// What all verbs work on.
struct Desk<'a> {
    home: &'a Home,
    out: &'a Out,
    store: Store,
    places: Places,
    /// Who is here, for the audit log.
    by: String,
}

impl Desk<'_> {
    /// The vault, unlocked; made if there is none yet.
    async fn unlocked(&self) -> Result<Unlocked> {
        Ok(vault::ensure(&self.store, &self.places, Ask::Terminal, &self.by).await?.0)
    }

    /// Asks before something that cannot be undone.
    fn confirm(&self, yes: bool, question: &str, flag: &str) -> Result<()> {
        if yes {
            return Ok(());
        }
        let mut answer = String::new();
        if !self.out.json && std::io::stdin().is_terminal() {
            let mut stdout = std::io::stdout();
            write!(stdout, "{question} [y/N] ")?;
            stdout.flush()?;
            std::io::stdin().read_line(&mut answer)?;
        }
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
        Err(fail(Kind::Refused, format!("nothing was changed; `{flag}` does not ask")))
    }
}

pub(crate) async fn run(home: &Home, verb: Secret, out: &Out) -> Result<()> {
    home.must_exist()?;
    let desk = Desk { home, out, store: wire::open_store(home).await?, places: Places::of(home)?, by: who::at_the_command_line() };
    match verb {
        Secret::Set(asked) => set::set(&desk, asked).await,
        Secret::List => list::run(&desk).await,
        Secret::Rm { name, yes } => remove(&desk, &name, yes).await,
        Secret::Rotate { name: Some(name) } => set::rotate(&desk, &name).await,
        Secret::Rotate { name: None } => rotate_vault(&desk).await,
        Secret::Test { name } => test::run(&desk, &name).await,
        Secret::Slot(verb) => slot::run(&desk, verb).await,
        Secret::Reset { yes } => reset(&desk, yes).await,
    }
}

fn none_named(name: &str) -> anyhow::Error {
    fail(Kind::NotFound, format!("no secret named {name} is set; see: skynet secret list"))
}

async fn remove(desk: &Desk<'_>, name: &str, yes: bool) -> Result<()> {
    if !desk.store.secrets().await.map_err(failed)?.iter().any(|row| row.name == name) {
        return Err(none_named(name));
    }
    desk.confirm(yes, &format!("Remove the secret {name}?"), &format!("skynet secret rm --yes {name}"))?;
    let unlocked = desk.unlocked().await?;
    if !desk.store.remove_secret(&unlocked, name, &desk.by).await.map_err(failed)? {
        return Err(none_named(name));
    }
    desk.out.both(&format!("secret {name} is removed"), &json!({ "removed": name }));
    Ok(())
}

async fn rotate_vault(desk: &Desk<'_>) -> Result<()> {
    let unlocked = desk.unlocked().await?;
    vault::rotate(&desk.store, &desk.places, &unlocked, &desk.by).await?;
    let count = desk.store.secrets().await.map_err(failed)?.len();
    desk.out.both(
        &format!("the vault has a new key; it seals every slot and the data keys of all secrets, {count} now"),
        &json!({ "rotated": true, "secrets": count }),
    );
    Ok(())
}

async fn reset(desk: &Desk<'_>, yes: bool) -> Result<()> {
    let rows = desk.store.secrets().await.map_err(failed)?;
    let secrets = if rows.len() == 1 { "secret" } else { "secrets" };
    let question = format!("Remove the vault with {} {secrets} in it? Nobody can bring that back.", rows.len());
    desk.confirm(yes, &question, "skynet secret reset --yes")?;
    desk.store.reset_vault(&desk.by).await.map_err(failed)?;
    desk.unlocked().await?;
    desk.out.both(
        &format!("the vault is empty; {} {secrets} gone, and it opens with {}", rows.len(), desk.places.keyfile.display()),
        &json!({ "reset": true, "removed": rows.iter().map(|row| &row.name).collect::<Vec<_>>() }),
    );
    if crate::lock::holder(desk.home).is_some() {
        desk.out.line("the host that runs still has the old vault; restart it with: skynet daemon restart");
    }
    Ok(())
}
