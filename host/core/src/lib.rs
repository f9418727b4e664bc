//! Plain types and ports that every other crate of the host speaks.
//!
//! Owns: ids, messages, tools, deltas, events, configuration types, errors, and
//! the ports (traits) through which the turn loop reaches models, tools, memory
//! and time. Refuses: I/O, threads, async runtimes, WIT types, SQL.

pub mod access;
pub mod admin;
pub mod articles;
pub mod channel;
pub mod completion;
pub mod config;
pub mod error;
pub mod event;
pub mod facts;
pub mod hook;
pub mod ids;
pub mod limits;
pub mod message;
pub mod neighbours;
pub mod plugin;
pub mod ports;
pub mod proposals;
pub mod schedule;
pub mod secret;
pub mod session;
pub mod terminal;
pub mod tool;

pub use completion::{
    Completion, CompletionItem, CompletionRequest, Delta, ModelInfo, StopReason, SystemBlock, ThinkingLevel, ToolChoice, ToolDefinition,
    Usage,
};
pub use error::{Denial, GuestFault, HostBug, ModelError, PluginError, StoreError};
pub use ids::{Generation, PluginId, PluginRef, SessionKey, TurnId, UserId};
pub use message::{Blob, Message, Part, ResultPart, Role, Thinking, ToolCall, ToolResult};
pub use tool::{Annotations, ToolError, ToolOutcome, ToolSpec};
