//! Service managers: a systemd user unit, a launchd agent, or none.

use super::unit::{self, PROBE, Unit};
use crate::exit::{Kind, fail};
use crate::home::{self, Home};
use crate::output::Out;
use anyhow::{Context, Result};
use serde_json::json;
use skynet_core::config::Config;
use skynet_scripts::system::run_tool;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Service managers answer at once or are not there.
const QUICK: Duration = Duration::from_secs(10);
/// Stopping waits for the drain.
const SLOW: Duration = Duration::from_secs(90);

const UNIT: &str = "skynet.service";
const LABEL: &str = "ai.smartopol.skynet";

/// Which one this machine has.
pub(crate) enum Manager {
    Systemd { file: PathBuf },
    Launchd { file: PathBuf },
    None { why: String },
}

/// The systemd unit for this binary and folder.
fn unit(home: &Home, namespaces: bool) -> Result<String> {
    let program = std::env::current_exe().context("the path of this program")?;
    // Before `init` there are no roots yet.
    let config = if home.config().is_file() { crate::config_file::load(home)? } else { Config::default() };
    let (writes, _) = crate::wall::paths(home, &config);
    let writes: Vec<PathBuf> = writes.into_iter().map(|path| path.canonicalize().unwrap_or(path)).collect();
    let credential = credential(home);
    Ok(Unit { program: &program, home: home.root(), writes: &writes, credential: credential.as_deref(), namespaces }.text())
}

/// Whether the user's manager can make a namespace here, tried with a program that does nothing.
async fn namespaces_work() -> bool {
    let mut arguments = vec!["--user", "--quiet", "--wait", "--collect"];
    arguments.extend(PROBE.iter().flat_map(|setting| ["-p", setting]));
    arguments.push("true");
    run_tool("systemd-run", &arguments, QUICK).await.is_ok_and(|output| output.code == 0)
}

/// The sealed credential of this folder, if there is one.
fn credential(home: &Home) -> Option<PathBuf> {
    Some(home.credential()).filter(|path| path.is_file())
}

/// What a launchd agent for this binary and folder says.
pub(crate) fn plist(program: &Path, home: &Path, log: &Path) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\"><dict>\n\
         <key>Label</key><string>{LABEL}</string>\n\
         <key>ProgramArguments</key><array><string>{program}</string><string>start</string></array>\n\
         <key>EnvironmentVariables</key><dict>{home}</dict>\n\
         <key>RunAtLoad</key><true/>\n\
         <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>\n\
         <key>ExitTimeOut</key><integer>90</integer>\n\
         <key>StandardErrorPath</key><string>{log}</string>\n\
         <key>Umask</key><integer>63</integer>\n\
         </dict></plist>\n",
        program = escape(program),
        home = home_in_plist(home),
        log = escape(log),
    )
}

