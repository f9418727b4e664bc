//! `skynet plugin test`: builds a plugin and puts it through what every plugin must hold,
//! and through its own `calls.json`, in a host of its own.
//!
//! Two hosts, one after the other: under what the manifest asks for, with servers played back
//! from `exchanges.json`; and cut off from servers and files, where each call must still end in
//! an answer or an error. Both are in a process that gave up all but its own folder (`walled.rs`).
//! Nothing reaches the network unless `--record` was said and agreed to.

use super::bed::{Bed, cut_off};
use super::checks::{self, Report};
use super::console::Console;
use super::golden::came::Came;
use super::golden::{self, Ended, Golden, GoldenCall, Question};
use super::project::Project;
use super::secrets::StageSecrets;
use super::subject::Subject;
use super::walled::{self, Checked, Work};
use crate::args::author::Test;
use crate::exit::{Kind, fail};
use crate::limits::AUTHORS_CHECKS;
use crate::output::Out;
use crate::plain::visible;
use crate::prompt::agreed;
use anyhow::Result;
use serde_json::{Value, json};
use skynet_plugins::{Exchange, Staged};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// The author's calls, and what servers answered.
pub(super) const CALLS: &str = "calls.json";
pub(super) const TAPE: &str = "exchanges.json";

pub(super) async fn run(args: &Test, out: &Out) -> Result<()> {
    let project = Project::open(&args.project)?;
    let (calls, tape) = (golden::bytes(&project.folder.join(CALLS))?, golden::bytes(&project.folder.join(TAPE))?);
    // Before the build: nobody wants to wait for it and then be told of a comma.
    let golden: Golden = golden::read(&project.folder.join(CALLS))?;
    let _: Vec<Exchange> = golden::read(&project.folder.join(TAPE))?;
    let console = Console::new(*out);
    let tested = async {
        let component = project.language.build(&project, &console).await?;
        if args.record {
            record(&project, &component, &golden, args, out).await?;
            return Ok(None);
        }
        let packed = Subject::built(&project, &component)?.packed;
        let name = component.display().to_string();
        let work = Work { name: &name, packed: &packed, calls: calls.as_deref(), tape: tape.as_deref(), most: AUTHORS_CHECKS };
        walled::checked(work).await.map(Some)
    };
    let report = tokio::select! {
        report = tested => report?,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("stopped"),
    };
    report.map_or(Ok(()), |checked| show(&project, &checked, out))
}

fn show(project: &Project, checked: &Checked, out: &Out) -> Result<()> {
    let report = &checked.report;
    for check in &report.0 {
        match &check.fault {
            None => out.line(&format!("{} {}", out.paint("32", "ok  "), check.name)),
            Some(fault) => out.line(&format!("{} {}\n     {fault}", out.paint("31", "FAIL"), check.name)),
        }
    }
    let (all, failed) = (report.0.len(), report.failed());
    let checks: Vec<Value> =
        report.0.iter().map(|check| json!({ "name": check.name, "passed": check.fault.is_none(), "fault": check.fault })).collect();
    out.value(&json!({ "id": project.manifest.id, "passed": all - failed, "failed": failed, "checks": checks, "wall_gaps": checked.gaps }));
    if failed > 0 {
        anyhow::bail!("{failed} of {all} checks failed");
    }
    out.line(&format!("{all} {} passed, {}", if all == 1 { "check" } else { "checks" }, checked.place()));
    Ok(())
}

/// All checks of a plugin, and its author's calls.
pub(super) async fn test(subject: &Subject, golden: &Golden, tape: Vec<Exchange>) -> Result<Report> {
    let mut report = Report::default();
    let staged = Arc::new(Staged::playing(tape));
    staged.set(golden::NOON_OF_TESTS, 0);
    let bed = subject.bed(&subject.request, golden.settings.clone(), Arc::clone(&staged)).await?;
    checks::run(&bed, &subject.kinds, &mut report).await;
    // Those of the checks above are made up: nobody could have recorded them.
    staged.missed();
    for call in &golden.calls {
        let (first, again) = (golden_call(&bed, &staged, call).await, golden_call(&bed, &staged, call).await);
        let missed = unrecorded(&staged.missed());
        let differs = call.expect.differs(&first).map(|differs| differs + &missed);
        let unsteady = (first != again).then(|| format!("it gave {} and then {}", first.told(), again.told()));
        report.note(format!("{CALLS}: {}", call.name), differs.or(unsteady));
    }
    for question in golden.questions() {
        let (first, again) = (asked(&bed, &staged, &question).await, asked(&bed, &staged, &question).await);
        let missed = unrecorded(&staged.missed());
        let differs = question.differs(&first).map(|differs| differs + &missed);
        let unsteady = (first != again).then(|| format!("it gave {} and then {}", first.told(), again.told()));
        report.note(format!("{CALLS}: {}", question.name()), differs.or(unsteady));
    }
    drop(bed);
    if cut_off(&subject.request) != subject.request {
        denied(subject, golden, &mut report).await?;
    }
    Ok(report)
}

/// Which requests nobody answered, and what to do.
fn unrecorded(missed: &[String]) -> String {
    let missed: BTreeSet<&str> = missed.iter().map(String::as_str).collect();
    let told = missed.into_iter().map(|request| format!("\n     no recorded exchange fits {}", visible(request)));
    let told: String = told.collect();
    if told.is_empty() { told } else { told + "; record it with: skynet plugin test --record" }
}

async fn golden_call(bed: &Bed, staged: &Staged, call: &GoldenCall) -> Ended {
    staged.set(call.now_ms.unwrap_or(golden::NOON_OF_TESTS), call.seed);
    checks::call(bed, &call.tool, &call.arguments).await
}

