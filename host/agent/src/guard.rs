//! The guard against a model that repeats itself: the same call with the same
//! arguments as in the round just before is not run again.
//!
//! The first repetition is answered with a notice; the second in a row ends the
//! tools of this turn.

use serde_json::Value;
use skynet_core::ToolCall;

#[derive(Default)]
pub(crate) struct Guard {
    before: Vec<(String, Value)>,
    streak: u32,
}

impl Guard {
    /// Which of these calls repeat one of the round before.
    pub(crate) fn look<'a>(&mut self, calls: impl Iterator<Item = &'a ToolCall>) -> Vec<bool> {
        let now: Vec<_> = calls.map(|call| (call.name.clone(), meaning(&call.arguments))).collect();
        let repeated: Vec<bool> = now.iter().map(|call| self.before.contains(call)).collect();
        self.streak = if repeated.contains(&true) { self.streak + 1 } else { 0 };
        self.before = now;
        repeated
    }

    /// Whether two rounds in a row repeated.
    pub(crate) fn has_enough(&self) -> bool {
        self.streak >= 2
    }
}

/// Arguments compared by value, so that white space and key order hide nothing.
fn meaning(arguments: &str) -> Value {
    serde_json::from_str(arguments).unwrap_or_else(|_| Value::String(arguments.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, arguments: &str) -> ToolCall {
        ToolCall { id: "1".into(), name: name.into(), arguments: arguments.into() }
    }

    #[test]
    fn only_the_round_just_before_counts() {
        let mut guard = Guard::default();
        let mut look = |calls: &[ToolCall]| (guard.look(calls.iter()), guard.has_enough());
        assert_eq!(look(&[call("a", "{\"x\":1,\"y\":2}")]), (vec![false], false));
        assert_eq!(look(&[call("b", "{}"), call("a", "{ \"y\":2, \"x\":1 }")]), (vec![false, true], false));
        assert_eq!(look(&[call("c", "{}")]), (vec![false], false), "a fresh round forgives");
        assert_eq!(look(&[call("a", "{\"x\":1,\"y\":2}")]), (vec![false], false));
        assert_eq!(look(&[call("a", "{\"x\":1,\"y\":2}")]), (vec![true], false));
        assert_eq!(look(&[call("a", "{\"x\":1,\"y\":2}")]), (vec![true], true));
    }

    #[test]
    fn broken_arguments_repeat_too() {
        let mut guard = Guard::default();
        guard.look([call("a", "{broken")].iter());
        assert_eq!(guard.look([call("a", "{broken")].iter()), vec![true]);
    }
}
