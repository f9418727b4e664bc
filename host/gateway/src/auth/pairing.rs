//! Which devices may connect, as what, and with which token of their own.
//!
//! A device at this machine whose owner's secret held gets what it asks for, as far
//! as the secret reaches. Any other waits for an operator, who can give no more
//! than they have. Refuses: granting a device more by its own token than was approved.

use crate::ahead;
use crate::auth::device::Device;
use crate::auth::scope::{Scope, Scopes};
use crate::auth::secret::{self, within};
use crate::frame::EventHead;
use crate::hub::{Audience, Hub};
use crate::limits::PENDING_DEVICES;
use crate::refusal::Refusal;
use crate::ws::connect::ConnectParams;
use serde_json::{Value, json};
use skynet_core::StoreError;
use skynet_core::access::{AccessStore, DeviceRow};
use skynet_core::ports::{Audit, AuditRow, Clock};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// A device that waits.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) request: String,
    pub(crate) row: DeviceRow,
    pub(crate) repair: bool,
    pub(crate) at_ms: u64,
}

impl Pending {
    pub(crate) fn json(&self) -> Value {
        json!({
            "requestId": self.request, "deviceId": self.row.id, "publicKey": self.row.public_key, "platform": self.row.platform,
            "clientId": self.row.client_id, "clientMode": self.row.client_mode, "role": self.row.role, "roles": [self.row.role],
            "scopes": self.row.scopes, "silent": false, "isRepair": self.repair, "ts": self.at_ms,
        })
    }
}

/// What a device asks.
pub(crate) struct Ask<'a> {
    pub(crate) device: &'a Device,
    pub(crate) params: &'a ConnectParams,
    /// What the bearer token that it showed allows, if it stands.
    pub(crate) held: Option<Scopes>,
    /// Whether what the bearer token allows needs nobody's word.
    pub(crate) silent: bool,
}

/// What a device got.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) scopes: Scopes,
    pub(crate) token: String,
    pub(crate) approved_ms: u64,
}

/// The devices of this host.
pub(crate) struct Pairing {
    access: Arc<dyn AccessStore>,
    audit: Arc<dyn Audit>,
    clock: Arc<dyn Clock>,
    hub: Arc<Hub>,
    pending: Mutex<VecDeque<Pending>>,
    /// Device tokens made in this process, by device: the store has only hashes, and
    /// a second client with the same device must not end the first one's token.
    issued: Mutex<HashMap<String, String>>,
    /// One change of a device at a time.
    settling: tokio::sync::Mutex<()>,
}

impl Pairing {
    pub(crate) fn new(access: Arc<dyn AccessStore>, audit: Arc<dyn Audit>, clock: Arc<dyn Clock>, hub: Arc<Hub>) -> Self {
        Self { access, audit, clock, hub, pending: Mutex::default(), issued: Mutex::default(), settling: tokio::sync::Mutex::new(()) }
    }

    /// Lets a device in, or says what it waits for.
    pub(crate) async fn admit(&self, ask: Ask<'_>) -> Result<Admitted, Refusal> {
        let _settling = self.settling.lock().await;
        let asked = Scopes::of_strings(&ask.params.scopes);
        let known = within(self.access.device(&ask.device.id)).await?;
        match ask.held {
            Some(held) => self.admit_by_secret(&ask, held.limit(asked), known).await,
            None => self.admit_by_device_token(&ask, asked, known),
        }
    }

    async fn admit_by_secret(&self, ask: &Ask<'_>, granted: Scopes, known: Option<DeviceRow>) -> Result<Admitted, Refusal> {
        let wanted = self.row(ask, granted);
        let lacking = match &known {
            None => Some("not-paired"),
            Some(row) => lacking(row, &wanted, granted),
        };
        if let (Some(reason), false) = (lacking, ask.silent) {
            return Err(self.wait(wanted, known.as_ref(), reason));
        }
        if let (Some(row), None) = (&known, lacking)
            && let Some(token) = self.issued_token(row)
        {
            return Ok(Admitted { scopes: granted, token, approved_ms: row.approved_ms });
        }
        let mut row = match known {
            Some(row) if lacking.is_none() => row,
            Some(row) => {
                let scopes = Scopes::of_strings(&row.scopes).with(granted).strings();
                DeviceRow { created_ms: row.created_ms, scopes, ..wanted }
            }
            None => wanted,
        };
        if lacking.is_none() {
            let token = self.store_with_new_token(&mut row).await?;
            return Ok(Admitted { scopes: granted, token, approved_ms: row.approved_ms });
        }
        let token = self.pair(&mut row).await?;
        self.resolved(&Uuid::new_v4().to_string(), &row.id, "approved");
        Ok(Admitted { scopes: granted, token, approved_ms: row.approved_ms })
    }

