//! The turn loop: one implementation for every path.
//!
//! Owns: the queue of each session, the prompt, the choice of model and its
//! fallbacks, the dispatch of tool calls, the chat commands, and what of a turn is
//! written down and when. Refuses: I/O of its own. Models, tools, storage and time
//! come through the ports of `skynet-core`.
//!
//! A turn walks: `agent` (admission) → `desk` (queue) → `turn` → `prepare` →
//! `context`, `catalogue` and `prompt` → `ask` and `route` → `answer` → `dispatch` → `ledger`.
//! `schedule` and `sub_turn` begin turns for whom nobody waits at a keyboard; `proposals` is
//! where what the model may ask for waits for its owner.

mod agent;
mod answer;
mod ask;
mod catalogue;
mod commands;
mod context;
mod desk;
mod dispatch;
mod effort;
mod emit;
mod guard;
mod invoke;
mod ledger;
pub mod limits;
mod outbox;
mod prepare;
mod progress;
pub mod prompt;
mod proposals;
mod recover;
mod remembered;
mod request;
mod result;
mod route;
mod schedule;
mod schema;
mod stop;
mod sub_turn;
mod tally;
mod tool_index;
mod turn;

pub use agent::{ActiveTurn, Agent, Ports, Settings, UnknownModel};
pub use invoke::{Invocation, InvokeError};
pub use proposals::{DeskParts, ProposalDesk};
pub use request::{Offer, SubmitError, Submitted, TurnInput, TurnRequest};
pub use schedule::{Planner, Scheduler};
pub use tally::Tally;
