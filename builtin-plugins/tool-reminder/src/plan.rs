//! `add`, `list`, `remove`: jobs of the person who speaks that this plugin planned.

use crate::time::{Due, when};
use serde::Deserialize;
use skynet_plugin_sdk::services::schedule::{self, Job, When};
use skynet_plugin_sdk::tool::{Outcome, ToolError, ToolSpec};

/// The host's schedule, or a test in its place. Errors are sentences of the host's.
pub(crate) trait Plan {
    fn add(&self, name: &str, when: &When, prompt: &str) -> Result<String, String>;
    fn jobs(&self) -> Result<Vec<Job>, String>;
    fn remove(&self, id: &str) -> Result<bool, String>;
}

/// The real one.
pub(crate) struct Host;

impl Plan for Host {
    fn add(&self, name: &str, when: &When, prompt: &str) -> Result<String, String> {
        schedule::add(name, when, prompt)
    }

    fn jobs(&self) -> Result<Vec<Job>, String> {
        schedule::jobs()
    }

    fn remove(&self, id: &str) -> Result<bool, String> {
        schedule::remove(id)
    }
}

#[derive(Deserialize)]
pub(crate) struct Add {
    name: String,
    prompt: String,
    #[serde(flatten)]
    due: Due,
}

#[derive(Deserialize)]
pub(crate) struct Remove {
    id: String,
}

pub(crate) fn add_spec() -> ToolSpec {
    ToolSpec::new(
        "add",
        "Plans a reminder or recurring work in this conversation: at its time the prompt comes back as a message, and you act on it. \
         Say when by exactly one of in_minutes, at, every_minutes and cron. Write the prompt so that it makes sense by itself then.",
        r#"{"type":"object","properties":{"name":{"type":"string","minLength":1,"maxLength":128},"prompt":{"type":"string","minLength":1,"maxLength":16384,"description":"What to say or do then"},"in_minutes":{"type":"integer","minimum":1},"at":{"type":"string","description":"Once, such as 2026-03-02T16:00:00+01:00"},"every_minutes":{"type":"integer","minimum":1},"cron":{"type":"string","description":"Five fields in the person's time zone, such as 0 9 * * 1-5"}},"required":["name","prompt"],"additionalProperties":false}"#,
    )
    .closed_world()
}

pub(crate) fn list_spec() -> ToolSpec {
    ToolSpec::new(
        "list",
        "Lists the reminders and recurring work that were planned with this tool.",
        r#"{"type":"object","properties":{},"additionalProperties":false}"#,
    )
    .read_only()
    .idempotent()
    .closed_world()
}

pub(crate) fn remove_spec() -> ToolSpec {
    ToolSpec::new(
        "remove",
        "Removes one reminder or recurring job, by its id from `list`.",
        r#"{"type":"object","properties":{"id":{"type":"string","minLength":1,"maxLength":128}},"required":["id"],"additionalProperties":false}"#,
    )
    .destructive()
    .idempotent()
    .closed_world()
}

pub(crate) fn add(plan: &impl Plan, Add { name, prompt, due }: Add, now_ms: u64) -> Result<Outcome, ToolError> {
    let when = when(&due, now_ms).map_err(ToolError::InvalidArguments)?;
    let id = plan.add(&name, &when, &prompt).map_err(ToolError::Failed)?;
    Ok(Outcome::text(format!("Planned `{name}`, {}. Its id is {id}.", shown(&when))))
}

pub(crate) fn list(plan: &impl Plan) -> Result<Outcome, ToolError> {
    let jobs = plan.jobs().map_err(ToolError::Failed)?;
    if jobs.is_empty() {
        return Ok(Outcome::text("Nothing is planned."));
    }
    let lines: Vec<String> = jobs.iter().map(|job| format!("{}: {}, {}: {}", job.id, job.name, shown(&job.when), job.prompt)).collect();
    Ok(Outcome::text(lines.join("\n")))
}

pub(crate) fn remove(plan: &impl Plan, Remove { id }: &Remove) -> Result<Outcome, ToolError> {
    match plan.remove(id).map_err(ToolError::Failed)? {
        true => Ok(Outcome::text("Removed.")),
        false => Err(ToolError::Failed(format!("no job {id} was planned with this tool; `list` shows those that were"))),
    }
}

fn shown(when: &When) -> String {
    match when {
        When::At(ms) => {
            let time = i64::try_from(*ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
            time.map_or_else(|| "once".into(), |time| format!("once at {time}"))
        }
        When::EveryMs(ms) => format!("every {} minutes", ms / 60_000),
        When::Cron(line) => format!("by the calendar line {line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skynet_plugin_sdk::tool::ResultPart;
    use std::cell::RefCell;

    #[derive(Default)]
    struct OnePlan(RefCell<Vec<Job>>);

    impl Plan for OnePlan {
        fn add(&self, name: &str, when: &When, prompt: &str) -> Result<String, String> {
            if let When::EveryMs(0..60_000) = when {
                return Err("a job cannot come more often than every 60 s".into());
            }
            let id = format!("job-{}", self.0.borrow().len());
            self.0.borrow_mut().push(Job { id: id.clone(), name: name.into(), when: when.clone(), prompt: prompt.into() });
            Ok(id)
        }

        fn jobs(&self) -> Result<Vec<Job>, String> {
            Ok(self.0.borrow().clone())
        }

        fn remove(&self, id: &str) -> Result<bool, String> {
            let before = self.0.borrow().len();
            self.0.borrow_mut().retain(|job| job.id != id);
            Ok(self.0.borrow().len() < before)
        }
    }

    fn said(outcome: Result<Outcome, ToolError>) -> String {
        match outcome {
            Ok(outcome) => outcome.content.iter().map(|part| if let ResultPart::Text(text) = part { text.as_str() } else { "" }).collect(),
            Err(error) => format!("{error:?}"),
        }
    }

    fn tea(due: Due) -> Add {
        Add { name: "tea".into(), prompt: "Say that the tea is ready".into(), due }
    }

    #[test]
    fn a_job_is_planned_listed_and_removed() {
        let plan = OnePlan::default();
        assert_eq!(said(list(&plan)), "Nothing is planned.");
        let due = Due { in_minutes: Some(5), ..Due::default() };
        assert_eq!(said(add(&plan, tea(due), 0)), "Planned `tea`, once at 1970-01-01T00:05:00Z. Its id is job-0.");
        assert_eq!(said(list(&plan)), "job-0: tea, once at 1970-01-01T00:05:00Z: Say that the tea is ready");
        assert_eq!(said(remove(&plan, &Remove { id: "job-0".into() })), "Removed.");
        assert!(said(remove(&plan, &Remove { id: "job-0".into() })).contains("`list` shows those that were"));
    }

    #[test]
    fn what_the_host_refuses_is_said_in_its_words_and_a_bad_time_never_reaches_it() {
        let plan = OnePlan::default();
        assert!(said(add(&plan, tea(Due { every_minutes: Some(0), ..Due::default() }), 0)).contains("every 60 s"));
        assert!(said(add(&plan, tea(Due::default()), 0)).contains("exactly one"));
        assert!(plan.0.borrow().is_empty());
    }
}
