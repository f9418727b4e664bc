//! Which model is asked, and which next when it cannot answer.
//!
//! Owns the order of models in a turn and the counting of tries. Knows no vendor:
//! names come from the snapshot, the configuration and the person.

use crate::limits::{BACKOFF_MS, FAILED_ATTEMPTS, RETRY_AFTER_MS, TRIES_PER_MODEL};
use skynet_core::completion::LAST_RESORT;
use skynet_core::error::FaultKind;
use skynet_core::ports::ModelEntry;
use skynet_core::{ModelError, PluginError};
use std::time::Duration;

/// The name that stands for "whatever serves".
pub(crate) const AUTO: &str = "auto";

/// The models of a turn, in the order in which they are asked.
pub(crate) struct Route {
    models: Vec<ModelEntry>,
    at: usize,
    tries: u32,
    failures: u32,
    reasons: Vec<String>,
}

/// What to do after a failed request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask the same model once more, after this time.
    Again(Duration),
    /// Ask the next model.
    Next,
    /// No larger model: leave out old messages and ask again.
    Shorten,
    /// Tell the person.
    GiveUp,
}

/// What kind of failure this is for routing.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// It may work in a moment.
    Transient(Option<u64>),
    /// This model will not; another may.
    Elsewhere,
    /// Its credential will not: another real model may. What only stands in would hide that the
    /// owner has a key to mend.
    Credential,
    /// Too long for this model.
    TooLong,
    /// No model should be asked this again.
    Permanent,
}

fn classify(error: &ModelError) -> Kind {
    match error {
        ModelError::RateLimited { retry_after_ms, .. } | ModelError::Unavailable { retry_after_ms, .. } => Kind::Transient(*retry_after_ms),
        ModelError::Protocol(_) | ModelError::Plugin(PluginError::Busy(_) | PluginError::Cancelled) => Kind::Transient(None),
        ModelError::InvalidRequest(_) | ModelError::Refused(_) => Kind::Permanent,
        ModelError::ContextOverflow(_) => Kind::TooLong,
        ModelError::Unauthorized(_) => Kind::Credential,
        ModelError::Other(_) | ModelError::Plugin(_) => Kind::Elsewhere,
    }
}

/// A few words for the person about why a model is left.
pub(crate) fn in_short(error: &ModelError) -> &'static str {
    match error {
        ModelError::Unauthorized(_) => "its credential was refused",
        ModelError::RateLimited { .. } => "it is rate limited",
        ModelError::Unavailable { .. } => "it is unavailable",
        ModelError::InvalidRequest(_) => "it refused the request",
        ModelError::ContextOverflow(_) => "the conversation does not fit it",
        ModelError::Refused(_) => "it declined",
        ModelError::Protocol(_) => "its answer broke off",
        ModelError::Other(_) => "it failed",
        ModelError::Plugin(PluginError::Denied(_)) => "policy denied it an effect",
        ModelError::Plugin(PluginError::Busy(_)) => "too much is running",
        ModelError::Plugin(_) => "its plugin failed",
    }
}

/// The class of a failure, as events carry it.
pub(crate) fn class_of(error: &ModelError) -> &'static str {
    match error {
        ModelError::Refused(_) => "refusal",
        ModelError::RateLimited { .. } => "rate_limit",
        ModelError::ContextOverflow(_) => "context_length",
        ModelError::Plugin(PluginError::Fault(fault)) if fault.kind == FaultKind::Timeout => "timeout",
        _ => "unknown",
    }
}

/// Characters of a server's words in a notice.
const WORDS: usize = 300;

