//! One completion: load, read the prompt, say token after token.
//!
//! The sink is asked at every chunk read and every token said, so that a cancel
//! ends the work at once. Loading comes first because the store that holds the
//! model lives for one completion only.

use crate::error::LocalError;
use crate::limits::{DEFAULT_OUTPUT, PREFILL_CHUNK, RESERVED_OUTPUT};
use crate::model::Model;
use crate::prompt;
use crate::sample::Sampler;
use crate::text::{Characters, Stops};
use crate::vocabulary::Vocabulary;
use candle_core::quantized::gguf_file::Content;
use skynet_plugin_sdk::provider::{Completion, CompletionRequest, Delta, Emit, ProviderError, StopReason, Usage};
use std::io::{Read, Seek};
use std::time::{Duration, Instant};

/// A model and its vocabulary, ready for one conversation.
pub struct Loaded {
    vocabulary: Vocabulary,
    model: Model,
    load: Duration,
}

impl Loaded {
    /// Reads a GGUF file. Of the weights there is never more than one tensor twice.
    pub fn read<R: Read + Seek>(reader: &mut R) -> Result<Self, LocalError> {
        let began = Instant::now();
        let mut content = Content::read(reader).map_err(LocalError::damaged)?;
        let model = Model::load(&content, reader)?;
        let vocabulary = Vocabulary::take(&mut content.metadata)?;
        Ok(Self { vocabulary, model, load: began.elapsed() })
    }

    /// Answers one request; a second one needs a fresh model.
    pub fn answer(mut self, request: &CompletionRequest, sink: &dyn Emit) -> Result<Completion, ProviderError> {
        let wanted = request.max_output.and_then(|tokens| usize::try_from(tokens).ok()).unwrap_or(DEFAULT_OUTPUT).max(1);
        let window = self.model.blueprint().context;
        let room = window - wanted.min(RESERVED_OUTPUT).min(window / 2);
        let prompt = prompt::build(request, &self.vocabulary, room)?;
        let mut sampler = Sampler::for_request(request, &prompt.tokens)?;
        let most = wanted.min(window - prompt.tokens.len());
        self.model.reserve(prompt.tokens.len() + most);
        hand_on(sink, prompt.notices.into_iter().map(Delta::Notice).collect())?;
        let began = Instant::now();
        let scores = self.prefill(&prompt.tokens, sink)?;
        let read = began.elapsed();
        let began = Instant::now();
        let (stop, said) = self.speak(scores, &mut sampler, &request.stop, most, sink)?;
        let usage = usage(prompt.tokens.len(), said);
        sink.emit(vec![Delta::Usage(usage.clone()), Delta::Stop(stop.clone())])?;
        let times = [self.load, read, began.elapsed()].map(|time| time.as_millis());
        let times = serde_json::json!({"load": times[0], "read": times[1], "say": times[2]}).to_string();
        Ok(Completion { stop, usage, extra: vec![("milliseconds".to_owned(), times)] })
    }

    fn prefill(&mut self, tokens: &[u32], sink: &dyn Emit) -> Result<Vec<f32>, ProviderError> {
        let mut scores = Vec::new();
        for chunk in tokens.chunks(PREFILL_CHUNK) {
            scores = self.model.read(chunk)?;
            // Says nothing new: it shows the host that the model lives, and tells the model whether to go on.
            sink.emit(vec![Delta::Usage(usage(tokens.len(), 0))])?;
        }
        Ok(scores)
    }

    /// Says at most so many tokens; gives the reason of the end and their number.
    fn speak(
        &mut self,
        mut scores: Vec<f32>,
        sampler: &mut Sampler,
        stops: &[String],
        most: usize,
        sink: &dyn Emit,
    ) -> Result<(StopReason, usize), ProviderError> {
        let (mut characters, mut stops) = (Characters::default(), Stops::new(stops));
        let mut said = Vec::new();
        loop {
            let token = sampler.pick(&mut scores, &said)?;
            said.push(token);
            if self.vocabulary.is_control(token) {
                finish(&mut characters, &mut stops, sink)?;
                return Ok((StopReason::EndTurn, said.len()));
            }
            let shown = stops.push(&characters.push(&self.vocabulary.bytes(token)));
            say(sink, shown.text)?;
            if shown.ended {
                return Ok((StopReason::StopSequence, said.len()));
            }
            if said.len() >= most {
                finish(&mut characters, &mut stops, sink)?;
                return Ok((StopReason::MaxTokens, said.len()));
            }
            scores = self.model.read(&[token])?;
        }
    }
}

fn finish(characters: &mut Characters, stops: &mut Stops, sink: &dyn Emit) -> Result<(), ProviderError> {
    let mut text = stops.push(&characters.finish()).text;
    text.push_str(&stops.finish());
    say(sink, text)
}

fn say(sink: &dyn Emit, text: String) -> Result<(), ProviderError> {
    hand_on(sink, if text.is_empty() { Vec::new() } else { vec![Delta::Text(text)] })
}

fn hand_on(sink: &dyn Emit, deltas: Vec<Delta>) -> Result<(), ProviderError> {
    if deltas.is_empty() { Ok(()) } else { Ok(sink.emit(deltas)?) }
}

fn usage(input: usize, output: usize) -> Usage {
    let count = |tokens: usize| u64::try_from(tokens).unwrap_or(u64::MAX);
    Usage { input: count(input), output: count(output), ..Usage::zero() }
}