    fn admit_by_device_token(&self, ask: &Ask<'_>, asked: Scopes, known: Option<DeviceRow>) -> Result<Admitted, Refusal> {
        let auth = &ask.params.auth;
        let token = auth.device_token.as_deref().or(auth.token.as_deref()).unwrap_or("");
        let row = known.filter(|row| row.role == ask.params.role());
        let row = row.filter(|row| row.token.is_some_and(|hash| secret::matches(token, &hash)));
        let Some(row) = row else { return Err(crate::ws::connect::secret_refusal(ask.params, true)) };
        let wanted = self.row(ask, asked);
        if let Some(reason) = lacking(&row, &wanted, asked) {
            return Err(self.wait(wanted, Some(&row), reason));
        }
        Ok(Admitted { scopes: asked, token: token.to_owned(), approved_ms: row.approved_ms })
    }

    /// The pending devices, oldest first.
    pub(crate) fn pending(&self) -> Vec<Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Approves a waiting device. The approver must have what they give.
    pub(crate) async fn approve(&self, request: &str, approver: Scopes) -> Result<DeviceRow, Refusal> {
        let _settling = self.settling.lock().await;
        let waiting = self.pending().into_iter().find(|waiting| waiting.request == request);
        let Some(waiting) = waiting else { return Err(Refusal::invalid("unknown requestId")) };
        let asked = Scopes::of_strings(&waiting.row.scopes);
        if !approver.cover_all(asked) {
            return Err(Refusal::invalid(format!("missing scope: {}", Scope::Admin.name())));
        }
        let mut row = waiting.row;
        if let Some(known) = within(self.access.device(&row.id)).await? {
            row.scopes = Scopes::of_strings(&known.scopes).with(asked).strings();
        }
        self.pair(&mut row).await?;
        self.forget(request);
        self.resolved(request, &row.id, "approved");
        Ok(row)
    }

    /// Turns a waiting device away.
    pub(crate) async fn reject(&self, request: &str) -> Result<String, Refusal> {
        // One that is being approved is approved first, and there is nothing left to turn away.
        let _settling = self.settling.lock().await;
        let waiting = self.pending().into_iter().find(|waiting| waiting.request == request);
        let Some(waiting) = waiting else { return Err(Refusal::invalid("unknown requestId")) };
        self.forget(request);
        self.resolved(request, &waiting.row.id, "rejected");
        Ok(waiting.row.id)
    }

    /// Forgets a device; its token ends with it. `false` when there was none.
    pub(crate) async fn remove(&self, id: &str) -> Result<bool, StoreError> {
        let _settling = self.settling.lock().await;
        self.issued.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        self.access.remove_device(id).await
    }

    fn row(&self, ask: &Ask<'_>, scopes: Scopes) -> DeviceRow {
        let now = self.clock.now_ms();
        let client = &ask.params.client;
        DeviceRow {
            id: ask.device.id.clone(),
            public_key: ask.device.public_key.clone(),
            role: ask.params.role().to_owned(),
            scopes: scopes.strings(),
            platform: Some(client.platform.clone()),
            device_family: client.device_family.clone(),
            display_name: client.display_name.clone(),
            client_id: Some(client.id.clone()),
            client_mode: Some(client.mode.clone()),
            token: None,
            created_ms: now,
            approved_ms: now,
        }
    }

    fn issued_token(&self, row: &DeviceRow) -> Option<String> {
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let token = issued.get(&row.id)?;
        row.token.is_some_and(|hash| secret::matches(token, &hash)).then(|| token.clone())
    }

