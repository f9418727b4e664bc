//! The conversation in ChatML, as much of it as the window holds.
//!
//! The system text and the newest message always stay; older ones go first, and
//! what is left begins with the user. Refuses a request whose newest message
//! does not fit: an answer to half a question helps nobody. What is too long by its
//! bytes alone is never counted in tokens, which takes many times its size.

use crate::error::LocalError;
use crate::vocabulary::Vocabulary;
use skynet_plugin_sdk::provider::{CompletionRequest, Message, Part, ResultPart, Role};

/// Where nobody says anything else. Measured: the sentence that the model was
/// trained with makes it answer plain questions worse than this one.
const DEFAULT_SYSTEM: &str = "You are a helpful assistant.";

/// What the model is to read.
#[derive(Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Begins with the system text, ends where the answer begins.
    pub tokens: Vec<u32>,
    /// Sentences for the person about what was left out.
    pub notices: Vec<String>,
}

/// One turn as text.
#[derive(Debug, PartialEq, Eq)]
struct Turn {
    user: bool,
    text: String,
}

/// Builds the prompt within so many tokens.
pub fn build(request: &CompletionRequest, vocabulary: &Vocabulary, room: usize) -> Result<Prompt, LocalError> {
    let turns: Vec<Turn> = request.messages.iter().filter_map(turn).collect();
    let system = system(request);
    fits(vocabulary, 0, &system, room)?;
    let opening = block(vocabulary, "system", &system)?;
    let mut closing = vec![vocabulary.start];
    closing.extend(vocabulary.encode("assistant\n")?);
    let mut used = opening.len() + closing.len();
    let mut kept = Vec::new();
    // From the newest, so that a long past costs nothing.
    for turn in turns.iter().rev() {
        match fits(vocabulary, used, &turn.text, room) {
            Err(error) if kept.is_empty() => return Err(error),
            Err(_) => break,
            Ok(()) => {}
        }
        let block = block(vocabulary, if turn.user { "user" } else { "assistant" }, &turn.text)?;
        if used + block.len() > room {
            if kept.is_empty() {
                return Err(LocalError::TooLong { needed: used + block.len(), room });
            }
            break;
        }
        used += block.len();
        kept.push((turn.user, block));
    }
    // An answer without its question would be taken for an opinion.
    while kept.len() < turns.len() && kept.len() > 1 && kept.last().is_some_and(|(user, _)| !user) {
        kept.pop();
    }
    let mut notices = Vec::new();
    let left_out = turns.len() - kept.len();
    if left_out > 0 {
        let what = if left_out == 1 { "oldest message".to_owned() } else { format!("{left_out} oldest messages") };
        notices.push(format!("The {what} did not fit into this model's window."));
    }
    let images = request.messages.iter().flat_map(|message| &message.parts).filter(|part| matches!(part, Part::Image(_))).count();
    if images > 0 {
        notices.push("This model cannot see images; they were left out.".to_owned());
    }
    let blocks = kept.into_iter().rev().flat_map(|(_, block)| block);
    Ok(Prompt { tokens: opening.into_iter().chain(blocks).chain(closing).collect(), notices })
}

fn system(request: &CompletionRequest) -> String {
    let texts: Vec<&str> = request.system.iter().map(|block| block.text.trim()).filter(|text| !text.is_empty()).collect();
    if texts.is_empty() { DEFAULT_SYSTEM.to_owned() } else { texts.join("\n\n") }
}

/// Refuses a text that is too long however its tokens are counted.
fn fits(vocabulary: &Vocabulary, used: usize, text: &str, room: usize) -> Result<(), LocalError> {
    let needed = used.saturating_add(text.len().div_ceil(vocabulary.longest));
    if needed > room { Err(LocalError::TooLong { needed, room }) } else { Ok(()) }
}

fn block(vocabulary: &Vocabulary, role: &str, text: &str) -> Result<Vec<u32>, LocalError> {
    let mut tokens = vec![vocabulary.start];
    tokens.extend(vocabulary.encode(&format!("{role}\n{text}"))?);
    tokens.push(vocabulary.end);
    tokens.extend(vocabulary.encode("\n")?);
    Ok(tokens)
}

/// The host notes the time beside the newest message. A model this small makes nothing of
/// it, and answers the same question in another way each minute.
fn without_time(text: &str) -> String {
    let is_time = |line: &&str| line.starts_with("[now: ") && line.ends_with(']');
    text.lines().filter(|line| !is_time(line)).collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// Tool calls and results come from a model that could call tools; told in
/// words, this one can still speak about them.
fn turn(message: &Message) -> Option<Turn> {
    let mut texts = Vec::new();
    for part in &message.parts {
        match part {
            Part::Text(text) => texts.push(without_time(text)),
            Part::ToolCall(call) => texts.push(format!("(used the tool {} with {})", call.name, call.arguments)),
            Part::ToolResult(result) => {
                let pieces = result.content.iter().filter_map(|part| match part {
                    ResultPart::Text(text) | ResultPart::Json(text) => Some(text.as_str()),
                    ResultPart::Image(_) => None,
                });
                texts.push(format!("The tool {} answered: {}", result.name, pieces.collect::<Vec<_>>().join("\n")));
            }
            Part::Image(_) | Part::Thinking(_) | Part::Other(_) => {}
        }
    }
    texts.retain(|text| !text.is_empty());
    if texts.is_empty() { None } else { Some(Turn { user: message.role != Role::Assistant, text: texts.join("\n") }) }
}
