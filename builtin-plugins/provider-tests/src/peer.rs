//! A mock server that runs beside the tests, and what it says of our requests.
//!
//! There is no test without it: a missing address fails, loudly.

use crate::tcp::Tcp;
use skynet_plugin_sdk::http::{Request, Transport};
use skynet_plugin_sdk::serde_json::{self, Value};

/// Bytes of a mock server's own answers.
const CONTROL_BYTES: usize = 64 * 1024 * 1024;

/// A running server.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address, without a slash at the end.
    pub url: String,
}

impl Peer {
    /// The server whose address that variable holds.
    ///
    /// # Panics
    /// When there is none: run.sh starts the servers.
    #[allow(clippy::panic)] // A test without its server must not pass.
    pub fn from_env(variable: &str) -> Self {
        match std::env::var(variable) {
            Ok(url) if url.starts_with("http://127.0.0.1:") => Self { url },
            _ => panic!("{variable} does not name a running mock server; start these tests with provider-tests/run.sh"),
        }
    }

    /// Asks the server's control address and gives back its JSON.
    ///
    /// # Panics
    /// When the server does not answer as it should.
    #[allow(clippy::panic)] // As above.
    pub fn control(&self, method: &str, path: &str, body: &Value, test: &str) -> Value {
        let url = format!("{}{path}", self.url);
        let request = Request::new(method, url.clone()).header("x-test-id", test);
        let request = if body.is_null() { Ok(request) } else { request.json(body) };
        let answer = request.and_then(|request| Tcp::default().send(request)).and_then(|mut response| {
            let text = response.text(CONTROL_BYTES)?;
            Ok((response.status, text))
        });
        match answer.map(|(status, text)| (status, serde_json::from_str(&text))) {
            Ok((200..=299, Ok(value))) => value,
            other => panic!("{method} {url}: {other:?}"),
        }
    }
}
