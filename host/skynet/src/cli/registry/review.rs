//! `skynet registry review`: all that can be said of a proposal without running it.
//!
//! For a registry's continuous integration: no keys, no data folder, nothing of the
//! proposal is run. Every check is made, then it fails or passes as a whole.

mod conformance;
mod rebuild;
mod report;

use crate::args::review::RegistryReview;
use crate::cli::plugin::review::borrowed;
use crate::exit::{Kind, fail};
use crate::output::Out;
use anyhow::{Context, Result};
use report::{Proposal, Reviewed};
use skynet_core::PluginId;
use skynet_policy::registry::publisher::PublisherRecord;
use skynet_registry_client::author::{Author, Check, Submission};
use skynet_review::{Material, Policy, Text};

pub(super) fn run(look: &RegistryReview, out: &Out) -> Result<()> {
    let policy = look.blocking.policy();
    policy.check().map_err(|error| fail(Kind::Refused, error.to_string()))?;
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
    let one = Reviewer { author: &author, look, submission: &submission, record: record.as_ref(), known: &known, policy: &policy };
    let plugins = submission.files.iter().map(|(name, bytes)| one.review(name, bytes)).collect::<Result<Vec<_>>>()?;
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
    submission: &'a Submission,
    record: Option<&'a PublisherRecord>,
    known: &'a [PluginId],
    policy: &'a Policy,
}

impl Reviewer<'_> {
    fn review(&self, name: &str, file: &[u8]) -> Result<Reviewed> {
        let examined = self.author.examine(file, self.record, self.look.allow_similar);
        let texts: Vec<Text<'_>> = borrowed(&self.submission.texts);
        let material = Material { file, release: examined.release.as_ref(), known: self.known, tools: &[], texts: &texts };
        let analysis = skynet_review::review(&material, self.policy);
        let mut checks = examined.checks;
        let said = analysis.summary();
        checks.push(Check::of("analysis", if analysis.blocked { Err(format!("findings that block, of {said}")) } else { Ok(said) }));
        checks.push(rebuild::check(file, self.look.rebuilt.as_deref(), self.submission.source)?);
        checks.push(conformance::check(file));
        let (before, diff) = examined.review.map(|review| (review.before, review.diff)).unwrap_or_default();
        Ok(Reviewed { file: name.to_owned(), release: examined.release, before, diff, checks, analysis })
    }
}
