//! What can be said of a plugin before it is installed, from its bytes alone.
//!
//! Owns: the budgets of components, the analysis, its rules and findings, and the rule
//! engine for texts. Everything here is a function of its arguments: nothing is run,
//! opened or dialled, so all of it can be fuzzed, and a report is the same on every
//! machine. Refuses to decide: findings are graded and explained, and a policy says
//! which of them keep a plugin out.

pub mod budget;
mod bulk;
mod excerpt;
pub mod finding;
mod found;
pub mod limits;
mod loops;
mod names;
pub mod policy;
pub mod report;
mod review;
mod rules;
mod servers;
mod shape;
mod surface;
mod text;
mod unseen;

pub use finding::{Finding, Severity};
pub use policy::Policy;
pub use report::Report;
pub use review::{Material, Script, Text, ToolText, is_named_document, review, review_script};

/// All rules: their ids, and why a reader should care. Sorted by id.
pub fn rule_list() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = rules::ALL.iter().map(|rule| (rule.id.to_owned(), rule.why.to_owned())).collect();
    all.extend(text::rules());
    all.sort();
    all
}
