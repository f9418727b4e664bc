//! `skynet mcp`: the tools of the running host for programs that speak the Model Context
//! Protocol.
//!
//! The host's own endpoint does all of it; what is here carries lines to it and back.

mod post;
mod relay;

use crate::args::{Mcp, ServeMcp};
use crate::client;
use crate::home::Home;
use crate::output::Out;
use crate::owner_token;
use anyhow::{Context, Result};
use serde_json::{Value, json};

pub(crate) async fn run(home: &Home, verb: Mcp, out: &Out) -> Result<()> {
    home.must_exist()?;
    match verb {
        Mcp::Serve(serve) if serve.http => show(home, out),
        Mcp::Serve(serve) => relay::run(home, &token(home, serve)?).await,
        Mcp::Config { http } => config(home, http, out),
    }
}

fn token(home: &Home, serve: ServeMcp) -> Result<String> {
    match serve.token {
        Some(token) => Ok(token),
        None => owner_token::read(home),
    }
}

fn url(home: &Home) -> Result<String> {
    Ok(format!("http://{}/mcp", client::address(home)?))
}

fn show(home: &Home, out: &Out) -> Result<()> {
    let url = url(home)?;
    out.line(&url);
    out.line("The running host answers there, over HTTP, with a token in the header `Authorization: Bearer …`.");
    out.line("Make one for each program:   skynet token new NAME");
    out.line("What to write into settings: skynet mcp config --http");
    out.value(&json!({ "url": url }));
    Ok(())
}

/// The same text for people and for programs: it is JSON anyway.
fn config(home: &Home, http: bool, out: &Out) -> Result<()> {
    let server = if http {
        json!({ "type": "http", "url": url(home)?, "headers": { "Authorization": "Bearer TOKEN" } })
    } else {
        let program = std::env::current_exe().context("where this program is")?;
        json!({ "command": program, "args": ["mcp", "serve"], "env": { "SKYNET_HOME": home.root() } })
    };
    let config = json!({ "mcpServers": { "skynet": server } });
    out.line(&serde_json::to_string_pretty(&config)?);
    out.value(&config);
    if http && !out.json {
        eprintln!("In place of TOKEN write one of your own: skynet token new NAME");
    }
    Ok(())
}

/// An answer of ours to a message that could not be carried.
fn error(id: Option<&Value>, code: i32, message: &str) -> String {
    json!({ "jsonrpc": "2.0", "id": id.unwrap_or(&Value::Null), "error": { "code": code, "message": message } }).to_string()
}
