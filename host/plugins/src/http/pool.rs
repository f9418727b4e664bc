//! Open connections of a plugin that may serve its next request.
//!
//! An HTTP/1.1 connection is here while it is idle; an HTTP/2 connection is here from
//! its handshake on, and all requests of one plugin to one server go over it. Nothing
//! is shared between plugins: a connection may carry state of whoever opened it.

use super::dial::{Connection, Sender};
use crate::limits;
use rustls::pki_types::ServerName;
use skynet_core::PluginId;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::{Instant, sleep, timeout};

/// Where a connection leads, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub(crate) plugin: PluginId,
    pub(crate) address: SocketAddr,
    /// The name that TLS must prove; `None` for plain HTTP.
    pub(crate) tls_name: Option<ServerName<'static>>,
}

/// Connections of one route, the one used last at the end.
#[derive(Default)]
struct Lane {
    open: Vec<(Connection, Instant)>,
    /// Held while one is dialled that others may share.
    dialling: Arc<tokio::sync::Mutex<()>>,
}

impl Lane {
    fn drop_dead(&mut self) {
        self.open.retain(|(connection, used)| used.elapsed() < limits::HTTP_KEEP_ALIVE && !connection.is_closed());
    }

    fn is_unused(&self) -> bool {
        self.open.is_empty() && Arc::strong_count(&self.dialling) == 1
    }
}

#[derive(Default)]
struct Lanes {
    by_route: HashMap<Route, Lane>,
    /// Whether a task will look for dead ones.
    is_swept: bool,
}

/// The pool. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<Lanes>>);

impl Pool {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that can take a request. One that was just put here may need a moment.
    pub(crate) async fn ready(&self, route: &Route) -> Option<Connection> {
        while let Some(mut connection) = self.take(route) {
            let is_ready = match &mut connection.sender {
                Sender::One(sender) if !sender.is_ready() => matches!(timeout(limits::HTTP_READY, sender.ready()).await, Ok(Ok(()))),
                _ => true,
            };
            if is_ready {
                return Some(connection);
            }
        }
        None
    }

    fn take(&self, route: &Route) -> Option<Connection> {
        let mut lanes = self.lanes();
        let lane = lanes.by_route.get_mut(route)?;
        lane.drop_dead();
        let (last, used) = lane.open.last_mut()?;
        if let Sender::Many(_) = last.sender {
            *used = Instant::now();
            return last.share();
        }
        lane.open.pop().map(|(connection, _)| connection)
    }

    /// The turn to dial this route: requests that may share a connection dial one after
    /// the other, and whoever waited looks here again.
    pub(crate) fn turn(&self, route: &Route) -> Arc<tokio::sync::Mutex<()>> {
        let mut lanes = self.lanes();
        self.keep_swept(&mut lanes);
        Arc::clone(&lanes.by_route.entry(route.clone()).or_default().dialling)
    }

    /// Keeps a connection: an idle one, or one that others may share.
    pub(crate) fn put(&self, route: Route, connection: Connection) {
        let mut lanes = self.lanes();
        self.keep_swept(&mut lanes);
        let lane = lanes.by_route.entry(route).or_default();
        lane.drop_dead();
        if lane.open.len() < limits::HTTP_KEEP_PER_KEY {
            lane.open.push((connection, Instant::now()));
        }
    }

    /// Lets go of the connection that was not used for longest, of one plugin or of any.
    /// An HTTP/2 connection that serves requests ends with the last of them.
    pub(crate) fn make_room(&self, plugin: Option<&PluginId>) {
        let mut lanes = self.lanes();
        let theirs = lanes.by_route.iter_mut().filter(|(route, _)| plugin.is_none_or(|plugin| *plugin == route.plugin));
        let oldest = theirs.filter_map(|(_, lane)| Some((lane.open.first()?.1, lane))).min_by_key(|(used, _)| *used);
        if let Some((_, lane)) = oldest {
            drop(lane.open.remove(0));
        }
    }

    fn keep_swept(&self, lanes: &mut Lanes) {
        if !std::mem::replace(&mut lanes.is_swept, true) {
            tokio::spawn(self.clone().sweep());
        }
    }

    /// Closes what nobody used, until nothing is left.
    async fn sweep(self) {
        loop {
            sleep(limits::HTTP_KEEP_ALIVE).await;
            let mut lanes = self.lanes();
            lanes.by_route.values_mut().for_each(Lane::drop_dead);
            lanes.by_route.retain(|_, lane| !lane.is_unused());
            if lanes.by_route.is_empty() {
                lanes.is_swept = false;
                return;
            }
        }
    }
}
