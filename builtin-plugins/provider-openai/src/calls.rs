//! The tool calls of one answer, joined from their pieces.
//!
//! It owns the question which call a piece belongs to, the names and ids that
//! servers forget or repeat, and when a call may be ended.

use serde_json::Value;
use skynet_plugin_sdk::provider::{Delta, ToolCallArguments, ToolCallStart};

/// The calls so far, in the order they began.
#[derive(Debug, Default)]
pub struct Calls {
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Call {
    index: u64,
    /// As the server last named it, which may be nothing.
    wire_id: String,
    /// Ours: unique in this answer. Fixed when the call is announced.
    id: String,
    name: String,
    arguments: String,
    /// How much of `arguments` was handed on.
    sent: usize,
    announced: bool,
}

impl Calls {
    /// Takes the calls of one piece of the answer.
    pub fn piece(&mut self, piece: &Value, out: &mut Vec<Delta>) {
        let listed = piece.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
        // The old form, one call without an id.
        let single = piece.get("function_call").filter(|call| call.is_object());
        for (position, entry) in listed.enumerate() {
            let position = u64::try_from(position).unwrap_or(u64::MAX);
            let function = entry.get("function").unwrap_or(&Value::Null);
            let index = entry.get("index").and_then(Value::as_u64).unwrap_or(position);
            self.take(index, text(entry, "id"), function, out);
        }
        if let Some(function) = single {
            self.take(0, "", function, out);
        }
    }

    /// Whether the arguments of every call are a JSON object.
    pub fn all_whole(&self) -> bool {
        self.calls.iter().all(Call::is_whole)
    }

    /// Ends the calls, except broken ones if `cut`; says how many it ended.
    pub fn end(&mut self, cut: bool, out: &mut Vec<Delta>) -> usize {
        let mut ended = 0;
        for position in 0..self.calls.len() {
            self.announce(position, out);
            let Some(call) = self.calls.get(position) else { continue };
            if !call.announced || (cut && !call.is_whole()) {
                continue;
            }
            if call.arguments.trim().is_empty() {
                out.push(arguments(&call.id, "{}"));
            }
            out.push(Delta::ToolCallEnd(call.id.clone()));
            ended += 1;
        }
        ended
    }

    fn take(&mut self, index: u64, id: &str, function: &Value, out: &mut Vec<Delta>) {
        let name = text(function, "name");
        let open = self.calls.iter().rposition(|call| call.index == index).filter(|open| self.continues(*open, id, name));
        let position = open.unwrap_or_else(|| {
            let (id, wire_id) = (String::new(), String::new());
            self.calls.push(Call { index, wire_id, id, name: String::new(), arguments: String::new(), sent: 0, announced: false });
            self.calls.len().saturating_sub(1)
        });
        if let Some(call) = self.calls.get_mut(position) {
            if !id.is_empty() && call.wire_id.is_empty() {
                id.clone_into(&mut call.wire_id);
            }
            if call.name.is_empty() {
                name.clone_into(&mut call.name);
            }
            match function.get("arguments") {
                Some(Value::String(fragment)) => call.arguments.push_str(fragment),
                Some(whole @ Value::Object(_)) if call.arguments.is_empty() => call.arguments = whole.to_string(),
                _ => {}
            }
        }
        self.announce(position, out);
    }

    /// Whether a piece under a known index goes on with that call. A new id alone
    /// does not tell: some servers invent one for each piece.
    fn continues(&self, open: usize, id: &str, name: &str) -> bool {
        let Some(call) = self.calls.get(open) else { return false };
        if name.is_empty() || call.name.is_empty() {
            return true;
        }
        if id.is_empty() || call.wire_id.is_empty() { !call.is_whole() || call.arguments.is_empty() } else { id == call.wire_id }
    }

    /// Hands on what is new of a call, once its name is known.
    fn announce(&mut self, position: usize, out: &mut Vec<Delta>) {
        let id = self.free_id(position);
        let Some(call) = self.calls.get_mut(position).filter(|call| !call.name.is_empty()) else { return };
        if !call.announced {
            call.announced = true;
            call.id = id;
            out.push(Delta::ToolCallStart(ToolCallStart { id: call.id.clone(), name: call.name.clone() }));
        }
        if let Some(new) = call.arguments.get(call.sent..).filter(|new| !new.is_empty()) {
            out.push(arguments(&call.id, new));
            call.sent = call.arguments.len();
        }
    }

    /// The server's id, or a number where it gives none or gives one twice.
    fn free_id(&self, position: usize) -> String {
        let wire = self.calls.get(position).map_or("", |call| call.wire_id.as_str());
        let taken = |id: &str| self.calls.iter().any(|call| call.announced && call.id == id);
        if !wire.is_empty() && !taken(wire) {
            return wire.to_owned();
        }
        let stem = if wire.is_empty() { "call" } else { wire };
        let mut number = position.saturating_add(1);
        while taken(&format!("{stem}_{number}")) {
            number = number.saturating_add(1);
        }
        format!("{stem}_{number}")
    }
}

impl Call {
    /// Empty arguments are an object without fields.
    fn is_whole(&self) -> bool {
        self.arguments.trim().is_empty() || serde_json::from_str::<Value>(&self.arguments).is_ok_and(|value| value.is_object())
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn arguments(id: &str, fragment: &str) -> Delta {
    Delta::ToolCallArguments(ToolCallArguments { id: id.to_owned(), fragment: fragment.to_owned() })
}
