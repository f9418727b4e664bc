//! What the host needs of the system around it, as paths that may be read.
//!
//! Libraries (the compiling child is this program again, and a name service may be
//! loaded late), names and addresses, trusted certificates, time zones, and what the
//! runtime asks about the machine. Owns the list; nothing of a user belongs on it,
//! and no folder of programs does.

use std::path::{Path, PathBuf};

/// Folders of libraries, as distributions have them. `/usr/lib` holds few programs.
const LIBRARIES: [&str; 9] =
    ["/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/nix/store", "/gnu/store"];

/// Trusted certificates, as distributions have them.
const CERTIFICATES: [&str; 10] = [
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls",
    "/etc/pki/ca-trust",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/pki",
    "/var/lib/ca-certificates",
];

/// Name services, time zones, the loader's cache.
const SETTINGS: [&str; 9] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/ld.so.cache",
];

/// What the C library, the runtime and the engine ask about the machine and this process.
const MACHINE: [&str; 11] = [
    "/usr/share/zoneinfo",
    "/usr/lib/zoneinfo",
    "/dev/urandom",
    "/dev/random",
    "/dev/zero",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/sys/vm",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
];

/// Variables by which an owner moves certificates or zones elsewhere, and the service
/// manager hands credentials in; several paths may stand in one.
const MOVED: [&str; 4] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "TZDIR", "CREDENTIALS_DIRECTORY"];

/// What may be read.
pub(super) fn readable() -> Vec<PathBuf> {
    let fixed = CERTIFICATES.iter().chain(&SETTINGS).chain(&MACHINE).map(PathBuf::from);
    let moved = MOVED.iter().filter_map(std::env::var_os).flat_map(|value| std::env::split_paths(&value).collect::<Vec<_>>());
    fixed.chain(moved).chain(resolver_folder(Path::new("/etc/resolv.conf"))).collect()
}

/// Folders whose files may be read by who knows their names. A changed setting is a
/// new file in the place of the old one, and a rule on the old one would not hold
/// for it: name lookups would end with the next network. What is secret there is
/// root's alone, so root gets the single files only, and a restart is due instead.
pub(super) fn files_by_name() -> Vec<PathBuf> {
    if rustix::process::geteuid().is_root() { Vec::new() } else { vec!["/etc".into()] }
}

/// What may be run: this very program, for the compiling child, and its loader.
pub(super) fn executable() -> Vec<PathBuf> {
    LIBRARIES.iter().map(PathBuf::from).chain([PathBuf::from("/proc/self/exe")]).collect()
}

/// Where a linked `resolv.conf` really is: whoever writes it there replaces it.
fn resolver_folder(resolv: &Path) -> Option<PathBuf> {
    let target = std::fs::canonicalize(resolv).ok().filter(|target| target != resolv)?;
    let folder = target.parent()?;
    // A link within /etc, or to somebody's home, opens no folder.
    folder.starts_with("/run").then(|| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_user_and_no_folder_of_programs_is_on_the_list() {
        let all: Vec<PathBuf> = readable().into_iter().chain(executable()).collect();
        for path in ["/", "/home", "/etc", "/usr", "/usr/bin", "/bin", "/sbin", "/tmp", "/var", "/proc", "/run", "/dev"] {
            assert!(!all.contains(&PathBuf::from(path)), "{path}");
        }
    }

    #[test]
    fn a_resolver_file_that_is_no_link_opens_no_folder() {
        assert_eq!(resolver_folder(Path::new("/proc/version")), None);
        assert_eq!(resolver_folder(Path::new("/no/such/file")), None);
    }
}
