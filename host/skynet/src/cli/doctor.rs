//! `skynet doctor`: everything that could be wrong, each with its remedy.
//!
//! Looks and changes nothing. Exit code 1 when something is wrong, 0 when at most
//! something could be better.

mod checks;
mod keys;
mod secrets;
mod wall;

use crate::home::Home;
use crate::output::Out;
use anyhow::Result;
use serde_json::json;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grade {
    Good,
    Note,
    Wrong,
}

/// One look at one thing.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) grade: Grade,
    pub(crate) finding: String,
    pub(crate) remedy: Option<String>,
}

impl Finding {
    pub(crate) fn good(check: &'static str, finding: impl Into<String>) -> Self {
        Self { check, grade: Grade::Good, finding: finding.into(), remedy: None }
    }

    pub(crate) fn note(check: &'static str, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, grade: Grade::Note, finding: finding.into(), remedy: Some(remedy.into()) }
    }

    pub(crate) fn wrong(check: &'static str, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, grade: Grade::Wrong, finding: finding.into(), remedy: Some(remedy.into()) }
    }
}

pub(crate) async fn run(home: &Home, out: &Out) -> Result<()> {
    let findings = checks::all(home).await;
    for finding in &findings {
        let (mark, color) = match finding.grade {
            Grade::Good => ("ok   ", "32"),
            Grade::Note => ("note ", "33"),
            Grade::Wrong => ("wrong", "31"),
        };
        out.line(&format!("{} {:<10} {}", out.paint(color, mark), finding.check, finding.finding));
        if let Some(remedy) = &finding.remedy {
            out.line(&format!("                 → {remedy}"));
        }
    }
    let wrong = findings.iter().filter(|finding| finding.grade == Grade::Wrong).count();
    out.value(&json!({ "findings": findings, "wrong": wrong }));
    match wrong {
        0 => Ok(()),
        1 => anyhow::bail!("1 thing is wrong"),
        more => anyhow::bail!("{more} things are wrong"),
    }
}
