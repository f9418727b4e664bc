//! What threads use of the cores, and binding all of this process to some of them.

use anyhow::{Context, Result};

/// Some cores, by number.
pub(crate) type Cores = Vec<usize>;

/// CPU seconds of the threads of a process (`self`, or its number) that still run.
pub(crate) fn cpu_seconds(process: &str) -> Result<f64> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).context("this system does not say what a process used (/proc)")?;
    let nanoseconds = tasks.flatten().filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    Ok(nanoseconds.sum::<f64>() / 1e9)
}

#[cfg(target_os = "linux")]
mod linux {
    use super::Cores;
    use anyhow::{Context, Result};
    use rustix::process::Pid;
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    use std::sync::OnceLock;

    /// What the process may use when nobody binds it.
    static ALL: OnceLock<Cores> = OnceLock::new();

    fn all() -> &'static Cores {
        ALL.get_or_init(|| {
            let set = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
            (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
        })
    }

    pub(crate) fn one_and_two() -> Option<(Cores, Cores)> {
        match all()[..] {
            [first, second, ..] => Some((vec![first], vec![first, second])),
            _ => None,
        }
    }

    pub(crate) fn bind(cores: &Cores) -> Result<()> {
        let mut set = CpuSet::new();
        cores.iter().for_each(|core| set.set(*core));
        for task in std::fs::read_dir("/proc/self/task").context("this system has no /proc/self/task")? {
            let task = task?.file_name();
            let thread = task.to_str().and_then(|number| number.parse().ok()).and_then(Pid::from_raw);
            // A thread that has just ended needs no core.
            if thread.is_some() && sched_setaffinity(thread, &set).is_err() && std::path::Path::new("/proc/self/task").join(&task).exists()
            {
                anyhow::bail!("a thread could not be bound to cores {cores:?}");
            }
        }
        Ok(())
    }

    pub(crate) fn release() -> Result<()> {
        bind(all())
    }
}

#[cfg(target_os = "linux")]
pub(crate) use linux::{bind, one_and_two, release};

/// One core, and it with another; `None` where threads cannot be bound or have one core.
#[cfg(not(target_os = "linux"))]
pub(crate) fn one_and_two() -> Option<(Cores, Cores)> {
    None
}

/// Lets all threads run on these cores alone.
#[cfg(not(target_os = "linux"))]
pub(crate) fn bind(_: &Cores) -> Result<()> {
    Ok(())
}

/// Lets all threads run everywhere again.
#[cfg(not(target_os = "linux"))]
pub(crate) fn release() -> Result<()> {
    Ok(())
}
