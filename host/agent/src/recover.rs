//! Closes turns that died with the host.
//!
//! Never runs anything again: a call whose end is not in the journal may or may not
//! have taken effect, and the conversation says so.

use crate::agent::Ports;
use crate::ledger::within;
use crate::limits::CHILDREN_LOOKED_FOR;
use crate::sub_turn::is_child;
use skynet_core::ports::{JournalStep, NewMessage, OpenTurn};
use skynet_core::{Message, Role, StoreError};

pub(crate) async fn recover(ports: &Ports) -> Result<usize, StoreError> {
    let clock = &*ports.clock;
    let open = within(clock, ports.memory.open_turns()).await?;
    for turn in &open {
        let lease = within(clock, ports.memory.take_lease(&turn.session)).await?;
        // The note first: dying between the two repeats it, never loses it.
        if !turn.open_calls.is_empty() {
            let note = NewMessage::plain(Message::text(Role::Assistant, note(turn)));
            within(clock, ports.memory.append(&turn.session, lease, &turn.turn, vec![note])).await?;
        }
        let ended = JournalStep::Ended { how: "failed".into() };
        within(clock, ports.memory.journal(&turn.session, lease, &turn.turn, ended)).await?;
        tracing::warn!(turn = %turn.turn, session = %turn.session, calls = turn.open_calls.len(), "closed a turn that died with the host");
    }
    // Whoever asked in these died too: nobody else will tidy up.
    for session in within(clock, ports.memory.sessions(CHILDREN_LOOKED_FOR)).await?.iter().filter(|session| is_child(&session.key)) {
        within(clock, ports.memory.delete_session(&session.key)).await?;
    }
    Ok(open.len())
}

fn note(turn: &OpenTurn) -> String {
    let one = |(_, tool, idempotent): &(String, String, bool)| {
        let again = if *idempotent { "calling it again is harmless" } else { "check before calling it again" };
        format!("- {tool}: its outcome is unknown; {again}")
    };
    let calls: Vec<String> = turn.open_calls.iter().map(one).collect();
    format!("(The host stopped while I was at work. These calls were under way:\n{})", calls.join("\n"))
}
