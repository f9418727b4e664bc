//! Programs that are kept between calls: a seat for each plugin that has one, and who speaks with it now.
//!
//! Owns when one is started, for how long it may be idle, how many there are, and that only one call
//! speaks with it at a time. Ends it when its plugin's files or grant are others, when a call breaks off
//! in the middle, and when its grant does not hold any more. Refuses one more when all seats are in use.

use super::{LOG_LINE, told};
use crate::limits::{KEPT_AGE, KEPT_IDLE, KEPT_LOOK, KEPT_PROGRAMS};
use async_trait::async_trait;
use skynet_core::PluginId;
use skynet_core::neighbours::{Holds, KeptScript, ScriptError, Talk};
use skynet_policy::naming::plain_line;
use skynet_scripts::sandbox::{Kept, ScriptError as Broken};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tokio::time::{Instant, sleep, timeout_at};

/// Characters of its complaints that are told.
const LAST_WORDS: usize = 800;

/// All of them.
#[derive(Default)]
pub(super) struct Seats(Mutex<BTreeMap<PluginId, Arc<Turn<Seat>>>>);

/// What a plugin's program is and was asked.
#[derive(Default)]
struct Seat {
    running: Option<Running>,
}

struct Running {
    program: Kept,
    /// What it was started as.
    asked: KeptScript,
    holds: Holds,
    had: u64,
    since: Instant,
    used: Instant,
}

impl Running {
    /// Whether it can go on as what is asked for now.
    async fn serves(&self, asked: &KeptScript) -> bool {
        self.asked == *asked && self.since.elapsed() < KEPT_AGE && (self.holds)() && self.program.is_alive().await
    }

    fn is_done(&self) -> bool {
        self.used.elapsed() >= KEPT_IDLE || !(self.holds)()
    }
}

impl Seats {
    /// Waits for its turn, and speaks with what runs there; else with what `start` gives.
    pub(super) async fn begin<F>(
        &self,
        plugin: &PluginId,
        asked: &KeptScript,
        holds: Holds,
        start: impl FnOnce() -> F + Send,
    ) -> Result<Box<dyn Talk>, ScriptError>
    where
        F: Future<Output = Result<Kept, ScriptError>> + Send,
    {
        let until = Instant::now() + asked.wall;
        let seat = self.of(plugin)?;
        let turn = timeout_at(until, Arc::clone(&seat).lock_owned()).await;
        let late = || ScriptError::TimedOut(format!("another call spoke with the program for {} s", asked.wall.as_secs()));
        let mut turn = turn.map_err(|_| late())?;
        let goes_on = match &turn.running {
            Some(running) => running.serves(asked).await,
            None => false,
        };
        if !goes_on {
            // The old one first: they may want the same files.
            turn.running = None;
            let program = start().await?;
            let now = Instant::now();
            turn.running = Some(Running { program, asked: asked.clone(), holds, had: 0, since: now, used: now });
            tokio::spawn(look_after(Arc::downgrade(&seat), now));
        }
        Ok(Box::new(Spoken { turn: Some(turn), until }))
    }

    /// The seat of this plugin; a free one is made where there is none.
    fn of(&self, plugin: &PluginId) -> Result<Arc<Turn<Seat>>, ScriptError> {
        let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seat) = seats.get(plugin) {
            return Ok(Arc::clone(seat));
        }
        // Those in which nothing runs, and that nobody waits for.
        seats.retain(|_, seat| Arc::strong_count(seat) > 1 || seat.try_lock().is_ok_and(|seat| seat.running.is_some()));
        if seats.len() >= KEPT_PROGRAMS {
            let idle = seats.iter().filter(|(_, seat)| Arc::strong_count(seat) == 1);
            let longest = idle.filter_map(|(id, seat)| Some((seat.try_lock().ok()?.running.as_ref()?.used, id.clone()))).min();
            let full = || ScriptError::Denied(format!("{KEPT_PROGRAMS} kept programs are at work; try again when one has answered"));
            let (_, id) = longest.ok_or_else(full)?;
            seats.remove(&id);
        }
        let seat = Arc::<Turn<Seat>>::default();
        seats.insert(plugin.clone(), Arc::clone(&seat));
        Ok(seat)
    }
}

/// Ends the program of this time when nobody used it for long, or it may not run any more. Ends with it.
async fn look_after(seat: std::sync::Weak<Turn<Seat>>, since: Instant) {
    loop {
        sleep(KEPT_LOOK).await;
        let Some(seat) = seat.upgrade() else { return };
        // Who speaks with it now is told by its own call.
        let Ok(mut seat) = seat.try_lock() else { continue };
        match &seat.running {
            Some(running) if running.since == since && !running.is_done() => {}
            Some(running) if running.since == since => {
                seat.running = None;
                return;
            }
            // Another one is looked after by another.
            _ => return,
        }
    }
}

/// Why it speaks no more. Its last line alone is seldom the one that says why.
fn ended(error: Broken) -> ScriptError {
    let Broken::Failed { end, stderr, .. } = error else { return told(error) };
    let said = plain_line(&stderr, usize::MAX);
    let start = said.char_indices().rev().nth(LAST_WORDS).map_or(0, |(at, _)| at);
    let said = said.get(start..).filter(|said| !said.is_empty()).unwrap_or("nothing");
    ScriptError::Failed(plain_line(&format!("the program ended {end}; it said: {said}"), LOG_LINE))
}

/// One conversation.
struct Spoken {
    /// Taken at a good end.
    turn: Option<OwnedMutexGuard<Seat>>,
    until: Instant,
}

impl Spoken {
    fn running(&mut self) -> Result<(&mut Running, Duration), ScriptError> {
        let left = self.until.saturating_duration_since(Instant::now());
        let running = self.turn.as_mut().and_then(|turn| turn.running.as_mut());
        let running = running.ok_or_else(|| ScriptError::Failed("the program is gone".into()))?;
        let wall = running.asked.wall.as_secs();
        if left.is_zero() {
            return Err(ScriptError::TimedOut(format!("the program did not answer within {wall} s, and was ended")));
        }
        Ok((running, left))
    }
}

#[async_trait]
impl Talk for Spoken {
    fn before(&self) -> u64 {
        self.turn.as_ref().and_then(|turn| turn.running.as_ref()).map_or(0, |running| running.had)
    }

    async fn say(&mut self, line: &str) -> Result<(), ScriptError> {
        let (running, left) = self.running()?;
        running.program.say(line.as_bytes(), left).await.map_err(ended)
    }

    async fn hear(&mut self, wait: Duration) -> Result<Option<String>, ScriptError> {
        let (running, left) = self.running()?;
        let heard = running.program.hear(wait.min(left)).await.map_err(ended)?;
        if heard.is_none() {
            // Whether its time is over, or only that of this wait.
            self.running()?;
        }
        Ok(heard.map(|line| String::from_utf8_lossy(&line).into_owned()))
    }

    fn finish(mut self: Box<Self>) {
        if let Some(mut turn) = self.turn.take()
            && let Some(running) = &mut turn.running
        {
            running.had = running.had.saturating_add(1);
            running.used = Instant::now();
        }
    }
}

impl Drop for Spoken {
    fn drop(&mut self) {
        if let Some(turn) = &mut self.turn {
            turn.running = None;
        }
    }
}
