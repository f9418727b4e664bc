//! Service managers: a systemd user unit, a launchd agent, or none.

use crate::exit::{Kind, fail};
use crate::home::{self, Home};
use crate::output::Out;
use crate::vault::material::CREDENTIAL;
use anyhow::{Context, Result};
use serde_json::json;
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

/// What a systemd user unit for this binary and folder says.
/// With a sealed credential, systemd opens it for the service and for nobody else.
pub(crate) fn unit(program: &Path, home: &Path, credential: Option<&Path>) -> String {
    let quote = |path: &Path| path.display().to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    format!(
        "[Unit]\n\
         Description=SmartopolAI agent host\n\
         Documentation=man:systemd.service(5)\n\
         After=network-online.target\n\n\
         [Service]\n\
         Type=exec\n\
         Environment=\"SKYNET_HOME={home}\"\n\
         ExecStart=\"{program}\" start\n\
         Restart=on-failure\n\
         RestartSec=2\n\
         TimeoutStopSec=90\n\
         UMask=0077\n\
         NoNewPrivileges=yes\n\
         LockPersonality=yes\n\
         RestrictRealtime=yes\n\
         RestrictSUIDSGID=yes\n\
         SystemCallArchitectures=native\n\
         {credential}\n\
         [Install]\n\
         WantedBy=default.target\n",
        home = quote(home),
        program = quote(program),
        credential = credential.map(|path| format!("LoadCredentialEncrypted={CREDENTIAL}:{}\n", spaced(path))).unwrap_or_default(),
    )
}

/// A path where systemd takes no quotes: as it splits at none, only `%` is special.
fn spaced(path: &Path) -> String {
    path.display().to_string().replace('%', "%%")
}

/// The sealed credential of this folder, if there is one.
fn credential(home: &Home) -> Option<PathBuf> {
    Some(home.credential()).filter(|path| path.is_file())
}

/// What a launchd agent for this binary and folder says.
pub(crate) fn plist(program: &Path, home: &Path, log: &Path) -> String {
    let escape = |path: &Path| path.display().to_string().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\"><dict>\n\
         <key>Label</key><string>{LABEL}</string>\n\
         <key>ProgramArguments</key><array><string>{program}</string><string>start</string></array>\n\
         <key>EnvironmentVariables</key><dict><key>SKYNET_HOME</key><string>{home}</string></dict>\n\
         <key>RunAtLoad</key><true/>\n\
         <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>\n\
         <key>ExitTimeOut</key><integer>90</integer>\n\
         <key>StandardErrorPath</key><string>{log}</string>\n\
         <key>Umask</key><integer>63</integer>\n\
         </dict></plist>\n",
        program = escape(program),
        home = escape(home),
        log = escape(log),
    )
}

fn config_folder() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    std::env::var_os("XDG_CONFIG_HOME").filter(|path| !path.is_empty()).map(PathBuf::from).or_else(home)
}

impl Manager {
    /// Looks once. `SKYNET_NO_SERVICE=1` says that there is none.
    pub(crate) async fn find(_: &Home) -> Self {
        if std::env::var_os("SKYNET_NO_SERVICE").is_some() {
            return Self::None { why: "SKYNET_NO_SERVICE is set".into() };
        }
        if cfg!(target_os = "macos") {
            let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
            return Self::Launchd { file: home.join("Library/LaunchAgents").join(format!("{LABEL}.plist")) };
        }
        let Some(folder) = config_folder() else { return Self::None { why: "HOME is not set".into() } };
        match run_tool("systemctl", &["--user", "show", "--property=Version"], QUICK).await {
            Ok(output) if output.code == 0 => Self::Systemd { file: folder.join("systemd/user").join(UNIT) },
            Ok(output) => Self::None { why: output.stderr.trim().lines().next().unwrap_or("no user session of systemd").to_owned() },
            Err(error) => Self::None { why: error.to_string() },
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

/// Prints what `install` would write on this system.
pub(crate) fn print(home: &Home, out: &Out) -> Result<()> {
    let program = std::env::current_exe().context("the path of this program")?;
    let (name, text) = if cfg!(target_os = "macos") {
        (format!("{LABEL}.plist"), plist(&program, home.root(), &home.log()))
    } else {
        (UNIT.to_owned(), unit(&program, home.root(), credential(home).as_deref()))
    };
    out.both(text.trim_end(), &json!({ "name": name, "text": text }));
    Ok(())
}

/// Writes the service file and enables it.
pub(crate) async fn install(home: &Home, manager: &Manager, out: &Out) -> Result<()> {
    let program = std::env::current_exe().context("the path of this program")?;
    let (file, text) = match manager {
        Manager::Systemd { file } => (file, unit(&program, home.root(), credential(home).as_deref())),
        Manager::Launchd { file } => (file, plist(&program, home.root(), &home.log())),
        Manager::None { why } => {
            let text = format!("this machine has no service manager for users ({why}); `skynet daemon start` runs the host without one");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_spaces_quotes_and_percents_survive_in_the_unit() {
        let text = unit(Path::new("/a b/sky\"net"), Path::new("/home/100%"), Some(Path::new("/home/100%/a b/vault.cred")));
        assert!(text.contains("\nLoadCredentialEncrypted=skynet-vault:/home/100%%/a b/vault.cred\n"), "{text}");
        assert!(!unit(Path::new("/a"), Path::new("/b"), None).contains("Credential"));
        assert!(text.contains("ExecStart=\"/a b/sky\\\"net\" start"), "{text}");
        assert!(text.contains("SKYNET_HOME=/home/100%%\""), "{text}");
    }

    #[test]
    fn paths_with_markup_survive_in_the_plist() {
        let text = plist(Path::new("/a&b"), Path::new("/<c>"), Path::new("/log"));
        assert!(text.contains("<string>/a&amp;b</string>") && text.contains("<string>/&lt;c&gt;</string>"), "{text}");
    }
}
