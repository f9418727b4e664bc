//! The page at `/`: what runs here, for a person who opened the address.

use crate::server::Server;
use axum::response::{Html, IntoResponse as _, Response};
use http::header;

/// Nothing on the page loads or runs.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The page.
pub(crate) fn page(server: &Server) -> Response {
    let version: String = server.version.chars().filter(|c| c.is_ascii_alphanumeric() || ".-+".contains(*c)).collect();
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>SmartopolAI</title>\
         <style>body{{font:16px/1.5 system-ui;max-width:40em;margin:4em auto;padding:0 1em}}</style>\
         <h1>SmartopolAI</h1><p>This is the gateway of a <b>skynet</b> host, version {version}.</p>\
         <ul><li>Chat from a terminal: <code>skynet chat</code></li>\
         <li>Clients of the OpenClaw gateway protocol connect to this address by WebSocket.</li>\
         <li>Programs use <code>POST /v1/chat/completions</code> with a bearer token.</li>\
         <li>Health: <a href=\"/health\">/health</a>, <a href=\"/ready\">/ready</a></li></ul></html>"
    );
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(page)).into_response()
}
