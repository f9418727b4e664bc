use super::*;
use skynet_core::{Blob, Usage};

const CANARY: &str = "canary/7f\"3a";

fn known() -> Known {
    let known = Known::default();
    known.learn([("key", CANARY)]);
    known
}

/// Pieces in, pieces out, as `kind:text` with `|` between.
fn check(pieces: Vec<Delta>, out: &str) {
    let mut deltas = Deltas::new(&known());
    let mut all = Vec::new();
    for piece in pieces {
        all.extend(deltas.push(vec![piece]));
    }
    all.extend(deltas.end());
    let shown: Vec<String> = all
        .into_iter()
        .map(|delta| match delta {
            Delta::Text(text) => format!("text:{text}"),
            Delta::Thinking(text) => format!("thinking:{text}"),
            Delta::ToolCallStart { id, name } => format!("start:{id} {name}"),
            Delta::ToolCallArguments { id, fragment } => format!("arguments:{id} {fragment}"),
            Delta::ToolCallEnd { id } => format!("end:{id}"),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(shown.join("|"), out);
}

fn text(text: &str) -> Delta {
    Delta::Text(text.into())
}

fn arguments(id: &str, fragment: &str) -> Delta {
    Delta::ToolCallArguments { id: id.into(), fragment: fragment.into() }
}

#[test]
fn a_value_cut_over_pieces_of_text_is_taken_out() {
    check(vec![text("it is can"), text("ary/7f"), text("\"3a."), text(" Done")], "text:it is |text:[secret key].|text: Done");
    check(
        vec![text("it is can"), Delta::Usage(Usage::default()), text("dy")],
        &format!("text:it is |{:?}|text:candy", Delta::Usage(Usage::default())),
    );
    check(vec![text("it is can")], "text:it is |text:can");
}

#[test]
fn another_kind_of_piece_ends_the_text_before_it() {
    let pieces = vec![Delta::Thinking("can".into()), text("canary"), Delta::ToolCallStart { id: "a".into(), name: "t".into() }];
    check(pieces, "thinking:can|text:canary|start:a t");
}

#[test]
fn arguments_of_calls_side_by_side_are_texts_of_their_own() {
    let pieces = vec![
        arguments("a", "{\"x\":\"canary\\/7f"),
        arguments("b", "{\"y\":\"canary"),
        arguments("a", "\\\"3a\"}"),
        arguments("b", "\"}"),
        Delta::ToolCallEnd { id: "a".into() },
        Delta::ToolCallEnd { id: "b".into() },
    ];
    check(pieces, "arguments:a {\"x\":\"|arguments:b {\"y\":\"|arguments:a [secret key]\"}|arguments:b canary\"}|end:a|end:b");
}

#[test]
fn outcomes_errors_and_pictures_are_scrubbed() {
    let picture = Blob { mime: "image/png".into(), data: CANARY.as_bytes().to_vec() };
    let content = vec![
        ResultPart::text(format!("a {CANARY}")),
        ResultPart::Json { value: serde_json::json!([CANARY]) },
        ResultPart::Image { image: picture },
    ];
    let outcome = ToolOutcome { content, structured: Some(serde_json::json!({ "k": CANARY })) }.scrubbed(&known());
    let shown = format!("{outcome:?}");
    assert!(!shown.contains("canary") && shown.matches("[secret key]").count() == 3 && shown.contains("left out"), "{shown}");
    let error = PluginError::Tool(ToolError::Failed(format!("said {CANARY}"))).scrubbed(&known());
    assert_eq!(error.to_string(), "said [secret key]");
    let error = ModelError::Unauthorized(format!("no to {CANARY}")).scrubbed(&known());
    assert!(error.to_string().ends_with("no to [secret key]"), "{error}");
}

#[test]
fn without_secrets_pieces_pass_as_they_are() {
    let mut deltas = Deltas::new(&Known::default());
    assert_eq!(deltas.push(vec![text(CANARY), arguments("a", "{")]), [text(CANARY), arguments("a", "{")]);
    assert!(deltas.end().is_empty());
}
