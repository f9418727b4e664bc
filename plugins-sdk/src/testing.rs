//! Native fakes for what the host gives, so that `cargo test` needs no host.
//!
//! Configuration, secrets, key-value store, log and clock are one [`World`] per
//! thread: a test changes it with [`with`] and sees only its own. [`Script`] is
//! a transport that answers from a list, [`Collected`] a sink that keeps what it
//! was given. Nothing here exists in a component.

use crate::http::{Body, Error, Request, Response, Transport};
use crate::log::Level;
use crate::provider::{Delta, Emit, EmitError};
use crate::tool::CallContext;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

/// What the host gives, as far as a test needs it.
#[derive(Debug, Default)]
pub struct World {
    /// The owner's configuration: key, JSON text.
    pub config: BTreeMap<String, String>,
    /// Names of the secrets that are set.
    pub secrets: BTreeSet<String>,
    /// The key-value store.
    pub kv: BTreeMap<String, Vec<u8>>,
    /// Granted folders: name, and where they are on this machine.
    pub roots: BTreeMap<String, PathBuf>,
    /// Lines that were logged.
    pub log: Vec<(Level, String)>,
    /// The time in milliseconds; the real one when absent.
    pub now_ms: Option<u64>,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::default());
}

/// Reads or changes this thread's world.
pub fn with<T>(change: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with(|world| change(&mut world.borrow_mut()))
}

/// The key-value store of this thread's world, in the shape of the import.
pub(crate) mod kv {
    use super::with;
    use crate::kv::KvError;

    pub(crate) fn get(key: &str) -> Result<Option<Vec<u8>>, KvError> {
        with(|world| Ok(world.kv.get(key).cloned()))
    }

    pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), KvError> {
        with(|world| world.kv.insert(key.to_owned(), value.to_vec()));
        Ok(())
    }

    pub(crate) fn delete(key: &str) -> Result<(), KvError> {
        with(|world| world.kv.remove(key));
        Ok(())
    }

    pub(crate) fn keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, KvError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let wanted = |key: &&String| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after);
        with(|world| Ok(world.kv.keys().filter(wanted).take(limit).cloned().collect()))
    }
}

/// A transport that answers from a list and keeps the requests.
#[derive(Debug, Default)]
pub struct Script {
    replies: VecDeque<Reply>,
    /// The requests so far.
    pub requests: Vec<Request>,
}

/// One scripted answer.
#[derive(Debug, Clone)]
pub struct Reply {
    head: Result<(u16, Vec<(String, String)>), Error>,
    chunks: VecDeque<Result<Vec<u8>, Error>>,
}

impl Reply {
    /// A response with that status and one chunk of body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { head: Ok((status, Vec::new())), chunks: VecDeque::from([Ok(body.into())]) }
    }

    /// No response at all.
    pub fn error(error: Error) -> Self {
        Self { head: Err(error), chunks: VecDeque::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Ok((_, headers)) = &mut self.head {
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        self
    }

    /// Adds a further chunk of body.
    #[must_use]
    pub fn chunk(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.chunks.push_back(Ok(bytes.into()));
        self
    }

    /// Cuts what is there into chunks of `size` bytes, so that a parser meets
    /// every boundary.
    #[must_use]
    pub fn in_chunks_of(mut self, size: usize) -> Self {
        let whole: Vec<u8> = self.chunks.drain(..).flatten().flatten().collect();
        self.chunks = whole.chunks(size.max(1)).map(|chunk| Ok(chunk.to_vec())).collect();
        self
    }

    /// The body breaks off here.
    #[must_use]
    pub fn then_error(mut self, error: Error) -> Self {
        self.chunks.push_back(Err(error));
        self
    }
}

impl Script {
    /// A script without answers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next answer.
    #[must_use]
    pub fn reply(mut self, reply: Reply) -> Self {
        self.replies.push_back(reply);
        self
    }

    /// How many answers nobody asked for yet.
    pub fn left(&self) -> usize {
        self.replies.len()
    }
}

impl Transport for Script {
    fn send(&mut self, request: Request) -> Result<Response, Error> {
        let what = format!("{} {}", request.method, request.url);
        self.requests.push(request);
        let reply = self.replies.pop_front().ok_or_else(|| Error::Network(format!("the script has no answer left for {what}")))?;
        let (status, headers) = reply.head?;
        Ok(Response { status, headers, body: Box::new(Chunks(reply.chunks)) })
    }
}

struct Chunks(VecDeque<Result<Vec<u8>, Error>>);

impl Body for Chunks {
    fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            match self.0.pop_front().transpose()? {
                Some(chunk) if chunk.is_empty() => {}
                other => return Ok(other),
            }
        }
    }
}

/// A sink that keeps what it is given, and cancels when told to.
#[derive(Debug, Default)]
pub struct Collected {
    emits: RefCell<Vec<Vec<Delta>>>,
    cancel_after: Option<usize>,
}

impl Collected {
    /// A sink that takes everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sink that takes so many lists and then says that nobody wants more.
    pub fn cancelling_after(lists: usize) -> Self {
        Self { emits: RefCell::default(), cancel_after: Some(lists) }
    }

    /// All deltas in order.
    pub fn deltas(&self) -> Vec<Delta> {
        self.emits.borrow().concat()
    }

    /// The text deltas as one text.
    pub fn text(&self) -> String {
        self.deltas().iter().filter_map(|delta| if let Delta::Text(text) = delta { Some(text.as_str()) } else { None }).collect()
    }

    /// How many lists were handed over.
    pub fn emits(&self) -> usize {
        self.emits.borrow().len()
    }
}

impl Emit for Collected {
    fn emit(&self, deltas: Vec<Delta>) -> Result<(), EmitError> {
        let mut emits = self.emits.borrow_mut();
        if self.cancel_after.is_some_and(|limit| emits.len() >= limit) {
            return Err(EmitError::Cancelled);
        }
        emits.push(deltas);
        Ok(())
    }
}

/// A call context with a minute left.
pub fn context() -> CallContext {
    CallContext {
        turn: "turn-1".to_owned(),
        session: "session-1".to_owned(),
        user: "user-1".to_owned(),
        deadline_ms: 60_000,
        time_zone: None,
        extra: Vec::new(),
    }
}
