//! The systemd user unit: how the host is started, and what it may not do.
//!
//! The unit repeats from outside what the host's own wall does from inside, so that
//! a host that never got to raise its wall is confined too. Owns every line of it.
//! A user's manager has no rights of its own: what needs a user namespace or takes
//! capabilities away fails there on many systems, and a failing line keeps the host
//! from starting. Those lines are a part of their own, left out where a probe fails.

use crate::vault::material::CREDENTIAL;
use std::path::{Path, PathBuf};

/// What a unit is made of.
pub(crate) struct Unit<'a> {
    pub(crate) program: &'a Path,
    pub(crate) home: &'a Path,
    /// Folders that the host changes; all else is read-only.
    pub(crate) writes: &'a [PathBuf],
    /// A sealed credential, which systemd opens for the service and for nobody else.
    pub(crate) credential: Option<&'a Path>,
    /// Whether this user's manager can make namespaces.
    pub(crate) namespaces: bool,
}

/// Holds everywhere. Each line is a door that the host does not use.
const EVERYWHERE: &str = "\
# Whom it can become, and what it can start.
NoNewPrivileges=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
LimitCORE=0
# MemoryDenyWriteExecute stays off: plugins become machine code while the host runs,
# and the engine writes that code before it makes it executable.
# The system. The host confines itself further, which takes the four calls by name.
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp
SystemCallFilter=~@clock @cpu-emulation @debug @module @mount @obsolete @privileged @raw-io @reboot @resources @swap
SystemCallErrorNumber=EPERM
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
PrivateMounts=yes
DevicePolicy=closed
# Files. Where the manager cannot mount, systemd passes over these; the host's landlock holds all the same.
ProtectSystem=strict
ProtectHome=read-only
# A session keyring of its own, with the user's linked in before any user namespace is made:
# that is where `skynet secret slot add keyring` puts what opens the vault.
KeyringMode=shared
";

/// Holds where the user's manager may make a user namespace.
const IN_A_NAMESPACE: &str = "\
# A user namespace, in which it has no capability and sees no device.
PrivateUsers=yes
CapabilityBoundingSet=
PrivateDevices=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectClock=yes
";

/// Settings by which `systemd-run` tries whether that part works: one of each kind.
pub(crate) const PROBE: [&str; 4] = ["PrivateUsers=yes", "CapabilityBoundingSet=", "PrivateDevices=yes", "ProtectSystem=strict"];

impl Unit<'_> {
    pub(crate) fn text(&self) -> String {
        let (home, program) = (setting(self.home), quoted(self.program));
        let writes: String = self.writes.iter().map(|path| format!("ReadWritePaths=\"-{}\"\n", quoted(path))).collect();
        // A folder below would be hidden by it.
        let in_tmp = self.writes.iter().any(|path| path.starts_with("/tmp") || path.starts_with("/var/tmp"));
        let tmp = if in_tmp { "" } else { "PrivateTmp=yes\n" };
        let credential = self.credential.map(|path| format!("LoadCredentialEncrypted={CREDENTIAL}:{}\n", spaced(path))).unwrap_or_default();
        let namespaces = if self.namespaces { IN_A_NAMESPACE } else { "" };
        format!(
            "[Unit]\n\
             Description=SmartopolAI agent host\n\
             Documentation=man:systemd.service(5)\n\
             After=network-online.target\n\n\
             [Service]\n\
             Type=exec\n\
             {home}\n\
             ExecStart=\"{program}\" start\n\
             Restart=on-failure\n\
             RestartSec=2\n\
             TimeoutStopSec=90\n\
             KillMode=mixed\n\
             UMask=0077\n\
             {credential}{EVERYWHERE}{writes}{tmp}{namespaces}\n\
             [Install]\n\
             WantedBy=default.target\n"
        )
    }
}

/// The line by which a unit is known to be this folder's.
pub(super) fn setting(home: &Path) -> String {
    format!("Environment=\"SKYNET_HOME={}\"", quoted(home))
}

/// A path within quotation marks; `%` begins a placeholder of systemd's.
fn quoted(path: &Path) -> String {
    path.display().to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%")
}

/// A path where systemd takes no quotes: as it splits at none, only `%` is special.
fn spaced(path: &Path) -> String {
    path.display().to_string().replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(writes: &[&str], namespaces: bool) -> String {
        let writes: Vec<PathBuf> = writes.iter().map(PathBuf::from).collect();
        let credential = Some(Path::new("/home/100%/a b/vault.cred"));
        Unit { program: Path::new("/a b/sky\"net"), home: Path::new("/home/100%"), writes: &writes, credential, namespaces }.text()
    }

    #[test]
    fn paths_with_spaces_quotes_and_percents_survive() {
        let text = text(&["/home/100%", "/srv/my notes"], true);
        assert!(text.contains("ExecStart=\"/a b/sky\\\"net\" start\n"), "{text}");
        assert!(text.contains("SKYNET_HOME=/home/100%%\"\n"), "{text}");
        assert!(text.contains("\nLoadCredentialEncrypted=skynet-vault:/home/100%%/a b/vault.cred\n"), "{text}");
        assert!(text.contains("ReadWritePaths=\"-/home/100%%\"\nReadWritePaths=\"-/srv/my notes\"\n"), "{text}");
    }

    #[test]
    fn what_needs_a_namespace_is_left_out_where_there_is_none() {
        assert!(text(&["/h"], true).contains("\nCapabilityBoundingSet=\n"));
        let plain = text(&["/h"], false);
        for line in ["PrivateUsers", "CapabilityBoundingSet", "PrivateDevices", "ProtectClock", "ProtectKernelLogs", "ProtectKernelModules"]
        {
            assert!(!plain.contains(line), "{line}: {plain}");
        }
        assert!(plain.contains("\nProtectSystem=strict\n") && plain.contains("\nNoNewPrivileges=yes\n"));
    }

    #[test]
    fn code_of_plugins_can_be_made_executable_and_key_rings_be_read_before_the_wall() {
        let lines: Vec<String> = text(&["/h"], true).lines().map(str::to_owned).collect();
        assert!(!lines.iter().any(|line| line.starts_with("MemoryDenyWriteExecute")));
        assert!(!lines.iter().any(|line| line.contains("@keyring")));
        // In a user namespace the user's own keyrings are others; only what is linked in before is there.
        assert!(lines.iter().any(|line| line == "KeyringMode=shared"));
    }

    #[test]
    fn a_folder_in_tmp_stays_visible() {
        assert!(text(&["/h"], true).contains("PrivateTmp=yes"));
        assert!(!text(&["/h", "/var/tmp/x"], true).contains("PrivateTmp"));
    }
}
