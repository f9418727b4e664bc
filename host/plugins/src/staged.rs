//! A host for a plugin's own tests: the time and the random numbers that guests see are given,
//! and what comes from servers is played back from a tape, or taken down on one.
//!
//! Grants, the rules for servers, all limits and all faults are those of a host that serves:
//! only what is outside of both is replaced. Refuses to reach the network unless it records.

use crate::host::PluginHost;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use skynet_core::ports::CallContext;
use skynet_core::{PluginError, PluginId, ToolOutcome};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};
use wasmtime_wasi_http::{Error, WasiBody};

/// Bytes of given randomness before they come again. A guest that wants more in one call gets the same once more.
const RANDOM_BLOCKS: u64 = 128;

/// Requests without an answer that are remembered: enough to name them in a report.
const MISSED: usize = 16;

/// One request and what a server answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Such as `GET`.
    pub method: String,
    /// The whole of it.
    pub url: String,
    /// The request's body as text; what is not UTF-8 is replaced.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sent: String,
    /// The answer's status.
    pub status: u16,
    /// Its headers.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// Its body as text; what is not UTF-8 is replaced.
    #[serde(default)]
    pub body: String,
}

/// What guests of a staged host see of the world.
#[derive(Debug, Default)]
pub struct Staged {
    now_ms: AtomicU64,
    seed: AtomicU64,
    tape: Mutex<Vec<Exchange>>,
    /// Requests that no exchange fits.
    missed: Mutex<Vec<String>>,
    records: bool,
}

impl Staged {
    /// Plays back these exchanges; the first that fits a request answers it, each time.
    pub fn playing(tape: Vec<Exchange>) -> Self {
        Self { tape: Mutex::new(tape), ..Self::default() }
    }

    /// Lets requests out and takes down what comes back.
    pub fn recording() -> Self {
        Self { records: true, ..Self::default() }
    }

    /// From now on calls see this time (milliseconds since the Unix epoch) and numbers of this seed.
    pub fn set(&self, now_ms: u64, seed: u64) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
        self.seed.store(seed, Ordering::Relaxed);
    }

    /// What was taken down, or is played back.
    pub fn tape(&self) -> Vec<Exchange> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The requests that no exchange fitted since this was asked last: method and address.
    pub fn missed(&self) -> Vec<String> {
        std::mem::take(&mut *self.missed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn records(&self) -> bool {
        self.records
    }

    /// Puts clocks and numbers into the context of one call.
    pub(crate) fn furnish(&self, builder: &mut WasiCtxBuilder) {
        let seed = self.seed.load(Ordering::Relaxed);
        let block = |number: u64| Sha256::new().chain_update(seed.to_be_bytes()).chain_update(number.to_be_bytes()).finalize().to_vec();
        let bytes: Vec<u8> = (0..RANDOM_BLOCKS).flat_map(block).collect();
        builder.secure_random(Deterministic::new(bytes.clone())).insecure_random(Deterministic::new(bytes));
        builder.insecure_random_seed(u128::from(seed));
        builder.wall_clock(Still(Duration::from_millis(self.now_ms.load(Ordering::Relaxed)))).monotonic_clock(Counting::default());
    }

    /// The answer on the tape.
    pub(crate) async fn play(&self, request: http::Request<WasiBody>) -> Result<http::Response<WasiBody>, Error> {
        let (parts, body) = request.into_parts();
        let sent = text(&whole(body).await?);
        let (method, url) = (parts.method.to_string(), parts.uri.to_string());
        let fits = |exchange: &&Exchange| exchange.method == method && exchange.url == url && exchange.sent == sent;
        let Some(exchange) = self.tape().iter().find(fits).cloned() else {
            let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
            if missed.len() < MISSED {
                missed.push(format!("{method} {url}"));
            }
            return Err(Error::ConnectionRefused);
        };
        let mut answer = http::Response::builder().status(exchange.status);
        for (name, value) in exchange.headers {
            answer = answer.header(name, value);
        }
        answer.body(full(exchange.body.into())).map_err(|_| Error::HttpProtocolError)
    }

    /// Takes down what was sent and what came back; both go on as they were.
    pub(crate) async fn take_down(
        &self,
        asked: (String, String, Bytes),
        answer: http::Response<WasiBody>,
    ) -> Result<http::Response<WasiBody>, Error> {
        let (method, url, sent) = asked;
        let (parts, body) = answer.into_parts();
        let body = whole(body).await?;
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| (name.to_string(), text(value.as_bytes()));
        // The length and the coding of what went over the wire, which is not what is kept.
        let kept =
            |(name, _): &(&http::HeaderName, &http::HeaderValue)| !matches!(name.as_str(), "content-length" | "transfer-encoding" | "date");
        let exchange = Exchange {
            method,
            url,
            sent: text(&sent),
            status: parts.status.as_u16(),
            headers: parts.headers.iter().filter(kept).map(header).collect(),
            body: text(&body),
        };
        self.tape.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
        Ok(http::Response::from_parts(parts, full(body)))
    }
}

/// A request whose body was read, so that it can be taken down.
pub(crate) async fn read(request: http::Request<WasiBody>) -> Result<((String, String, Bytes), http::Request<WasiBody>), Error> {
    let (parts, body) = request.into_parts();
    let body = whole(body).await?;
    let asked = (parts.method.to_string(), parts.uri.to_string(), body.clone());
    Ok((asked, http::Request::from_parts(parts, full(body))))
}

async fn whole(body: WasiBody) -> Result<Bytes, Error> {
    Ok(body.collect().await?.to_bytes())
}

fn full(bytes: Bytes) -> WasiBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A time that stands still.
struct Still(Duration);

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

/// A clock that goes on by a millisecond each time it is read, so that a guest that waits by looking at it ends.
#[derive(Default)]
struct Counting(AtomicU64);

impl HostMonotonicClock for Counting {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        self.0.fetch_add(1_000_000, Ordering::Relaxed)
    }
}

impl PluginHost {
    /// Calls a tool of a plugin that serves by any name and with any arguments, as nothing
    /// in front of a guest would let through: for tests of the plugin alone.
    pub async fn call_staged(
        &self,
        id: &PluginId,
        tool: &str,
        arguments: &Value,
        context: CallContext,
    ) -> Result<ToolOutcome, PluginError> {
        let generation = self.in_service(id)?;
        crate::invoke::call(&self.shared.runtime, &generation, tool, arguments, context).await
    }
}
