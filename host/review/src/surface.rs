//! What a component can reach: declared, imported and asked for, held against each other.
//!
//! A component reaches nothing but its imports, so this is the one part of the analysis
//! that is certain. The rest are signs.

use crate::excerpt;
use crate::finding::Finding;
use crate::review::{finding, finding_at};
use crate::rules;
use crate::shape::Shape;
use skynet_policy::imports;
use skynet_policy::release::Release;

/// Ways out of the sandbox, with what they are.
const POWERS: [(&str, &str); 10] = [
    ("wasi:http/outgoing-handler", "sends requests to the servers it was granted"),
    ("wasi:filesystem/preopens", "opens the folders it was granted"),
    ("wasi:sockets/tcp", "knows raw sockets, which the host opens for nobody"),
    ("skynet:plugin/agent", "starts turns of the agent"),
    ("skynet:plugin/messages", "writes to people"),
    ("skynet:plugin/schedule", "plans later work"),
    ("skynet:plugin/script", "runs scripts"),
    ("skynet:plugin/secret-reveal", "sees secrets"),
    ("skynet:plugin/memory", "uses what is remembered of people"),
    ("skynet:plugin/knowledge", "uses the shared articles"),
];

/// Imports and exports against what the release says.
pub(crate) fn look(shape: &Shape<'_>, release: &Release) -> Vec<Finding> {
    let mut found = Vec::new();
    let declared = &release.wit.imports;
    for import in &shape.imports {
        if !imports::is_offered(import) {
            found.push(finding(rules::IMPORT_UNKNOWN, "component", import));
        } else if !declared.contains(import) {
            found.push(finding(rules::IMPORT_UNDECLARED, "component", import));
        }
    }
    for fault in imports::undeclared(&shape.imports, &release.permissions) {
        found.push(Finding { excerpt: excerpt::of_text(&fault), ..finding(rules::IMPORT_UNDECLARED, "component", "") });
    }
    for import in declared.iter().filter(|import| !shape.imports.contains(import)) {
        found.push(finding(rules::IMPORT_ABSENT, "release.json", import));
    }
    let exported = |name: &&String| !release.wit.exports.contains(name);
    let absent = |name: &&String| !shape.exports.contains(name);
    for name in shape.exports.iter().filter(exported).chain(release.wit.exports.iter().filter(absent)) {
        found.push(finding(rules::EXPORTS_DIFFER, "component", name));
    }
    for permission in imports::unused(&shape.imports, &release.permissions) {
        found.push(finding(rules::PERMISSION_UNUSED, "release.json", permission));
    }
    for (power, what) in POWERS {
        if shape.imports.iter().any(|import| import.split('@').next() == Some(power)) {
            found.push(finding(rules::POWER, "component", &format!("{power}: {what}")));
        }
    }
    found.extend(shape.starts.iter().map(|at| finding_at(rules::START_FUNCTION, "component", *at, "")));
    found.extend(shape.open_memories.iter().map(|at| finding_at(rules::MEMORY_OPEN, "component", *at, "")));
    found
}
