//! What all connections share: the parts that the host brought, and the state that
//! the gateway keeps of its clients, runs and health.

use crate::ahead;
use crate::auth::pairing::Pairing;
use crate::auth::record::Untold;
use crate::auth::throttle::Throttle;
use crate::frame::{Payload, StateVersion};
use crate::health::Health;
use crate::hub::Hub;
use crate::limits::STRANGERS_PER_ADDRESS;
use crate::mcp;
use crate::methods::Table;
use crate::rates::Rates;
use crate::refusal::Refusal;
use crate::turns::book::RunBook;
use crate::turns::feed::Feed;
use crate::{GatewayParts, Readiness};
use serde_json::{Value, json};
use skynet_agent::Agent;
use skynet_core::StoreError;
use skynet_core::access::AccessStore;
use skynet_core::admin::PluginAdmin;
use skynet_core::articles::Articles;
use skynet_core::config::GatewayConfig;
use skynet_core::facts::Facts;
use skynet_core::ports::{Audit, AuditRow, Clock, Memory};
use skynet_core::proposals::Approvals;
use skynet_core::schedule::Schedule;
use skynet_core::terminal::Console;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Shared by every task of the gateway.
pub(crate) struct Server {
    pub(crate) agent: Agent,
    pub(crate) memory: Arc<dyn Memory>,
    pub(crate) facts: Arc<dyn Facts>,
    pub(crate) articles: Arc<dyn Articles>,
    pub(crate) access: Arc<dyn AccessStore>,
    pub(crate) admin: Arc<dyn PluginAdmin>,
    pub(crate) approvals: Arc<dyn Approvals>,
    pub(crate) console: Arc<dyn Console>,
    pub(crate) schedule: Arc<dyn Schedule>,
    audit: Arc<dyn Audit>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: GatewayConfig,
    pub(crate) version: String,
    pub(crate) commit: Option<String>,
    ready: Arc<dyn Fn() -> Readiness + Send + Sync>,
    pub(crate) state_dir: Option<String>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) pairing: Pairing,
    pub(crate) throttle: Throttle,
    pub(crate) rates: Rates,
    pub(crate) untold: Untold,
    pub(crate) strangers: Arc<Strangers>,
    pub(crate) runs: Arc<RunBook>,
    pub(crate) health: Health,
    pub(crate) feed: Feed,
    pub(crate) methods: Table,
    pub(crate) mcp: mcp::Sessions,
    /// Sockets whose tasks run, hello or not.
    pub(crate) sockets: watch::Sender<usize>,
    /// `{deviceId, publicKey}` of this process.
    pub(crate) identity: Value,
    started_ms: u64,
}

impl Server {
    pub(crate) fn new(parts: GatewayParts, feed: Feed) -> Result<Self, StoreError> {
        let hub = Arc::new(Hub::default());
        let pairing = Pairing::new(Arc::clone(&parts.access), Arc::clone(&parts.audit), Arc::clone(&parts.clock), Arc::clone(&hub));
        Ok(Self {
            started_ms: parts.clock.now_ms(),
            runs: Arc::new(RunBook::new(Arc::clone(&parts.clock))),
            identity: crate::methods::identity::of_this_process()?,
            health: Health::default(),
            feed,
            methods: Table::new(),
            mcp: mcp::Sessions::new(&parts.agent),
            sockets: watch::Sender::new(0),
            throttle: Throttle::default(),
            rates: Rates::new(&parts.rates, Arc::clone(&parts.clock)),
            untold: Untold::default(),
            strangers: Arc::default(),
            agent: parts.agent,
            memory: parts.memory,
            facts: parts.facts,
            articles: parts.articles,
            access: parts.access,
            admin: parts.admin,
            approvals: parts.approvals,
            console: parts.console,
            schedule: parts.schedule,
            audit: parts.audit,
            clock: parts.clock,
            config: parts.config,
            version: parts.version,
            commit: parts.commit,
            ready: parts.ready,
            state_dir: parts.state_dir,
            hub,
            pairing,
        })
    }

    pub(crate) fn readiness(&self) -> Readiness {
        (self.ready)()
    }

    pub(crate) fn uptime_ms(&self) -> u64 {
        self.clock.now_ms().saturating_sub(self.started_ms)
    }

    pub(crate) fn state_version(&self) -> StateVersion {
        StateVersion { presence: self.hub.presence_version.load(Ordering::Relaxed), health: self.health.version() }
    }

    /// Writes one row; who cannot write it must not act.
    pub(crate) async fn record(&self, kind: &str, actor: &str, subject: &str, verdict: &str, detail: Value) -> Result<(), Refusal> {
        let row = AuditRow { kind: kind.into(), actor: actor.into(), subject: subject.into(), verdict: verdict.into(), detail };
        ahead::record(&self.audit, row).await.map_err(Refusal::from)
    }

    /// Takes the row of an act that begins now; see `Audit::enqueue`.
    pub(crate) async fn enqueue_ahead(&self, row: AuditRow) -> Result<(), StoreError> {
        ahead::enqueue(&self.audit, row).await
    }

    /// Takes a row of what is over ahead of whatever is written next; see `Audit::enqueue`.
    pub(crate) async fn enqueue(&self, row: AuditRow) -> Result<(), StoreError> {
        crate::auth::secret::within(self.audit.enqueue(row)).await
    }

    /// Returns when all audit rows so far are on disk.
    pub(crate) async fn audit_on_disk(&self) -> Result<(), StoreError> {
        crate::auth::secret::within(self.audit.settle()).await
    }

    /// The names that hello and the documentation of a client show.
    pub(crate) fn features(&self) -> Value {
        json!({"methods": self.methods.names(), "events": crate::events::NAMES})
    }

    pub(crate) fn health_payload(&self) -> Payload {
        Payload::Raw(self.health.current())
    }
}

/// Sockets that have not said who they are, by address.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<HashMap<IpAddr, u32>>);

impl Strangers {
    /// One more of this address, unless there are too many.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Stranger> {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = count.entry(address).or_insert(0);
        if *of_address >= STRANGERS_PER_ADDRESS {
            return None;
        }
        *of_address = of_address.saturating_add(1);
        Some(Stranger { strangers: Arc::clone(self), address })
    }
}

/// One of them; dropped when it said who it is, or left.
#[derive(Debug)]
pub(crate) struct Stranger {
    strangers: Arc<Strangers>,
    address: IpAddr,
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut count = self.strangers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_address) = count.get_mut(&self.address) {
            *of_address = of_address.saturating_sub(1);
            if *of_address == 0 {
                count.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_strangers_and_no_more() {
        let strangers = Arc::new(Strangers::default());
        let address: IpAddr = "10.0.0.1".parse().unwrap();
        let mut inside: Vec<_> = (0..STRANGERS_PER_ADDRESS).map(|_| strangers.enter(address).unwrap()).collect();
        assert!(strangers.enter(address).is_none());
        assert!(strangers.enter("10.0.0.2".parse().unwrap()).is_some());
        inside.pop();
        assert!(strangers.enter(address).is_some());
        drop(inside);
        assert!(strangers.0.lock().unwrap().is_empty());
    }
}
