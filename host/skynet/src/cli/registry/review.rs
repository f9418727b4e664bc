//! `skynet registry review`: all that can be said of a proposal.
//!
//! For a registry's continuous integration: no keys and no data folder. A plugin is run by the
//! conformance test alone, in the sandbox. Every check is made, then it fails or passes as a whole.

mod conformance;
mod rebuild;
mod report;

use crate::args::review::RegistryReview;
use crate::cli::plugin::review::borrowed;
use crate::exit::{Kind, fail};
use crate::output::Out;
use anyhow::{Context, Result};
use rebuild::Rebuilt;
use report::{Proposal, Reviewed};
use skynet_core::PluginId;
use skynet_policy::registry::publisher::PublisherRecord;
use skynet_registry_client::author::{Author, Check, Outcome, Submission};
use skynet_review::{Material, Policy, Text};
use std::path::Path;

pub(super) async fn run(look: &RegistryReview, out: &Out) -> Result<()> {
    let policy = look.blocking.policy();
    policy.check().map_err(|error| fail(Kind::Refused, error.to_string()))?;
    let folder = |path: &Path, what: &str| match path.is_dir() {
        true => Ok(()),
        false => Err(fail(Kind::NotFound, format!("{}: there is no such folder {what}", path.display()))),
    };
    folder(&look.folder, "of a submission")?;
    folder(&look.registry, "of a registry; name it with --registry")?;
    let author = Author::open(&look.registry).map_err(|error| fail(Kind::Refused, error.to_string()))?;
    let submission = Submission::read(&look.folder).map_err(|error| fail(Kind::Refused, error.to_string()))?;
    let mut checks = vec![author.check_lists(jiff::Timestamp::now()), submission.check()];
    let mut record = None;
    if let Some(document) = &submission.record {
        let (offered, check) = author.examine_record(document);
        checks.push(check);
        record = offered;
    }
    let known: Vec<PluginId> = author.index().map(|index| index.plugins.into_iter().map(|entry| entry.id).collect()).unwrap_or_default();
    let rebuilt = Rebuilt::of(look.rebuilt.as_deref(), look.rebuilt_sha256.as_deref())?;
    let one = Reviewer { author: &author, look, rebuilt, submission: &submission, record: record.as_ref(), known: &known, policy: &policy };
    let mut plugins = Vec::new();
    for (name, bytes) in &submission.files {
        plugins.push(one.review(name, bytes).await?);
    }
    let proposal = Proposal::new(checks, plugins);
    if let Some(path) = &look.markdown {
        std::fs::write(path, proposal.to_markdown()).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    proposal.show(out);
    if proposal.passed {
        return Ok(());
    }
    Err(fail(Kind::Refused, format!("{} does not pass: {}", look.folder.display(), proposal.failing().join(", "))))
}

struct Reviewer<'a> {
    author: &'a Author,
    look: &'a RegistryReview,
    rebuilt: Rebuilt,
    submission: &'a Submission,
    record: Option<&'a PublisherRecord>,
    known: &'a [PluginId],
    policy: &'a Policy,
}

impl Reviewer<'_> {
    async fn review(&self, name: &str, file: &[u8]) -> Result<Reviewed> {
        let examined = self.author.examine(file, self.record, self.look.allow_similar);
        let texts: Vec<Text<'_>> = borrowed(&self.submission.texts);
        let material = Material { file, release: examined.release.as_ref(), known: self.known, tools: &[], texts: &texts };
        let analysis = skynet_review::review(&material, self.policy);
        let mut checks = examined.checks;
        let said = analysis.summary();
        checks.push(Check::of("analysis", if analysis.blocked { Err(format!("findings that block, of {said}")) } else { Ok(said) }));
        checks.push(rebuild::check(file, &self.rebuilt, self.submission.source));
        checks.push(match checks.iter().any(|check| check.outcome == Outcome::Failed) {
            _ if self.look.no_run => conformance::skipped("nobody ran it: --no-run was said"),
            true => conformance::skipped("nobody ran it, because it fails already"),
            false => conformance::check(name, file, self.submission).await,
        });
        let (before, diff) = examined.review.map(|review| (review.before, review.diff)).unwrap_or_default();
        Ok(Reviewed { file: name.to_owned(), release: examined.release, before, diff, checks, analysis })
    }
}
