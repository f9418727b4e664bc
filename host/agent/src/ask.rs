//! One answer of a model: asks, listens, and goes on to the next model when that is
//! allowed. Once visible text went out there is no other model for this answer: the
//! turn fails, and what was said is kept.

use crate::answer::{Answer, Draft};
use crate::limits::{FIRST_PIECE, NEXT_PIECE, TOKEN_BYTES};
use crate::route::{Step, class_of, in_short, in_words};
use crate::stop::Stopped;
use crate::turn::{Halt, Turn};
use futures_util::StreamExt as _;
use skynet_core::ports::{ModelEntry, NewMessage};
use skynet_core::{
    Completion, CompletionItem, CompletionRequest, Message, ModelError, Part, ResultPart, Role, ThinkingLevel, ToolChoice, ToolDefinition,
    Usage,
};

/// How a request ended without an answer.
enum Broke {
    Stopped(Stopped),
    Model(ModelError),
}

/// Whether no count of tokens can make this fit into the model's window. Such a request is not
/// sent: a model inside the sandbox would have to hold and to count all of it first.
fn too_long(entry: &ModelEntry, request: &CompletionRequest) -> Option<ModelError> {
    // None at all is a server that does not know.
    let window = entry.info.context_window.filter(|window| *window > 0)?;
    let system = request.system.iter().map(|block| block.text.len());
    let words = request.messages.iter().flat_map(|message| &message.parts).map(words_of);
    let bytes = system.chain(words).fold(0_u64, |sum, more| sum.saturating_add(u64::try_from(more).unwrap_or(u64::MAX)));
    (bytes > window.saturating_mul(TOKEN_BYTES))
        .then(|| ModelError::ContextOverflow(format!("{bytes} bytes of text cannot fit into its {window} tokens")))
}

/// Bytes of text; images are counted by each model in its own way.
fn words_of(part: &Part) -> usize {
    match part {
        Part::Text { text } => text.len(),
        Part::ToolCall { call } => call.arguments.len(),
        Part::ToolResult { result } => result.content.iter().map(result_words).sum(),
        _ => 0,
    }
}

fn result_words(part: &ResultPart) -> usize {
    match part {
        ResultPart::Text { text } => text.len(),
        ResultPart::Json { .. } | ResultPart::Image { .. } => 0,
    }
}

impl Turn {
    /// Asks until there is an answer. `last_word` forbids calls and says why.
    pub(crate) async fn ask(&mut self, last_word: Option<&str>) -> Result<Answer, Halt> {
        loop {
            let Some(entry) = self.route.current().cloned() else {
                return Err(Halt::Failed { message: self.route.report(), class: "unknown" });
            };
            let request = self.completion(&entry, last_word);
            let mut draft = Draft::default();
            let listened = match too_long(&entry, &request) {
                Some(error) => Err(Broke::Model(error)),
                None => self.counted(&entry, request, &mut draft).await,
            };
            let broke = match listened {
                Ok(end) => {
                    let answer = draft.finish(end);
                    self.route.answered();
                    self.usage += answer.usage;
                    self.model = entry.full_name();
                    self.text = answer.message.to_text();
                    return Ok(answer);
                }
                Err(broke) => broke,
            };
            self.usage += draft.usage();
            let said = draft.text();
            if !said.is_empty() {
                self.keep_partial(said.clone(), &entry, draft.usage()).await?;
            }
            match broke {
                Broke::Stopped(stopped) => return Err(Halt::Stopped(stopped)),
                Broke::Model(error) if !said.is_empty() => {
                    self.route.failed(&error);
                    let message = format!("The answer broke off: {}. What was said is kept; ask again to go on", self.route.report());
                    return Err(Halt::Failed { message, class: class_of(&error) });
                }
                Broke::Model(error) => self.next_try(&entry, &error).await?,
            }
        }
    }

    /// Stores what was said before it broke off. No stop reason: it is not whole.
    async fn keep_partial(&mut self, said: String, entry: &ModelEntry, usage: Usage) -> Result<(), Halt> {
        let message = Message::text(Role::Assistant, said.clone());
        self.text = said;
        self.ledger.append(vec![NewMessage::answer(message, entry.full_name(), None, usage)]).await?;
        Ok(())
    }

