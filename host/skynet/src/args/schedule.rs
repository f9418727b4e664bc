//! `skynet schedule` on the command line, as types.

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Schedule {
    /// List jobs: their id, when they run next, and who planned them.
    List {
        /// Also those that will not run again.
        #[arg(long)]
        all: bool,
    },
    /// Plan a job: at its time the agent gets the prompt as a message.
    #[command(after_help = "Examples:\n  \
skynet schedule add tea \"Remind me of the tea\" --at \"2032-03-02 16:00\"\n  \
skynet schedule add disk \"Check the free space\" --every 2h\n  \
skynet schedule add news \"Sum up my mail\" --cron \"0 9 * * 1-5\" --zone Europe/Rome\n\
What fell due while the host was down runs once, late. `skynet schedule runs` says how runs ended;\n\
the answers are in the job's session.")]
    Add(AddJob),
    /// Remove a job. A run that began goes on.
    Remove {
        /// Its id, as `schedule list` shows it.
        id: String,
    },
    /// Show how runs ended, the newest first.
    Runs {
        /// Of this job; of all when absent.
        id: Option<String>,
        /// At most so many.
        #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=200))]
        rows: u64,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AddJob {
    /// What you call it.
    pub(crate) name: String,
    /// What the agent is to do.
    pub(crate) prompt: String,
    #[command(flatten)]
    pub(crate) when: JobTime,
    /// Zone of --cron, and of --at without an offset, such as Europe/Rome; the host's own, or
    /// this machine's, when absent.
    #[arg(long, value_name = "ZONE", conflicts_with = "every")]
    pub(crate) zone: Option<String>,
    /// Session in which it runs.
    #[arg(long, short, default_value = "main")]
    pub(crate) session: String,
}

#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub(crate) struct JobTime {
    /// Once, such as "2032-03-02 16:00" or 2032-03-02T16:00:00+01:00.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// Again and again, such as 30m, 2h or 24h; a minute at least.
    #[arg(long, value_name = "TIME")]
    pub(crate) every: Option<String>,
    /// By a calendar line of five fields: minute hour day month weekday.
    #[arg(long, value_name = "LINE")]
    pub(crate) cron: Option<String>,
}
