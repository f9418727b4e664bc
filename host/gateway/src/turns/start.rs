//! Begins a turn for a client: reserves its key, submits it, and remembers its end.
//!
//! While the turn is being taken, the client's mailbox is corked, so that the answer
//! with the run's id always comes before the run's events.

use crate::client::Client;
use crate::refusal::Refusal;
use crate::server::Server;
use crate::turns::book::{Known, Progress, RunBook};
use skynet_agent::{Offer, Submitted, TurnInput, TurnRequest};
use skynet_core::event::{TurnEnd, TurnEventKind};
use skynet_core::{Message, Part, SessionKey, ThinkingLevel, TurnId, UserId};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

/// What a client asks.
pub(crate) struct Start {
    pub(crate) run: TurnId,
    pub(crate) session: SessionKey,
    pub(crate) message: Message,
    pub(crate) model: Option<String>,
    pub(crate) thinking: Option<ThinkingLevel>,
    pub(crate) timeout: Option<Duration>,
    /// Whether the same message in the same session, while it is answered, is the same run.
    pub(crate) fold_same: bool,
}

/// What became of it.
pub(crate) enum Started {
    New(Progress),
    Before(Progress),
    Same(TurnId),
}

/// Begins it, unless its key or its message is known.
pub(crate) async fn start(server: &Arc<Server>, client: &Client, start: Start) -> Result<Started, Refusal> {
    let reservation = match server.runs.reserve(&start.run, &start.session, start.fold_same.then(|| fingerprint(&start.message))) {
        Known::New(reservation) => reservation,
        Known::Before(progress) => return Ok(Started::Before(progress)),
        Known::Same(run) => return Ok(Started::Same(run)),
    };
    let Some(progress) = server.runs.progress(&start.run) else {
        return Err(Refusal::unavailable("the run was forgotten as it began; send it again"));
    };
    let (user, channel) = (UserId::owner(), "webchat");
    server.rates.turn(&user, channel).map_err(|after| Refusal::too_often("turns", after))?;
    client.started(&start.run);
    let request = TurnRequest {
        turn: start.run.clone(),
        session: start.session,
        user,
        channel: channel.into(),
        input: TurnInput::Session { message: start.message },
        model: start.model,
        thinking: start.thinking,
        timeout: start.timeout,
        time_zone: None,
        depth: 0,
        tools: Offer::All,
    };
    // A deadline here would leave a turn that runs without its caller's knowledge;
    // the agent bounds its own questions to the store.
    match server.agent.submit(request).await {
        Ok(submitted) => {
            reservation.keep();
            follow(&server.runs, submitted);
            Ok(Started::New(progress))
        }
        Err(error) => {
            client.run_ended(&start.run);
            Err(error.into())
        }
    }
}

/// Waits for the end beside everything else. Its own event stream loses nothing.
pub(crate) fn follow(runs: &Arc<RunBook>, mut submitted: Submitted) {
    let runs = Arc::clone(runs);
    tokio::spawn(async move {
        while let Some(event) = submitted.events.recv().await {
            if let TurnEventKind::Ended(end) = &event.kind {
                return runs.end(&submitted.turn, end);
            }
        }
        let end = TurnEnd::Failed { message: "the turn ended without a word".into(), class: "unknown" };
        runs.end(&submitted.turn, &end);
    });
}

fn fingerprint(message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    for part in &message.parts {
        match part {
            Part::Text { text } => text.hash(&mut hasher),
            Part::Image { image } => (&image.mime, &image.data).hash(&mut hasher),
            _ => {}
        }
    }
    hasher.finish()
}
