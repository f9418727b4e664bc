//! A host for a plugin's own tests: the time and the random numbers that guests see are given,
//! and what comes from servers is played back from a tape, or taken down on one.
//!
//! Grants, the rules for servers, all limits and all faults are those of a host that serves:
//! only what is outside of both is replaced. Refuses to reach the network unless it records, and to
//! take down a secret that is known or what a server would know a client by.

use crate::host::PluginHost;
use crate::http::budget::HttpBudget;
use crate::limits;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use skynet_core::ports::CallContext;
use skynet_core::{PluginError, PluginId, ToolOutcome};
use skynet_policy::scrub::Scrubber;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};
use wasmtime_wasi_http::{Error, WasiBody};

/// Bytes of given randomness before they come again. A guest that wants more in one call gets the same once more.
const RANDOM_BLOCKS: u64 = 128;

/// What stands in a recording for the value of a cookie: it opens an account as a key does.
const COOKIE: &str = "[not recorded]";

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

    /// The answer on the tape. A known secret is compared as the words that stand for it there.
    pub(crate) async fn play(
        &self,
        request: http::Request<WasiBody>,
        budget: &HttpBudget,
        known: &Scrubber,
    ) -> Result<http::Response<WasiBody>, Error> {
        let (parts, body) = request.into_parts();
        let sent = text(&known.bytes(&whole(body, |bytes| budget.count_sent(bytes)).await?));
        let (method, url) = (parts.method.to_string(), known.text(&parts.uri.to_string()).into_owned());
        let fits = |exchange: &&Exchange| exchange.method == method && exchange.url == url && exchange.sent == sent;
        let found = self.tape.lock().unwrap_or_else(PoisonError::into_inner).iter().find(fits).cloned();
        let Some(exchange) = found else {
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

    /// Takes down what was sent and what came back, without the secrets that are known; both go on as they were.
    pub(crate) async fn take_down(
        &self,
        asked: (String, String, Bytes),
        answer: http::Response<WasiBody>,
        known: &Scrubber,
    ) -> Result<http::Response<WasiBody>, Error> {
        let (method, url, sent) = asked;
        let (parts, body) = answer.into_parts();
        // The door has counted it.
        let body = whole(body, |_| true).await?;
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            let value = text(&known.bytes(value.as_bytes()));
            (name.to_string(), if *name == http::header::SET_COOKIE { without_value(&value) } else { value })
        };
        // The length and the coding of what went over the wire, which is not what is kept.
        let kept =
            |(name, _): &(&http::HeaderName, &http::HeaderValue)| !matches!(name.as_str(), "content-length" | "transfer-encoding" | "date");
        let exchange = Exchange {
            method,
            url: known.text(&url).into_owned(),
            sent: text(&known.bytes(&sent)),
            status: parts.status.as_u16(),
            headers: parts.headers.iter().filter(kept).map(header).collect(),
            body: text(&known.bytes(&body)),
        };
        self.tape.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
        Ok(http::Response::from_parts(parts, full(body)))
    }
}

/// A request whose body was read, so that it can be taken down.
pub(crate) async fn read(request: http::Request<WasiBody>) -> Result<((String, String, Bytes), http::Request<WasiBody>), Error> {
    let (parts, body) = request.into_parts();
    let mut left = limits::HTTP_REQUEST_BYTES;
    let body = whole(body, |bytes| left.checked_sub(bytes as u64).map(|rest| left = rest).is_some()).await?;
    let asked = (parts.method.to_string(), parts.uri.to_string(), body.clone());
    Ok((asked, http::Request::from_parts(parts, full(body))))
}

/// A body in one piece; `may` counts its bytes, and says when they are too many.
async fn whole(mut body: WasiBody, mut may: impl FnMut(usize) -> bool) -> Result<Bytes, Error> {
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // Trailers are dropped, as they are on the way out.
        let Ok(data) = frame?.into_data() else { continue };
        if !may(data.len()) {
            return Err(Error::HttpRequestBodySize(Some(limits::HTTP_REQUEST_BYTES)));
        }
        all.extend_from_slice(&data);
    }
    Ok(all.freeze())
}