    /// Waits, switches or shortens; an error when nothing is left to try.
    async fn next_try(&mut self, entry: &ModelEntry, error: &ModelError) -> Result<(), Halt> {
        let step = self.route.failed(error);
        tracing::warn!(model = %entry.full_name(), reason = in_short(error), ?step, "a model did not answer");
        match step {
            Step::Again(wait) => {
                let clock = self.shared.ports.clock.clone();
                self.job.stop.unless(clock.sleep(wait)).await.map_err(Halt::Stopped)
            }
            Step::Next => {
                let next = self.route.current().map(ModelEntry::full_name).unwrap_or_default();
                self.job.emitter.notice(format!("{} did not answer: {}. Asking {next}.", entry.full_name(), in_words(error)));
                Ok(())
            }
            Step::Shorten if self.context.forget_older_half() => {
                self.job.emitter.notice("The conversation is too long for the model; its oldest part was left out of this request.");
                Ok(())
            }
            Step::Shorten | Step::GiveUp => Err(Halt::Failed { message: self.route.report(), class: class_of(error) }),
        }
    }

    /// As `listen`, counted for the provider's record.
    async fn counted(&self, entry: &ModelEntry, request: CompletionRequest, draft: &mut Draft) -> Result<Completion, Broke> {
        let clock = &self.shared.ports.clock;
        let began = clock.now_ms();
        let listened = self.listen(entry, request, draft).await;
        let failure = match &listened {
            Ok(_) => None,
            Err(Broke::Model(error)) => Some(in_words(error)),
            Err(Broke::Stopped(_)) => return listened,
        };
        self.shared.tallies.count(&entry.provider, began, clock.now_ms(), failure);
        listened
    }

    /// Listens to one answer to its end. Dropping the stream cancels the request.
    async fn listen(&self, entry: &ModelEntry, request: CompletionRequest, draft: &mut Draft) -> Result<Completion, Broke> {
        let clock = &*self.shared.ports.clock;
        let mut pieces = self.snapshot.complete(&entry.plugin, request, self.call_context.clone());
        let mut patience = FIRST_PIECE;
        loop {
            let piece = tokio::select! {
                biased;
                stopped = self.job.stop.fired() => return Err(Broke::Stopped(stopped)),
                piece = pieces.next() => piece,
                () = clock.sleep(patience) => {
                    let message = format!("it said nothing for {} s", patience.as_secs());
                    return Err(Broke::Model(ModelError::Unavailable { message, retry_after_ms: None }));
                }
            };
            patience = NEXT_PIECE;
            match piece {
                Some(Ok(CompletionItem::Deltas(deltas))) => {
                    for event in deltas.into_iter().filter_map(|delta| draft.take(delta)) {
                        self.job.emitter.emit(event);
                    }
                }
                Some(Ok(CompletionItem::End(end))) => return Ok(end),
                Some(Err(error)) => return Err(Broke::Model(error)),
                None => return Err(Broke::Model(ModelError::Protocol("the answer stopped without an end".into()))),
            }
            if draft.is_too_large() {
                return Err(Broke::Model(ModelError::Protocol("the answer is larger than any honest one".into())));
            }
        }
    }

    fn completion(&self, entry: &ModelEntry, last_word: Option<&str>) -> CompletionRequest {
        let wish = &self.wish;
        let tools = if entry.info.can("tools") { self.definitions() } else { Vec::new() };
        // The tools stay in the last request: servers refuse a conversation with
        // calls but no tools, and dropping them would spoil the cached prefix.
        let tool_choice = match (tools.is_empty(), last_word) {
            (true, _) => ToolChoice::Automatic,
            (false, Some(_)) => ToolChoice::None,
            // A forced call is forced once; afterwards the model must be free to answer.
            (false, None) if self.rounds > 0 => match wish.tool_choice {
                ToolChoice::None => ToolChoice::None,
                _ => ToolChoice::Automatic,
            },
            (false, None) => wish.tool_choice.clone(),
        };
        let most = entry.info.max_output.and_then(|most| u32::try_from(most).ok()).unwrap_or(u32::MAX);
        CompletionRequest {
            model: entry.info.id.clone(),
            system: self.workspace.system(&wish.system),
            messages: self.context.for_model(entry, last_word),
            tools,
            tool_choice,
            max_output: Some(wish.max_output.min(most)),
            temperature: wish.temperature,
            thinking: if entry.info.can("thinking") { wish.thinking } else { ThinkingLevel::Off },
            stop: wish.stop.clone(),
            options: serde_json::json!({}),
        }
    }

    /// What may be called.
    fn definitions(&self) -> Vec<ToolDefinition> {
        if !self.client_tools.is_empty() {
            return self.client_tools.clone();
        }
        self.catalogue.definitions()
    }
}
