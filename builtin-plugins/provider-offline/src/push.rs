//! Streams a decision, in groups of words as if it were written, and counts.
//!
//! The counts are words, because nothing here knows tokens; `unit` in the extra
//! data says so.

use crate::decide::Decision;
use crate::limits::{PIECE_WORDS, PIECES};
use skynet_plugin_sdk::provider::{
    Completion, CompletionRequest, Delta, Emit, Part, ProviderError, ResultPart, StopReason, ToolCallArguments, ToolCallStart, Usage,
};

pub(crate) fn push(request: &CompletionRequest, decision: &Decision, sink: &dyn Emit) -> Result<Completion, ProviderError> {
    let (stop, output) = match decision {
        Decision::Say(text) => {
            for piece in pieces(text) {
                sink.emit(vec![Delta::Text(piece.to_owned())])?;
            }
            (StopReason::EndTurn, count(text))
        }
        Decision::Call { name, arguments } => {
            let arguments = arguments.to_string();
            let words = count(&arguments).saturating_add(1);
            // The number of messages grows with every step, so no two calls of a turn share an id.
            let id = format!("rules-{}", request.messages.len());
            sink.emit(vec![
                Delta::ToolCallStart(ToolCallStart { id: id.clone(), name: name.clone() }),
                Delta::ToolCallArguments(ToolCallArguments { id: id.clone(), fragment: arguments }),
                Delta::ToolCallEnd(id),
            ])?;
            (StopReason::ToolUse, words)
        }
    };
    let usage = Usage { input: input(request), output, extra: vec![("unit".to_owned(), "\"words\"".to_owned())], ..Usage::zero() };
    sink.emit(vec![Delta::Usage(usage.clone()), Delta::Stop(stop.clone())])?;
    Ok(Completion { stop, usage, extra: Vec::new() })
}

/// A text in groups of words, spaces and line breaks included.
fn pieces(text: &str) -> Vec<&str> {
    let words: Vec<&str> = text.split_inclusive(char::is_whitespace).collect();
    let size = PIECE_WORDS.max(words.len().div_ceil(PIECES));
    let mut pieces = Vec::new();
    let mut rest = text;
    for group in words.chunks(size) {
        let length = group.iter().map(|word| word.len()).sum();
        let Some((piece, later)) = rest.split_at_checked(length) else { break };
        pieces.push(piece);
        rest = later;
    }
    pieces
}

fn count(text: &str) -> u64 {
    u64::try_from(text.split_whitespace().count()).unwrap_or(u64::MAX)
}

fn input(request: &CompletionRequest) -> u64 {
    let system = request.system.iter().map(|block| count(&block.text));
    let messages = request.messages.iter().flat_map(|message| &message.parts).map(|part| match part {
        Part::Text(text) => count(text),
        Part::ToolCall(call) => count(&call.arguments),
        Part::ToolResult(result) => {
            result.content.iter().map(|part| if let ResultPart::Text(text) | ResultPart::Json(text) = part { count(text) } else { 0 }).sum()
        }
        _ => 0,
    });
    system.chain(messages).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::tests::{request, says};
    use serde_json::json;
    use skynet_plugin_sdk::testing::Collected;

    #[test]
    fn a_text_is_streamed_in_groups_of_words_that_add_up() {
        let text = "one two  three\nfour five six\n\nseven";
        let sink = Collected::new();
        let completion = push(&request(&[], vec![says("a b c")]), &Decision::Say(text.into()), &sink).unwrap();
        assert_eq!(sink.text(), text);
        assert_eq!(sink.emits(), 4, "three pieces and the end");
        assert_eq!((completion.usage.input, completion.usage.output, completion.stop), (3, 7, StopReason::EndTurn));
        assert_eq!(completion.usage.extra, [("unit".to_owned(), "\"words\"".to_owned())]);
        assert!(matches!(sink.deltas().as_slice(), [.., Delta::Usage(_), Delta::Stop(StopReason::EndTurn)]));
    }

    #[test]
    fn a_long_text_crosses_into_the_host_a_bounded_number_of_times() {
        let sink = Collected::new();
        let text = "wörter ".repeat(10_000);
        push(&request(&[], vec![]), &Decision::Say(text.clone()), &sink).unwrap();
        assert_eq!(sink.text(), text);
        assert!(sink.emits() <= 61, "{}", sink.emits());
    }

    #[test]
    fn a_call_is_streamed_as_start_arguments_and_end() {
        let sink = Collected::new();
        let call = Decision::Call { name: "files__read".into(), arguments: json!({ "path": "a" }) };
        let completion = push(&request(&[], vec![says("x")]), &call, &sink).unwrap();
        assert_eq!(completion.stop, StopReason::ToolUse);
        let deltas = sink.deltas();
        let [
            Delta::ToolCallStart(start),
            Delta::ToolCallArguments(arguments),
            Delta::ToolCallEnd(end),
            Delta::Usage(_),
            Delta::Stop(StopReason::ToolUse),
        ] = deltas.as_slice()
        else {
            panic!("{deltas:?}")
        };
        assert_eq!((start.name.as_str(), arguments.fragment.as_str()), ("files__read", "{\"path\":\"a\"}"));
        assert!(start.id == arguments.id && start.id == *end);
    }

    #[test]
    fn when_nobody_wants_the_rest_it_stops_at_once() {
        let sink = Collected::cancelling_after(1);
        let error = push(&request(&[], vec![]), &Decision::Say("a b c d e f g h".into()), &sink).unwrap_err();
        assert_eq!(error, ProviderError::Cancelled);
        assert_eq!(sink.emits(), 1);
    }
}