/// The same in a server's own words, as one line of a notice.
pub(crate) fn in_words(error: &ModelError) -> String {
    let full = in_full(error);
    let words: Vec<&str> =
        full.split(|letter: char| letter.is_control() || letter.is_whitespace()).filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(WORDS) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// The whole sentence for the person. Our own insides stay in the log.
fn in_full(error: &ModelError) -> String {
    match error {
        ModelError::Plugin(PluginError::Bug(bug)) => {
            tracing::error!(%bug, "a model could not be asked");
            "the host failed inside; the log says how".into()
        }
        other => other.to_string(),
    }
}

/// Where a model that nobody named stands under `auto`: an agent without tools is half of one,
/// and what only stands in answers when nothing else can.
fn rank(entry: &ModelEntry) -> u8 {
    match (entry.info.can(LAST_RESORT), entry.info.can("tools")) {
        (false, true) => 0,
        (false, false) => 1,
        (true, _) => 2,
    }
}

/// `auto`, resolved: providers in the order of `fallbacks`, then the others' models by what they
/// can do, and of equal ones in the snapshot's order.
fn automatic<'a>(models: &'a [ModelEntry], fallbacks: &[String]) -> Vec<&'a ModelEntry> {
    let mut chosen: Vec<&ModelEntry> = Vec::new();
    let mut ranked: Vec<&ModelEntry> = models.iter().collect();
    ranked.sort_by_key(|entry| rank(entry));
    let first_of = |provider: &str| ranked.iter().copied().find(|entry| entry.provider == provider);
    let named = fallbacks.iter().filter_map(|name| find(models, name).or_else(|| first_of(name.split('/').next()?)));
    for entry in named.chain(ranked.iter().copied()) {
        if !chosen.iter().any(|known| known.provider == entry.provider) || fallbacks.contains(&entry.full_name()) {
            add(&mut chosen, entry);
        }
    }
    chosen
}

fn find<'a>(models: &'a [ModelEntry], full_name: &str) -> Option<&'a ModelEntry> {
    models.iter().find(|entry| entry.full_name() == full_name)
}

fn add<'a>(chosen: &mut Vec<&'a ModelEntry>, entry: &'a ModelEntry) {
    if !chosen.iter().any(|known| known.full_name() == entry.full_name()) {
        chosen.push(entry);
    }
}

/// Whether a name that a client gave can be asked for.
pub(crate) fn serves(models: &[ModelEntry], name: &str) -> bool {
    name == AUTO || find(models, name).is_some()
}

/// The models for this name, in order: it, then the fallbacks. A named model that
/// does not serve gives way to the fallbacks; one that nobody named is used only
/// under `auto`.
pub(crate) fn chain(models: &[ModelEntry], name: &str, fallbacks: &[String]) -> Vec<ModelEntry> {
    let mut chosen = Vec::new();
    for name in std::iter::once(name).chain(fallbacks.iter().map(String::as_str)) {
        if name == AUTO {
            automatic(models, fallbacks).into_iter().for_each(|entry| add(&mut chosen, entry));
        } else if let Some(entry) = find(models, name) {
            add(&mut chosen, entry);
        }
    }
    chosen.into_iter().cloned().collect()
}

impl Route {
    pub(crate) fn new(models: Vec<ModelEntry>) -> Self {
        Self { models, at: 0, tries: 0, failures: 0, reasons: Vec::new() }
    }

    /// The model to ask now.
    pub(crate) fn current(&self) -> Option<&ModelEntry> {
        self.models.get(self.at)
    }

    /// The model answered; the next request may try it as often again.
    pub(crate) fn answered(&mut self) {
        self.tries = 0;
        self.reasons.clear();
    }

    /// The present model failed.
    pub(crate) fn failed(&mut self, error: &ModelError) -> Step {
        let name = self.current().map(ModelEntry::full_name).unwrap_or_default();
        let reason = format!("{name}: {}", in_full(error));
        if self.reasons.last() != Some(&reason) {
            self.reasons.push(reason);
        }
        self.failures += 1;
        self.tries += 1;
        if self.failures >= FAILED_ATTEMPTS {
            return Step::GiveUp;
        }
        match classify(error) {
            Kind::Permanent => Step::GiveUp,
            Kind::Elsewhere => self.next(self.at + 1),
            Kind::Credential => match self.real() {
                Some(place) => self.next(place),
                None => Step::GiveUp,
            },
            Kind::TooLong => match self.larger() {
                Some(place) => self.next(place),
                None => Step::Shorten,
            },
            Kind::Transient(Some(wait)) if wait > RETRY_AFTER_MS => self.next(self.at + 1),
            Kind::Transient(_) if self.tries >= TRIES_PER_MODEL => self.next(self.at + 1),
            Kind::Transient(wait) => {
                let wait = wait.unwrap_or(BACKOFF_MS << (self.tries - 1));
                Step::Again(Duration::from_millis(wait))
            }
        }
    }

    fn next(&mut self, place: usize) -> Step {
        if place >= self.models.len() {
            return Step::GiveUp;
        }
        self.at = place;
        self.tries = 0;
        Step::Next
    }

    /// The next model that does not only stand in.
    fn real(&self) -> Option<usize> {
        let mut later = self.models.iter().enumerate().skip(self.at + 1);
        later.find(|(_, entry)| !entry.info.can(LAST_RESORT)).map(|(place, _)| place)
    }

