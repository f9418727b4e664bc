//! The macros that turn a type into a component's exports.
//!
//! Each carries the exported component type with it, so that a plugin crate
//! links exactly the interfaces it names. On a machine that is not the guest
//! target they only check that the traits are implemented: the exported symbol
//! names mean nothing there.

/// Exports a type as a plugin of one or more kinds:
/// `export_plugin!(Mine: tool, hook)`.
#[macro_export]
macro_rules! export_plugin {
    ($plugin:ty : $($kind:ident),+ $(,)?) => {
        $crate::__export_kind!(lifecycle, $plugin);
        $($crate::__export_kind!($kind, $plugin);)+
    };
}

/// Exports a type that implements [`Tool`](crate::Tool).
#[macro_export]
macro_rules! export_tool {
    ($plugin:ty) => {
        $crate::export_plugin!($plugin: tool);
    };
}

/// Exports a type that implements [`Provider`](crate::Provider).
#[macro_export]
macro_rules! export_provider {
    ($plugin:ty) => {
        $crate::export_plugin!($plugin: provider);
    };
}

/// Exports a type that implements [`Channel`](crate::Channel).
#[macro_export]
macro_rules! export_channel {
    ($plugin:ty) => {
        $crate::export_plugin!($plugin: channel);
    };
}

/// Exports a type that implements [`Hook`](crate::Hook).
#[macro_export]
macro_rules! export_hook {
    ($plugin:ty) => {
        $crate::export_plugin!($plugin: hook);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_kind {
    ($kind:ident, $plugin:ty) => {
        const _: () = {
            type Exported = $crate::$kind::Exported<$plugin>;
            #[cfg(target_family = "wasm")]
    $crate::bindings::$kind::export!(Exported with_types_in $crate::bindings::$kind);
            #[cfg(not(target_family = "wasm"))]
            const _: fn() = || $crate::__checks::$kind::<Exported>();
        };
    };
}
