//! One request and its answer, as the audit log and the meters see it.
//!
//! Two rows: the first is in the log before anything is dialled, and without it
//! nothing is; the second follows when the exchange is over, however that came about,
//! with status, bytes and time. Both carry the exchange's number. Bytes count against
//! the call and against the plugin, heads included.

use super::budget::HttpBudget;
use super::share::Share;
use crate::limits;
use crate::rate::Overrun;
use futures_util::FutureExt;
use http::HeaderMap;
use serde_json::{Value, json};
use skynet_core::PluginRef;
use skynet_core::ports::{Audit, AuditRow};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;
use wasmtime_wasi_http::{Error, WasiBody};

/// The kind of the first row and of a refusal.
pub(crate) const BEGUN: &str = "egress";
/// The kind of the second row.
pub(crate) const ENDED: &str = "egress.end";

/// Numbers of exchanges, one after the other while this process runs.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// How it went so far.
#[derive(Debug, Default)]
struct Outcome {
    status: Option<u16>,
    /// `Ok` once the answer was read to its end.
    end: Option<Result<(), String>>,
}

/// An exchange that is under way; its second row is written when the last who takes
/// part lets go.
pub(crate) struct Exchange {
    audit: Arc<dyn Audit>,
    budget: Arc<HttpBudget>,
    share: Arc<Share>,
    number: u64,
    actor: String,
    subject: String,
    address: IpAddr,
    begun: Instant,
    sent: AtomicU64,
    received: AtomicU64,
    outcome: Mutex<Outcome>,
    /// The request's body once all of it was sent: the guest's end stays open with it.
    body: Mutex<Option<WasiBody>>,
}

/// Hands a row to the log, which takes it in order.
pub(crate) async fn record(audit: &dyn Audit, kind: &str, verdict: &str, actor: &str, subject: &str, detail: Value) -> Result<(), Error> {
    let row = AuditRow { kind: kind.into(), actor: actor.into(), subject: subject.into(), verdict: verdict.into(), detail };
    audit.enqueue(row).await.map_err(|error| {
        tracing::error!(%error, "the audit log did not take a row; the request is not sent");
        Error::InternalError(Some("the host could not write its audit log".into()))
    })
}

impl Exchange {
    /// Writes the first row. Without it there is no exchange.
    pub(crate) async fn begin(
        audit: &Arc<dyn Audit>,
        (budget, share): (&Arc<HttpBudget>, &Arc<Share>),
        plugin: &PluginRef,
        subject: String,
        (address, secrets): (IpAddr, Vec<String>),
    ) -> Result<Arc<Self>, Error> {
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let actor = plugin.to_string();
        let mut detail = json!({ "exchange": number, "address": address.to_string() });
        if let Some(fields) = detail.as_object_mut().filter(|_| !secrets.is_empty()) {
            // By name: which the request carries.
            fields.insert("secrets".into(), json!(secrets));
        }
        record(&**audit, BEGUN, "ok", &actor, &subject, detail).await?;
        Ok(Arc::new(Self {
            audit: Arc::clone(audit),
            budget: Arc::clone(budget),
            share: Arc::clone(share),
            number,
            actor,
            subject,
            address,
            begun: Instant::now(),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            outcome: Mutex::default(),
            body: Mutex::default(),
        }))
    }

    fn outcome(&self) -> std::sync::MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn overrun(&self, overrun: Overrun) -> Error {
        self.budget.note_overrun(overrun);
        Error::ConnectionLimitReached
    }

    /// Counts bytes on their way out; an error when that is too many.
    pub(crate) fn sent(&self, bytes: usize) -> Result<(), Error> {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        if !self.budget.count_sent(bytes) {
            return Err(Error::HttpRequestBodySize(Some(limits::HTTP_REQUEST_BYTES)));
        }
        self.share.bytes(bytes as u64).map_err(|overrun| self.overrun(overrun))
    }

    /// Counts bytes that came in; an error when that is too many.
    pub(crate) fn received(&self, bytes: usize) -> Result<(), Error> {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
        if !self.budget.count_received(bytes) {
            return Err(Error::HttpResponseBodySize(Some(limits::HTTP_RESPONSE_BYTES)));
        }
        self.share.bytes(bytes as u64).map_err(|overrun| self.overrun(overrun))
    }

    /// Holds a request's body, all of which was sent, until the exchange is over.
    pub(super) fn keep(&self, body: WasiBody) {
        *self.body.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
    }

    /// The answer's head is here.
    pub(crate) fn answered(&self, status: u16) {
        self.outcome().status = Some(status);
    }

    /// The answer was read to its end.
    pub(crate) fn complete(&self) {
        self.outcome().end.get_or_insert(Ok(()));
    }

    /// It broke off.
    pub(crate) fn failed(&self, error: &Error) {
        let why = skynet_policy::naming::plain_line(&error.to_string(), 200);
        self.outcome().end.get_or_insert(Err(why));
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let outcome = std::mem::take(&mut *self.outcome());
        let (verdict, why) = match outcome.end {
            Some(Ok(())) => ("ok", None),
            Some(Err(why)) => ("error", Some(why)),
            None => ("error", Some("the plugin let go of it before its end".to_owned())),
        };
        let detail = json!({
            "exchange": self.number, "address": self.address.to_string(), "status": outcome.status, "why": why,
            "out": self.sent.load(Ordering::Relaxed), "in": self.received.load(Ordering::Relaxed),
            "ms": u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        let (audit, actor, subject) = (Arc::clone(&self.audit), std::mem::take(&mut self.actor), std::mem::take(&mut self.subject));
        // An error is in the log of the host; the next request finds that no row is taken, and is refused.
        let mut row = Box::pin(async move { drop(record(&*audit, ENDED, verdict, &actor, &subject, detail).await) });
        if (&mut row).now_or_never().is_none() {
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn(row)),
                Err(error) => tracing::error!(%error, exchange = self.number, "the host ended before this exchange's last audit row"),
            }
        }
    }
}

/// Roughly what a head takes on the wire.
pub(crate) fn head_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}