    /// The next model whose window is larger, or not known to be no larger. What only stands in
    /// is none: a shorter conversation with a real model is worth more.
    fn larger(&self) -> Option<usize> {
        let present = self.current()?.info.context_window;
        let later = self.models.iter().enumerate().skip(self.at + 1);
        let real = later.filter(|(_, entry)| !entry.info.can(LAST_RESORT));
        let mut fitting = real.filter(|(_, entry)| match (present, entry.info.context_window) {
            (Some(present), Some(window)) => window > present,
            _ => true,
        });
        fitting.next().map(|(place, _)| place)
    }

    /// What was tried and why it failed, for the person.
    pub(crate) fn report(&self) -> String {
        match self.reasons.as_slice() {
            [] => "no model serves; install a provider plugin or set agent.model and agent.fallbacks, then see `skynet status`".into(),
            reasons => format!("no model could answer ({})", reasons.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skynet_core::{Generation, ModelInfo, PluginId, PluginRef};

    fn models(names: &str) -> Vec<ModelEntry> {
        let entry = |name: &str| {
            let (name, window) = name.split_once('=').map_or((name, None), |(name, window)| (name, window.parse().ok()));
            let (provider, id) = name.split_once('/').unwrap();
            let plugin = PluginRef {
                id: PluginId::new(&format!("acme/provider-{provider}")).unwrap(),
                version: semver::Version::new(1, 0, 0),
                generation: Generation(1),
            };
            let info = ModelInfo { id: id.into(), name: id.into(), context_window: window, max_output: None, abilities: vec![] };
            ModelEntry { provider: provider.into(), plugin, info }
        };
        names.split_whitespace().map(entry).collect()
    }

    fn check(serving: &str, name: &str, fallbacks: &str, want: &str) {
        let fallbacks: Vec<String> = fallbacks.split_whitespace().map(Into::into).collect();
        let names: Vec<String> = chain(&models(serving), name, &fallbacks).iter().map(ModelEntry::full_name).collect();
        assert_eq!(names.join(" "), want, "{name} with {fallbacks:?} of {serving}");
    }

    #[test]
    fn auto_prefers_the_fallbacks_in_their_order_and_then_one_of_each_provider() {
        check("a/1 a/2 b/1 b/2 c/1", "auto", "", "a/1 b/1 c/1");
        check("a/1 a/2 b/1 b/2 c/1", "auto", "c/1 b/2", "c/1 b/2 a/1");
        check("a/1 b/1", "auto", "b/gone", "b/1 a/1");
        check("a/1 b/1 b/2", "auto", "b/2 b/1", "b/2 b/1 a/1");
        check("", "auto", "a/1", "");
    }

    #[test]
    fn a_named_model_falls_back_only_to_what_the_owner_named() {
        check("a/1 b/1 c/1", "b/1", "", "b/1");
        check("a/1 b/1 c/1", "b/1", "c/1 gone/1 b/1", "b/1 c/1");
        check("a/1 b/1 c/1", "gone/1", "c/1", "c/1");
        check("a/1 b/1 c/1", "gone/1", "", "");
        check("a/1 b/1 c/1", "b/1", "auto", "b/1 a/1 c/1");
        check("a/x/y", "a/x/y", "", "a/x/y");
    }

    #[test]
    fn auto_asks_models_with_tools_before_those_without_and_what_stands_in_last() {
        let able = |names: &str| -> Vec<ModelEntry> {
            let given = |name: &str| {
                let (name, ability) = name.split_once('+').unwrap_or((name, ""));
                let mut entry = models(name).remove(0);
                entry.info.abilities.extend(ability.split('+').filter(|ability| !ability.is_empty()).map(str::to_owned));
                entry
            };
            names.split_whitespace().map(given).collect()
        };
        let order = |serving: &str, fallbacks: &[&str]| {
            let fallbacks: Vec<String> = fallbacks.iter().map(|name| (*name).to_owned()).collect();
            chain(&able(serving), "auto", &fallbacks).iter().map(ModelEntry::full_name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(order("local/small real/one+tools", &[]), "real/one local/small");
        assert_eq!(order("rules/r+tools+last-resort local/small real/b+tools real/a+tools more/c+tools", &[]), {
            "real/b more/c local/small rules/r"
        });
        assert_eq!(order("one/small one/able+tools", &[]), "one/able", "of one provider too");
        assert_eq!(order("local/small real/one+tools", &["local/small"]), "local/small real/one", "what the owner named stays first");
        assert_eq!(order("one/small one/able+tools", &["one/gone"]), "one/able");
    }

    fn limited(wait: Option<u64>) -> ModelError {
        ModelError::RateLimited { message: "slow".into(), retry_after_ms: wait }
    }

    #[test]
    fn a_transient_failure_gets_two_tries_and_then_the_next_model() {
        let mut route = Route::new(models("a/1 b/1"));
        assert_eq!(route.failed(&limited(Some(1500))), Step::Again(Duration::from_millis(1500)));
        assert_eq!(route.failed(&limited(Some(1500))), Step::Next);
        assert_eq!(route.current().unwrap().full_name(), "b/1");
        assert_eq!(route.failed(&ModelError::Protocol("cut".into())), Step::Again(Duration::from_millis(BACKOFF_MS)));
        assert_eq!(route.failed(&ModelError::Protocol("cut".into())), Step::GiveUp);
        let report = route.report();
        assert_eq!(report.matches("rate limited: slow").count(), 1, "{report}");
        assert!(report.contains("b/1: the model server broke off: cut"), "{report}");
    }

    #[test]
    fn a_long_wait_or_a_refused_credential_goes_on_at_once() {
        let mut route = Route::new(models("a/1 b/1 c/1"));
        assert_eq!(route.failed(&limited(Some(RETRY_AFTER_MS + 1))), Step::Next);
        assert_eq!(route.failed(&ModelError::Unauthorized("401".into())), Step::Next);
        assert_eq!(route.failed(&ModelError::Unauthorized("401".into())), Step::GiveUp);
    }

    #[test]
    fn a_conversation_that_is_too_long_is_shortened_before_what_only_stands_in_answers() {
        let mut all = models("a/1=2048 z/rules");
        all[1].info.abilities.push(LAST_RESORT.to_owned());
        assert_eq!(Route::new(all).failed(&ModelError::ContextOverflow("long".into())), Step::Shorten);
    }

    #[test]
    fn a_refused_credential_is_not_hidden_behind_a_model_that_only_stands_in() {
        let mut all = models("a/1 z/rules b/1");
        all[1].info.abilities.push(LAST_RESORT.to_owned());
        let mut route = Route::new(all.clone());
        assert_eq!(route.failed(&ModelError::Unauthorized("wrong key".into())), Step::Next);
        assert_eq!(route.current().unwrap().full_name(), "b/1");
        all.pop();
        let mut route = Route::new(all.clone());
        assert_eq!(route.failed(&ModelError::Unauthorized("wrong key".into())), Step::GiveUp);
        assert!(route.report().contains("wrong key"));
        let down = ModelError::Other("down".into());
        assert_eq!(Route::new(all).failed(&down), Step::Next, "a server that is down gives way to it, and the notice says why");
    }

    #[test]
    fn a_notice_has_the_servers_words_on_one_line_and_not_all_of_many() {
        assert_eq!(
            in_words(&ModelError::Unauthorized("bad\n\u{1b}[31mkey".into())),
            "the model server refused the credential: bad [31mkey"
        );
        let long = in_words(&ModelError::Other("é ".repeat(5_000)));
        assert!(long.ends_with('…') && long.chars().count() == WORDS + 1);
    }

    #[test]
    fn a_request_that_is_wrong_everywhere_is_not_sent_elsewhere() {
        for error in [ModelError::InvalidRequest("bad".into()), ModelError::Refused("no".into())] {
            assert_eq!(Route::new(models("a/1 b/1")).failed(&error), Step::GiveUp);
        }
    }

    #[test]
    fn an_overflow_goes_to_a_larger_window_and_otherwise_shortens() {
        let overflow = ModelError::ContextOverflow("long".into());
        let mut route = Route::new(models("a/1=100 b/1=100 c/1=200"));
        assert_eq!(route.failed(&overflow), Step::Next);
        assert_eq!(route.current().unwrap().full_name(), "c/1");
        assert_eq!(route.failed(&overflow), Step::Shorten);
    }

    #[test]
    fn ten_failures_end_a_turn_whatever_is_left() {
        let names: String = (0..20).map(|n| format!("p{n}/m ")).collect();
        let mut route = Route::new(models(&names));
        let steps: Vec<Step> = (0..10).map(|_| route.failed(&ModelError::Unauthorized("401".into()))).collect();
        assert_eq!(steps.iter().filter(|step| **step == Step::Next).count(), 9);
        assert_eq!(steps.last(), Some(&Step::GiveUp));
    }
}
