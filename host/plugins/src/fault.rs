//! Why a guest call ended badly, told apart: the guest's fault, with the limit it
//! ran into, or ours.

use crate::budget::CpuSpent;
use crate::limiter::OverLimit;
use skynet_core::error::FaultKind;
use skynet_core::{GuestFault, PluginRef};
use std::time::Duration;
use wasmtime::Trap;

fn fault(plugin: &PluginRef, during: &str, kind: FaultKind, reason: String, remedy: &str) -> GuestFault {
    GuestFault { plugin: plugin.clone(), during: during.to_owned(), kind, reason, remedy: remedy.to_owned() }
}

/// Explains an error that came out of wasmtime during a guest call.
pub(crate) fn explain(plugin: &PluginRef, during: &str, error: &wasmtime::Error, printed: &str) -> GuestFault {
    if let Some(spent) = error.downcast_ref::<CpuSpent>() {
        let remedy = "Its author can ask for more with limits.cpu_ms in plugin.toml";
        return fault(plugin, during, FaultKind::CpuLimit, spent.to_string(), remedy);
    }
    if let Some(over) = error.downcast_ref::<OverLimit>() {
        let remedy = "Its author can ask for more with limits.memory_bytes in plugin.toml";
        return fault(plugin, during, FaultKind::ResourceLimit, over.to_string(), remedy);
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        let last = printed.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let last = skynet_policy::naming::plain_line(last, 300);
        let reason = if last.is_empty() { trap.to_string() } else { format!("{trap}; it printed: {last}") };
        return fault(
            plugin,
            during,
            FaultKind::Trap,
            reason,
            "Report it to its author; `skynet plugin rollback` brings the former version back",
        );
    }
    if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        let reason = format!("it ended itself with exit code {}", exit.0);
        return fault(plugin, during, FaultKind::Trap, reason, "Report it to its author");
    }
    let reason = skynet_policy::naming::plain_line(&format!("{error:#}"), 600);
    fault(plugin, during, FaultKind::ResourceLimit, reason, "It broke a rule of the host's interface; report it to its author")
}

/// A call that took too long.
pub(crate) fn timed_out(plugin: &PluginRef, during: &str, wall: Duration) -> GuestFault {
    let remedy = "What it waited for may be slow; its author can ask for more with limits.wall_ms in plugin.toml";
    fault(plugin, during, FaultKind::Timeout, format!("it took longer than {} s", wall.as_secs_f32()), remedy)
}

/// A component that could not be started.
pub(crate) fn not_started(plugin: &PluginRef, error: &wasmtime::Error, printed: &str) -> GuestFault {
    let mut fault = explain(plugin, "start", error, printed);
    if fault.kind != FaultKind::CpuLimit {
        fault.kind = FaultKind::Instantiation;
    }
    fault
}

/// An answer that breaks the contract.
pub(crate) fn bad_answer(plugin: &PluginRef, during: &str, reason: String) -> GuestFault {
    fault(plugin, during, FaultKind::BadAnswer, reason, "Report it to its author")
}