/// A cookie with its name and its terms.
fn without_value(cookie: &str) -> String {
    let (pair, terms) = cookie.split_once(';').map_or((cookie, None), |(pair, terms)| (pair, Some(terms)));
    let name = pair.split_once('=').map_or("", |(name, _)| name.trim());
    format!("{name}={COOKIE}{}", terms.map(|terms| format!(";{terms}")).unwrap_or_default())
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

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    const KEY: &str = "sk-a-key-of-24-characters";

    fn known(value: &str) -> Scrubber {
        Scrubber::new([("key", value)])
    }

    fn request(url: &str, body: &str) -> http::Request<WasiBody> {
        http::Request::post(url).body(full(Bytes::copy_from_slice(body.as_bytes()))).unwrap()
    }

    fn spelled() -> [String; 3] {
        use base64::Engine as _;
        [KEY.to_owned(), base64::engine::general_purpose::STANDARD.encode(KEY), hex::encode(KEY)]
    }

    #[tokio::test]
    async fn a_recording_holds_no_known_secret_in_any_place_or_spelling_and_no_cookie() {
        let staged = Staged::recording();
        let body = spelled().join(" and ");
        let (asked, _) = read(request(&format!("https://a.net/?key={KEY}"), &body)).await.unwrap();
        let answer = http::Response::builder()
            .header("x-echo", format!("Bearer {KEY}"))
            .header("set-cookie", "sid=opens-the-account; Path=/; HttpOnly")
            .body(full(Bytes::from(format!("{{\"you\": \"{body}\"}}"))))
            .unwrap();
        let answer = staged.take_down(asked, answer, &known(KEY)).await.unwrap();
        let heard = whole(answer.into_body(), |_| true).await.unwrap();
        assert!(text(&heard).contains(KEY), "the plugin hears what it would hear");
        let tape = serde_json::to_string(&staged.tape()).unwrap();
        for spelling in spelled() {
            assert!(!tape.contains(&spelling), "{spelling}: {tape}");
        }
        assert!(tape.contains("https://a.net/?key=[secret key]") && tape.contains("Bearer [secret key]"), "{tape}");
        assert!(tape.contains("sid=[not recorded]; Path=/; HttpOnly") && !tape.contains("opens-the-account"), "{tape}");
    }

    #[tokio::test]
    async fn what_was_recorded_with_a_secret_is_played_back_to_the_words_that_stand_for_it() {
        let staged = Staged::recording();
        let (asked, _) = read(request(&format!("https://a.net/?key={KEY}"), KEY)).await.unwrap();
        staged.take_down(asked, http::Response::new(full("yes".into())), &known(KEY)).await.unwrap();
        let playing = Staged::playing(staged.tape());
        let stands = known("[secret key]");
        // As a client spells it that was given those words for the secret.
        let (asked, budget) = (request("https://a.net/?key=%5Bsecret%20key%5D", "[secret key]"), HttpBudget::default());
        let answer = playing.play(asked, &budget, &stands).await.unwrap();
        assert_eq!(whole(answer.into_body(), |_| true).await.unwrap(), "yes");
    }

    #[tokio::test]
    async fn a_request_without_end_is_not_held_in_memory() {
        let pieces = futures_util::stream::repeat_with(|| Ok(Frame::data(Bytes::from_static(&[0; 1 << 20]))));
        let endless = || http::Request::post("https://a.net/").body(StreamBody::new(pieces.clone()).boxed_unsync()).unwrap();
        let playing = Staged::playing(Vec::new());
        let (budget, none) = (HttpBudget::default(), Scrubber::default());
        let ended = playing.play(endless(), &budget, &none).await;
        assert!(matches!(ended, Err(Error::HttpRequestBodySize(_))), "{ended:?}");
        // All requests of a call together.
        let again = playing.play(request("https://a.net/", "more"), &budget, &none).await;
        assert!(matches!(again, Err(Error::HttpRequestBodySize(_))));
        assert!(matches!(read(endless()).await, Err(Error::HttpRequestBodySize(_))));
    }
}