fn escape(path: &Path) -> String {
    path.display().to_string().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The line of a launchd agent by which it is known whose it is.
fn home_in_plist(home: &Path) -> String {
    format!("<key>SKYNET_HOME</key><string>{}</string>", escape(home))
}

/// Whether there is a service file that does not name this folder. What cannot be read is taken for it.
fn is_anothers(file: &Path, own: &str) -> bool {
    match std::fs::read_to_string(file) {
        Ok(text) => !text.contains(own),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

fn config_folder() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    std::env::var_os("XDG_CONFIG_HOME").filter(|path| !path.is_empty()).map(PathBuf::from).or_else(home)
}

impl Manager {
    /// Looks once. `SKYNET_NO_SERVICE=1` says that there is none, and so does a service file that is another
    /// folder's: there is one name for it, and what it starts would be the host of that folder.
    pub(crate) async fn find(home: &Home) -> Self {
        let found = Self::of_this_machine().await;
        match &found {
            Self::Systemd { file } if is_anothers(file, &unit::setting(home.root())) => Self::anothers(file),
            Self::Launchd { file } if is_anothers(file, &home_in_plist(home.root())) => Self::anothers(file),
            _ => found,
        }
    }

    fn anothers(file: &Path) -> Self {
        let file = file.display();
        Self::None {
            why: format!("the service file {file} is for another data folder; to have it here, stop that host and remove the file"),
        }
    }

    async fn of_this_machine() -> Self {
        let none = |why: &str| Self::None { why: format!("this machine has no service manager for users ({why})") };
        if std::env::var_os("SKYNET_NO_SERVICE").is_some() {
            return none("SKYNET_NO_SERVICE is set");
        }
        if cfg!(target_os = "macos") {
            let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
            return Self::Launchd { file: home.join("Library/LaunchAgents").join(format!("{LABEL}.plist")) };
        }
        let Some(folder) = config_folder() else { return none("HOME is not set") };
        match run_tool("systemctl", &["--user", "show", "--property=Version"], QUICK).await {
            Ok(output) if output.code == 0 => Self::Systemd { file: folder.join("systemd/user").join(UNIT) },
            Ok(output) => none(output.stderr.trim().lines().next().unwrap_or("no user session of systemd")),
            Err(error) => none(&error.to_string()),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Systemd { .. } => "systemd",
            Self::Launchd { .. } => "launchd",
            Self::None { .. } => "none",
        }
    }

    pub(crate) fn is_installed(&self) -> bool {
        match self {
            Self::Systemd { file } | Self::Launchd { file } => file.is_file(),
            Self::None { .. } => false,
        }
    }

    pub(crate) fn log_hint(&self) -> String {
        match self {
            Self::Systemd { .. } => format!("see: journalctl --user -u {UNIT} -n 20"),
            _ => "see its log".into(),
        }
    }

    async fn tool(&self, arguments: &[&str], limit: Duration) -> Result<()> {
        let program = if matches!(self, Self::Launchd { .. }) { "launchctl" } else { "systemctl" };
        let output = run_tool(program, arguments, limit).await?;
        if output.code != 0 {
            return Err(fail(Kind::TryLater, format!("{program} {}: {}", arguments.join(" "), output.stderr.trim())));
        }
        Ok(())
    }

    pub(crate) async fn is_active(&self) -> bool {
        match self {
            Self::Systemd { .. } => self.tool(&["--user", "is-active", "--quiet", UNIT], QUICK).await.is_ok(),
            Self::Launchd { .. } => self.tool(&["list", LABEL], QUICK).await.is_ok(),
            Self::None { .. } => false,
        }
    }

    /// Whether it gave up on the host. launchd never does.
    pub(crate) async fn has_failed(&self) -> bool {
        match self {
            Self::Systemd { .. } => self.tool(&["--user", "is-failed", "--quiet", UNIT], QUICK).await.is_ok(),
            Self::Launchd { .. } | Self::None { .. } => false,
        }
    }

    pub(crate) async fn start(&self) -> Result<()> {
        match self {
            Self::Systemd { .. } => self.tool(&["--user", "start", UNIT], QUICK).await,
            Self::Launchd { file } => self.tool(&["load", "-w", &file.display().to_string()], QUICK).await,
            Self::None { .. } => Ok(()),
        }
    }

    pub(crate) async fn stop(&self) -> Result<()> {
        match self {
            Self::Systemd { .. } => self.tool(&["--user", "stop", UNIT], SLOW).await,
            Self::Launchd { file } => self.tool(&["unload", &file.display().to_string()], SLOW).await,
            Self::None { .. } => Ok(()),
        }
    }
}

/// Prints what `install` would write. Without a manager to ask, the whole.
pub(crate) async fn print(home: &Home, plain: bool, out: &Out) -> Result<()> {
    let (name, text) = if cfg!(target_os = "macos") {
        let program = std::env::current_exe().context("the path of this program")?;
        (format!("{LABEL}.plist"), plist(&program, home.root(), &home.log()))
    } else {
        let asked = matches!(Manager::find(home).await, Manager::Systemd { .. });
        (UNIT.to_owned(), unit(home, !plain && (!asked || namespaces_work().await))?)
    };
    out.both(text.trim_end(), &json!({ "name": name, "text": text }));
    Ok(())
}

/// Writes the service file and enables it.
pub(crate) async fn install(home: &Home, manager: &Manager, plain: bool, out: &Out) -> Result<()> {
    let (file, text) = match manager {
        Manager::Systemd { file } => (file, unit(home, !plain && namespaces_work().await)?),
        Manager::Launchd { file } => {
            let program = std::env::current_exe().context("the path of this program")?;
            (file, plist(&program, home.root(), &home.log()))
        }
        Manager::None { why } => {
            let text = format!("{why}; `skynet daemon start` runs the host without one");
            return Err(fail(Kind::Refused, text));
        }
    };
    let folder = file.parent().context("the service folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let changed = std::fs::read_to_string(file).ok().as_deref() != Some(&text);
    if changed {
        home::write_file(file, text.as_bytes(), 0o644)?;
    }
    if let Manager::Systemd { .. } = manager {
        manager.tool(&["--user", "daemon-reload"], QUICK).await?;
        manager.tool(&["--user", "enable", UNIT], QUICK).await?;
    }
    out.both(
        &format!("{} is {}", file.display(), if changed { "written" } else { "as it should be" }),
        &json!({ "file": file, "changed": changed }),
    );
    Ok(())
}

/// The installed unit, if it is not what `install` would write now, after an upgrade or a new root say.
pub(crate) async fn outdated(home: &Home) -> Option<PathBuf> {
    let Manager::Systemd { file } = Manager::find(home).await else { return None };
    let installed = std::fs::read_to_string(&file).ok()?;
    let fits = |namespaces| unit(home, namespaces).is_ok_and(|text| text == installed);
    (!fits(true) && !fits(false)).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_file_of_another_folder_is_not_taken_for_this_ones() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("skynet.service");
        let own = unit::setting(Path::new("/home/a"));
        assert!(!is_anothers(&file, &own), "there is none yet");
        for (home, anothers) in [("/home/a", false), ("/home/a/b", true), ("/home", true)] {
            let unit = Unit { program: Path::new("/skynet"), home: Path::new(home), writes: &[], credential: None, namespaces: false };
            std::fs::write(&file, unit.text()).unwrap();
            assert_eq!(is_anothers(&file, &own), anothers, "{home}");
        }
        std::fs::write(&file, plist(Path::new("/skynet"), Path::new("/home/a"), Path::new("/log"))).unwrap();
        assert!(!is_anothers(&file, &home_in_plist(Path::new("/home/a"))) && is_anothers(&file, &home_in_plist(Path::new("/home"))));
    }

    #[test]
    fn paths_with_markup_survive_in_the_plist() {
        let text = plist(Path::new("/a&b"), Path::new("/<c>"), Path::new("/log"));
        assert!(text.contains("<string>/a&amp;b</string>") && text.contains("<string>/&lt;c&gt;</string>"), "{text}");
    }
}
