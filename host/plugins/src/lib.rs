//! The component host: admission, compile, registry, calls, imports and the egress door.