async fn asked(bed: &Bed, staged: &Staged, question: &Question<'_>) -> Came {
    let (now_ms, seed) = question.stage();
    staged.set(now_ms, seed);
    question.ask(bed).await
}

/// Every call again, with servers and files refused.
async fn denied(subject: &Subject, golden: &Golden, report: &mut Report) -> Result<()> {
    let grant = cut_off(&subject.request);
    let bed = subject.bed(&grant, golden.settings.clone(), Arc::new(Staged::playing(Vec::new()))).await?;
    let mut within = Report::default();
    checks::run(&bed, &subject.kinds, &mut within).await;
    let mut fault = within.0.into_iter().find_map(|check| check.fault.map(|fault| format!("{}: {fault}", check.name)));
    for call in &golden.calls {
        if let Ended::Fault(why) = checks::call(&bed, &call.tool, &call.arguments).await {
            fault = fault.or(Some(visible(&format!("{}: {why}", call.name))));
        }
    }
    for question in golden.questions() {
        if let Some(why) = question.ask(&bed).await.fault() {
            fault = fault.or(Some(visible(&format!("{}: {why}", question.name()))));
        }
    }
    report.note("with servers and files refused, every call is still an answer or an error", fault);
    Ok(())
}

/// Makes the author's calls with the real servers, and keeps what they answer.
async fn record(project: &Project, component: &Path, golden: &Golden, args: &Test, out: &Out) -> Result<()> {
    if golden.is_empty() {
        return Err(fail(Kind::NotFound, format!("{CALLS} holds no calls; write down what to record first")));
    }
    let asks = &project.manifest.permissions;
    out.line(&format!("{} will really do this now:\n  {}", project.manifest.id, asks.sentences().join("\n  ")));
    if !args.yes && !agreed("go on? [y/N] ", out)? {
        return Err(fail(Kind::Refused, "nothing was recorded; say yes, or use --yes"));
    }
    let secrets = StageSecrets::given(asks, &args.secrets, !args.yes, out)?;
    let (missing, known) = (secrets.missing(asks), secrets.known());
    let staged = Arc::new(Staged::recording());
    let subject = Subject::built(project, component)?;
    let bed = subject.bed_with(&subject.request, golden.settings.clone(), Arc::clone(&staged), secrets).await?;
    let mut failed = called(&bed, &staged, golden, out).await;
    if !failed.is_empty() && !missing.is_empty() {
        let missing = missing.join(", ");
        failed
            .push(format!("nobody gave the secrets that it asks for: {missing}; use --secret NAME=FILE, or a terminal that asks for them"));
    }
    let (path, tape) = (project.folder.join(TAPE), staged.tape());
    keepable(&path, &tape, &failed)?;
    if known.now().finds(serde_json::to_string(&tape)?.as_bytes()) {
        return Err(fail(
            Kind::Refused,
            format!("a secret is still in what was recorded, so it is not kept; {} is as it was", path.display()),
        ));
    }
    golden::write_tape(&path, &tape)?;
    let text = format!(
        "{} exchanges are in {}; read them before you publish them: they hold what was sent and answered, without secrets and cookies",
        tape.len(),
        path.display()
    );
    out.both(&text, &json!({ "file": path, "exchanges": tape.len() }));
    Ok(())
}

/// Makes all calls; gives a line for each that came to nothing its author has in mind.
async fn called(bed: &Bed, staged: &Staged, golden: &Golden, out: &Out) -> Vec<String> {
    let mut failed = Vec::new();
    for call in &golden.calls {
        let ended = golden_call(bed, staged, call).await;
        let line = format!("{}: {}", visible(&call.name), ended.told());
        out.line(&line);
        if call.expect.is_failure(&ended) {
            failed.push(line);
        }
    }
    for question in golden.questions() {
        let came = asked(bed, staged, &question).await;
        let line = format!("{}: {}", visible(question.name()), came.told());
        out.line(&line);
        if came.is_refusal() && question.differs(&came).is_some() {
            failed.push(line);
        }
    }
    failed
}

/// What was recorded before is worth more than half of a recording.
fn keepable(path: &Path, tape: &[Exchange], failed: &[String]) -> Result<()> {
    let kept = format!("nothing was recorded, and {} is as it was", path.display());
    if !failed.is_empty() {
        return Err(fail(Kind::Refused, format!("not every call succeeded; {kept}:\n  {}", failed.join("\n  "))));
    }
    if tape.is_empty() {
        return Err(fail(Kind::NotFound, format!("no call asked a server; {kept}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_kept_when_it_is_whole_and_else_the_old_one_is() {
        let exchange = Exchange {
            method: "GET".into(),
            url: "https://a.net/".into(),
            sent: String::new(),
            status: 200,
            headers: Vec::new(),
            body: String::new(),
        };
        let refused = |tape: &[Exchange], failed: &[String]| keepable(Path::new("exchanges.json"), tape, failed).unwrap_err().to_string();
        assert!(refused(std::slice::from_ref(&exchange), &["greets: a fault".into()]).contains("greets: a fault"));
        assert!(refused(&[], &[]).contains("exchanges.json is as it was"));
        keepable(Path::new("exchanges.json"), &[exchange], &[]).unwrap();
    }

    #[test]
    fn requests_that_nobody_answered_are_named_once() {
        let missed = ["GET https://a.net/".to_owned(), "GET https://a.net/".to_owned()];
        let told = unrecorded(&missed);
        assert_eq!(told.matches("GET https://a.net/").count(), 1);
        assert!(told.contains("--record") && unrecorded(&[]).is_empty());
    }
}
