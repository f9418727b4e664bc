//! What happens by the clock: ticks, pings, health, presence, and closing the
//! sockets of tokens that no longer stand.
//!
//! One task; each thing is said once to all clients.

use crate::auth::secret::within;
use crate::frame::EventHead;
use crate::hub::Audience;
use crate::limits::{HEALTH_EVERY, PING_EVERY, PRESENCE_EVERY, REVOKED_EVERY};
use crate::server::Server;
use crate::{health, presence};
use serde_json::json;
use skynet_core::access::{TokenMark, TokenRow};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval.reset();
    interval
}

/// Runs as long as the gateway.
pub(crate) async fn beat(server: Arc<Server>) {
    let mut tick = every(Duration::from_millis(server.config.tick_interval_ms.max(1)));
    let mut ping = every(PING_EVERY);
    let mut minute = every(HEALTH_EVERY);
    let mut recheck = every(REVOKED_EVERY);
    let mut second = every(PRESENCE_EVERY);
    let mut someone_left = false;
    loop {
        tokio::select! {
            _ = tick.tick() => {
                let head = EventHead::new("tick", &json!({"ts": server.clock.now_ms()}));
                server.hub.broadcast(&head, Audience::Everyone, true);
            }
            _ = ping.tick() => server.hub.each(|client| client.mailbox.ping()),
            _ = minute.tick() => {
                refresh(&server).await;
                let head = EventHead::versioned("health", &server.health_payload(), Some(server.state_version()));
                server.hub.broadcast(&head, Audience::Operators, true);
            }
            _ = recheck.tick() => close_revoked(&server).await,
            () = server.hub.left.notified() => someone_left = true,
            _ = second.tick() => {
                if std::mem::take(&mut someone_left) {
                    let payload = json!({"presence": presence::list(&server)});
                    let head = EventHead::versioned("presence", &payload, Some(server.state_version()));
                    server.hub.broadcast(&head, Audience::Operators, true);
                }
                server.mcp.look(&server.agent);
                if server.health.take_stale() {
                    refresh(&server).await;
                }
            }
        }
    }
}

async fn refresh(server: &Server) {
    if let Err(error) = health::refresh(server).await {
        tracing::warn!(%error, "health could not be read");
    }
}

/// Ends the sockets whose token was revoked, or whose device was removed, since they connected.
async fn close_revoked(server: &Server) {
    if server.hub.len() == 0 && !server.mcp.any() {
        return;
    }
    let (tokens, devices) = (within(server.access.list_tokens()).await, within(server.access.devices()).await);
    let (Ok(tokens), Ok(devices)) = (tokens, devices) else {
        return tracing::warn!("tokens could not be checked again");
    };
    let tokens: HashSet<TokenMark> = tokens.iter().map(TokenRow::mark).collect();
    let devices: HashSet<String> = devices.into_iter().map(|device| device.id).collect();
    server.mcp.keep(&tokens).await;
    server.hub.close_each(4001, "gateway auth changed", |client| {
        let identity = &client.identity;
        identity.token.as_ref().is_some_and(|token| !tokens.contains(token))
            || identity.device.as_ref().is_some_and(|id| !devices.contains(id))
    });
}

/// Says goodbye to all.
pub(crate) fn shutdown(server: &Server) {
    let payload = json!({"reason": "service restart", "restartExpectedMs": 1500});
    server.hub.broadcast(&EventHead::new("shutdown", &payload), Audience::Everyone, false);
    server.hub.shut(1012, "service restart");
}