    async fn store_with_new_token(&self, row: &mut DeviceRow) -> Result<String, StoreError> {
        let token = secret::random()?;
        row.token = Some(secret::hash(&token));
        self.access.upsert_device(row.clone()).await?;
        self.issued.lock().unwrap_or_else(PoisonError::into_inner).insert(row.id.clone(), token.clone());
        Ok(token)
    }

    /// Keeps an approved device. Its row is in the log first, and a second one when it could not be kept.
    async fn pair(&self, row: &mut DeviceRow) -> Result<String, StoreError> {
        let told = |verdict: &str, detail: Value| {
            let (actor, subject) = (format!("device {}", row.id), "pair".to_owned());
            AuditRow { kind: "auth".into(), actor, subject, verdict: verdict.into(), detail }
        };
        let (role, scopes, client) = (row.role.clone(), row.scopes.clone(), row.client_id.clone());
        ahead::record(&self.audit, told("ok", json!({"role": role, "scopes": scopes, "client": client}))).await?;
        let failed = told("error", json!({"why": "the device could not be stored, so it was not paired"}));
        let kept = self.store_with_new_token(row).await;
        if kept.is_err()
            && let Err(error) = within(self.audit.enqueue(failed)).await
        {
            tracing::error!(%error, device = %row.id, "a device that is not paired stands in the audit log as paired");
        }
        kept
    }

    fn forget(&self, request: &str) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).retain(|waiting| waiting.request != request);
    }

    fn resolved(&self, request: &str, device: &str, decision: &str) {
        let payload = json!({"requestId": request, "deviceId": device, "decision": decision, "ts": self.clock.now_ms()});
        self.hub.broadcast(&EventHead::new("device.pair.resolved", &payload), Audience::Scope(Scope::Pairing), false);
    }

    fn wait(&self, wanted: DeviceRow, known: Option<&DeviceRow>, reason: &str) -> Refusal {
        let (waiting, new) = {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            let same = |waiting: &&mut Pending| {
                waiting.row.id == wanted.id && waiting.row.role == wanted.role && waiting.row.scopes == wanted.scopes
            };
            match pending.iter_mut().find(same) {
                Some(waiting) => (waiting.clone(), false),
                None => {
                    let request = Uuid::new_v4().to_string();
                    let at_ms = self.clock.now_ms();
                    let waiting = Pending { request, row: wanted, repair: known.is_some(), at_ms };
                    if pending.len() >= PENDING_DEVICES {
                        pending.pop_front();
                    }
                    pending.push_back(waiting.clone());
                    (waiting, true)
                }
            }
        };
        if new {
            self.hub.broadcast(&EventHead::new("device.pair.requested", &waiting.json()), Audience::Scope(Scope::Pairing), false);
        }
        refusal(&waiting, known, reason)
    }
}

/// What an approval does not yet cover.
fn lacking(row: &DeviceRow, wanted: &DeviceRow, scopes: Scopes) -> Option<&'static str> {
    if row.role != wanted.role {
        Some("role-upgrade")
    } else if !Scopes::of_strings(&row.scopes).cover_all(scopes) {
        Some("scope-upgrade")
    } else if row.platform != wanted.platform || row.device_family != wanted.device_family {
        Some("metadata-upgrade")
    } else {
        None
    }
}

fn refusal(waiting: &Pending, known: Option<&DeviceRow>, reason: &str) -> Refusal {
    let why = match reason {
        "role-upgrade" => "device is asking for a role that is not approved",
        "scope-upgrade" => "device is asking for more scopes than currently approved",
        "metadata-upgrade" => "device reports another platform than was approved",
        _ => "device is not approved yet",
    };
    let mut details = json!({
        "code": "PAIRING_REQUIRED", "reason": reason, "requestId": waiting.request, "deviceId": waiting.row.id,
        "requestedRole": waiting.row.role, "requestedScopes": waiting.row.scopes,
        "remediationHint": "an operator of this gateway must approve the pending request (device.pair.approve)",
    });
    if let (Some(row), Some(map)) = (known, details.as_object_mut()) {
        map.insert("approvedRoles".into(), json!([row.role]));
        map.insert("approvedScopes".into(), json!(row.scopes));
    }
    Refusal::not_paired(format!("pairing required: {why}")).with(details)
}
