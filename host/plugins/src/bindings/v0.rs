//! Generated bindings of `skynet:plugin@0.1`.
//!
//! One world holds all imports that this host implements and all interfaces that
//! a plugin may export, so that they share types; which exports a component has
//! is asked interface by interface.
#![allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub)]

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package skynet:host;

        world everything {
            import skynet:plugin/log@0.1.0;
            import skynet:plugin/config@0.1.0;
            import skynet:plugin/kv@0.1.0;
            import skynet:plugin/secrets@0.1.0;
            import skynet:plugin/secret-reveal@0.1.0;
            import skynet:plugin/delta-sink@0.1.0;
            import skynet:plugin/memory@0.1.0;
            import skynet:plugin/knowledge@0.1.0;
            import skynet:plugin/schedule@0.1.0;
            import skynet:plugin/agent@0.1.0;
            import skynet:plugin/messages@0.1.0;
            import skynet:plugin/script@0.1.0;
            import skynet:plugin/propose@0.1.0;
            import skynet:plugin/terminal@0.1.0;
            export skynet:plugin/lifecycle@0.1.0;
            export skynet:plugin/tool@0.1.0;
            export skynet:plugin/provider@0.1.0;
            export skynet:plugin/channel@0.1.0;
            export skynet:plugin/hook@0.1.0;
            export skynet:plugin/migrate@0.1.0;
        }
    ",
    world: "skynet:host/everything",
    imports: {
        "skynet:plugin/kv@0.1.0": async | trappable,
        "skynet:plugin/secrets@0.1.0": async | trappable,
        "skynet:plugin/secret-reveal@0.1.0": async | trappable,
        "skynet:plugin/delta-sink@0.1.0": async | trappable,
        "skynet:plugin/memory@0.1.0": async | trappable,
        "skynet:plugin/knowledge@0.1.0": async | trappable,
        "skynet:plugin/schedule@0.1.0": async | trappable,
        "skynet:plugin/agent@0.1.0": async | trappable,
        "skynet:plugin/messages@0.1.0": async | trappable,
        "skynet:plugin/script@0.1.0": async | trappable,
        "skynet:plugin/propose@0.1.0": async | trappable,
        "skynet:plugin/terminal@0.1.0": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    require_store_data_send: true,
    with: {
        "skynet:plugin/delta-sink.delta-sink": crate::imports::delta_sink::Sink,
    },
});
