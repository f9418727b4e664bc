//! `skynet plugin test`: builds a plugin and puts it through what every plugin must hold,
//! and through its own `calls.json`, in a host of its own.
//!
//! Two hosts, one after the other: under what the manifest asks for, with servers played back
//! from `exchanges.json`; and cut off from servers and files, where each call must still end in
//! an answer or an error. Nothing reaches the network unless `--record` was said and agreed to.

use super::bed::{Bed, cut_off};
use super::checks::{self, Report};
use super::console::Console;
use super::golden::came::Came;
use super::golden::{self, Ended, Golden, GoldenCall, Question};
use super::project::Project;
use crate::args::author::Test;
use crate::exit::{Kind, fail};
use crate::output::Out;
use anyhow::Result;
use serde_json::{Value, json};
use skynet_core::plugin::PluginKind;
use skynet_plugins::{Exchange, Staged};
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;

/// The author's calls, and what servers answered.
const CALLS: &str = "calls.json";
const TAPE: &str = "exchanges.json";

pub(super) async fn run(args: &Test, out: &Out) -> Result<()> {
    let project = Project::open(&args.folder, args.lang.as_deref())?;
    let golden: Golden = golden::read(&project.folder.join(CALLS))?;
    let tape: Vec<Exchange> = golden::read(&project.folder.join(TAPE))?;
    let console = Console::new(out.json);
    let tested = async {
        let component = project.language.build(&project, &console).await?;
        if args.record {
            record(&project, &component, &golden, args.yes, out).await?;
            return Ok(None);
        }
        test(&project, &component, &golden, tape).await.map(Some)
    };
    let report = tokio::select! {
        report = tested => report?,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("stopped"),
    };
    report.map_or(Ok(()), |report| show(&project, &report, out))
}

fn show(project: &Project, report: &Report, out: &Out) -> Result<()> {
    for check in &report.0 {
        match &check.fault {
            None => out.line(&format!("{} {}", out.paint("32", "ok  "), check.name)),
            Some(fault) => out.line(&format!("{} {}\n     {fault}", out.paint("31", "FAIL"), check.name)),
        }
    }
    let (all, failed) = (report.0.len(), report.failed());
    let checks: Vec<Value> =
        report.0.iter().map(|check| json!({ "name": check.name, "passed": check.fault.is_none(), "fault": check.fault })).collect();
    out.value(&json!({ "id": project.manifest.id, "passed": all - failed, "failed": failed, "checks": checks }));
    if failed > 0 {
        anyhow::bail!("{failed} of {all} checks failed");
    }
    out.line(&format!("{all} checks passed"));
    Ok(())
}

async fn test(project: &Project, component: &Path, golden: &Golden, tape: Vec<Exchange>) -> Result<Report> {
    let mut report = Report::default();
    let kinds = skynet_plugins::file::look(&std::fs::read(component)?).map_err(|why| fail(Kind::Refused, why))?.kinds;
    let request = &project.manifest.permissions;
    let staged = Arc::new(Staged::playing(tape));
    staged.set(golden::NOON_OF_TESTS, 0);
    let bed = Bed::make(project, component, request, golden.settings.clone(), Arc::clone(&staged)).await?;
    checks::run(&bed, &kinds, &mut report).await;
    for call in &golden.calls {
        let (first, again) = (golden_call(&bed, &staged, call).await, golden_call(&bed, &staged, call).await);
        let differs = call.expect.differs(&first);
        let unsteady = (first != again).then(|| format!("it gave {} and then {}", first.told(), again.told()));
        report.note(format!("{CALLS}: {}", call.name), differs.or(unsteady));
    }
    for question in golden.questions() {
        let (first, again) = (asked(&bed, &staged, &question).await, asked(&bed, &staged, &question).await);
        let unsteady = (first != again).then(|| format!("it gave {} and then {}", first.told(), again.told()));
        report.note(format!("{CALLS}: {}", question.name()), question.differs(&first).or(unsteady));
    }
    drop(bed);
    if cut_off(request) != *request {
        denied(project, component, golden, &kinds, &mut report).await?;
    }
    Ok(report)
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
async fn denied(project: &Project, component: &Path, golden: &Golden, kinds: &[PluginKind], report: &mut Report) -> Result<()> {
    let grant = cut_off(&project.manifest.permissions);
    let bed = Bed::make(project, component, &grant, golden.settings.clone(), Arc::new(Staged::playing(Vec::new()))).await?;
    let mut within = Report::default();
    checks::run(&bed, kinds, &mut within).await;
    let mut fault = within.0.into_iter().find_map(|check| check.fault.map(|fault| format!("{}: {fault}", check.name)));
    for call in &golden.calls {
        if let Ended::Fault(why) = checks::call(&bed, &call.tool, &call.arguments).await {
            fault = fault.or(Some(format!("{}: {why}", call.name)));
        }
    }
    for question in golden.questions() {
        if let Some(why) = question.ask(&bed).await.fault() {
            fault = fault.or(Some(format!("{}: {why}", question.name())));
        }
    }
    report.note("with servers and files refused, every call is still an answer or an error", fault);
    Ok(())
}

/// Makes the author's calls with the real servers, and keeps what they answer.
async fn record(project: &Project, component: &Path, golden: &Golden, yes: bool, out: &Out) -> Result<()> {
    if golden.is_empty() {
        return Err(fail(Kind::NotFound, format!("{CALLS} holds no calls; write down what to record first")));
    }
    let asks = project.manifest.permissions.sentences();
    out.line(&format!("{} will really do this now:\n  {}", project.manifest.id, asks.join("\n  ")));
    if !yes && !agreed(out)? {
        return Err(fail(Kind::Refused, "nothing was recorded; say yes, or use --yes"));
    }
    let staged = Arc::new(Staged::recording());
    let bed = Bed::make(project, component, &project.manifest.permissions, golden.settings.clone(), Arc::clone(&staged)).await?;
    for call in &golden.calls {
        let ended = golden_call(&bed, &staged, call).await;
        out.line(&format!("{}: {}", call.name, ended.told()));
    }
    for question in golden.questions() {
        out.line(&format!("{}: {}", question.name(), asked(&bed, &staged, &question).await.told()));
    }
    let (path, tape) = (project.folder.join(TAPE), staged.tape());
    golden::write_tape(&path, &tape)?;
    let text = format!(
        "{} exchanges are in {}; read them before you publish them: they hold what was sent and answered",
        tape.len(),
        path.display()
    );
    out.both(&text, &json!({ "file": path, "exchanges": tape.len() }));
    Ok(())
}

/// Asks at the terminal; nobody there to ask is a no.
fn agreed(out: &Out) -> Result<bool> {
    if out.json || !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    out.line("go on? [y/N]");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
