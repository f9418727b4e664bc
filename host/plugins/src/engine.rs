//! The one wasmtime engine of the process, its feature switches and its clock.
//!
//! Owns: configuration, the choice of allocator, the epoch ticker. Refuses: a
//! second engine in the same process; anything that a guest does not need (GC,
//! threads, exceptions, memory64, component async).

use crate::limits;
use skynet_core::HostBug;
use std::num::NonZeroUsize;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

/// Where instances live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocator {
    /// Reserved slots, reused: the fast way.
    Pool,
    /// Mapped for each call, where the address space is too small for a pool.
    OnDemand,
}

fn base_config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(false)
        .concurrency_support(false)
        .gc_support(false)
        .wasm_component_model(true)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .wasm_exceptions(false)
        .wasm_tail_call(false)
        .wasm_simd(true)
        .memory_init_cow(true)
        .max_wasm_stack(limits::WASM_STACK)
        .async_stack_size(limits::ASYNC_STACK)
        // Guests cannot read a native stack; wiping it would guard against a fault of the
        // compiler alone, and gives pages back in each call, which stops all threads.
        .async_stack_zeroing(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(NonZeroUsize::new(20));
    config
}

fn pool() -> PoolingAllocationConfig {
    let slots = u32::try_from(limits::CONCURRENT_CALLS).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots * 16)
        .total_memories(slots * 2)
        .total_tables(slots * 4)
        .total_stacks(slots)
        .max_core_instances_per_component(limits::CORE_INSTANCES)
        .max_memories_per_component(limits::MEMORIES)
        .max_tables_per_component(limits::TABLES)
        .table_elements(limits::TABLE_ELEMENTS)
        .max_memory_size(limits::MEMORY_CEILING)
        .max_unused_warm_slots(limits::WARM_SLOTS)
        .linear_memory_keep_resident(limits::KEEP_RESIDENT)
        .table_keep_resident(64 * 1024)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Makes the engine that serves calls.
pub(crate) fn serving_engine() -> Result<(Engine, Allocator), HostBug> {
    let mut config = base_config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    match Engine::new(&config) {
        Ok(engine) => Ok((engine, Allocator::Pool)),
        Err(reason) => {
            tracing::warn!(%reason, "no address space for an instance pool; calls will be slower");
            let engine = Engine::new(&base_config()).map_err(|error| bug(&error))?;
            Ok((engine, Allocator::OnDemand))
        }
    }
}

/// Makes the engine of the compiling child, which runs no guest code.
pub(crate) fn compiling_engine() -> Result<Engine, HostBug> {
    let mut config = base_config();
    config.parallel_compilation(true);
    Engine::new(&config).map_err(|error| bug(&error))
}

fn bug(error: &wasmtime::Error) -> HostBug {
    HostBug { place: "plugins/engine", reason: format!("{error:#}") }
}

/// Moves the epoch on while the engine lives. One per process.
pub(crate) fn start_ticker(engine: &Engine) -> Result<(), HostBug> {
    let weak = engine.weak();
    let ticker = std::thread::Builder::new().name("skynet-epoch".into()).spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(limits::EPOCH);
        }
    });
    ticker.map(drop).map_err(|error| HostBug { place: "plugins/engine", reason: format!("no thread for the epoch ticker: {error}") })
}
