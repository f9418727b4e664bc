//! Limits of what is fetched and kept here, each with its reason.

use std::time::Duration;

/// Bytes of `root.json`: ten keys of each role take 8 KiB.
pub const ROOT_BYTES: u64 = 64 * 1024;

/// Bytes of `timestamp.json`: it names one file.
pub const TIMESTAMP_BYTES: u64 = 16 * 1024;

/// Bytes of a snapshot: it names the lists, and there is one.
pub const SNAPSHOT_BYTES: u64 = 64 * 1024;

/// Bytes of the list of targets: about 20 000 releases at 800 bytes for their two documents.
pub const TARGETS_BYTES: u64 = 16 * 1024 * 1024;

/// Roots that are followed in one go: with a change each month, twenty years.
pub const ROOT_UPDATES: u64 = 256;

/// Bytes of one component, whatever its release says: as much as can be granted.
pub const BLOB_BYTES: u64 = skynet_policy::limits::COMPONENT_BYTES;

/// Bytes of a lockfile: thousands of plugins.
pub const LOCK_BYTES: u64 = 4 * 1024 * 1024;

/// Bytes of the file that names the registries: a person writes it.
pub const REGISTRIES_BYTES: u64 = 256 * 1024;

/// Registries of one machine. Each is asked at each check.
pub const REGISTRIES: usize = 32;

/// Redirects that are followed for one file: one to a mirror's folder, one to spare.
pub const REDIRECTS: usize = 3;

/// How long a server may say nothing.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a server may keep one waiting before it is looked at how much came: a line that stumbles has time to recover.
pub const SPEED_WINDOW: Duration = Duration::from_secs(60);

/// Bytes that must have come in that time, 1 KiB a second: a modem brings seven times that, and at less the largest component
/// would take a week.
pub const SPEED_BYTES: u64 = 60 * 1024;

/// How long one document may take: the largest has 16 MiB.
pub const DOCUMENT_TIMEOUT: Duration = Duration::from_secs(300);

/// How long one component may take; 512 MiB over a slow line, and what came is kept.
pub const BLOB_TIMEOUT: Duration = Duration::from_secs(4 * 3600);

/// Attempts at one component that breaks off while it makes progress.
pub const ATTEMPTS: usize = 5;

/// Bytes that are written between two flushes of an unfinished component: what a power
/// cut costs at most.
pub const FLUSH_BYTES: u64 = 16 * 1024 * 1024;

/// Bytes of an offline bundle: some hundred plugins.
pub const BUNDLE_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Files in an offline bundle. Its table is held in memory.
pub const BUNDLE_FILES: usize = 20_000;

/// Days by which a bundle's dates may be over, at most, when the owner accepts that.
pub const STALE_DAYS: u32 = 366;

/// Releases of a plugin to which one can go back. Their files are kept.
pub const FORMER_RELEASES: usize = 5;

/// How old a release must be before it is installed without a person: most bad releases
/// are found within three days.
pub const SETTLING: Duration = Duration::from_secs(72 * 3600);

/// Days before the end of a root at which people are told: its keys lie in drawers.
pub const ROOT_WARNING_DAYS: i64 = 30;

/// Files in a submission: a release of some plugins and what is to be read about them.
pub const SUBMISSION_FILES: usize = 64;

/// Bytes of one plugin file in a submission: what the analysis looks at, and its signatures.
pub const SUBMISSION_BYTES: u64 = 33 * 1024 * 1024;

/// Bytes of one text in a submission: a person is to read it.
pub const SUBMISSION_TEXT_BYTES: u64 = 1024 * 1024;

/// Bytes of all that is read of a submission: three plugins of the largest size that is looked at, and texts.
pub const SUBMISSION_TOTAL_BYTES: u64 = 100 * 1024 * 1024;

/// Days for which a component that did not come whole is kept: a slow line gets it in several evenings.
pub const PART_DAYS: u64 = 7;

/// How soon a timestamp that was not renewed is tried again: whoever publishes just now is done by then.
pub const REFRESH_AGAIN: Duration = Duration::from_secs(60);

/// Connections that a server of a registry has at one time: a household's and a proxy's.
pub const SERVED_CONNECTIONS: usize = 256;

/// How long a client may take for the head of a request.
pub const SERVED_HEAD: Duration = Duration::from_secs(10);

/// How long one connection may last, so that slow readers give their place back.
pub const SERVED_TIMEOUT: Duration = Duration::from_secs(3600);

/// How long the server waits when the system has no connection for it, so that it does not spin.
pub const SERVED_BREATH: Duration = Duration::from_millis(50);

/// Bytes of the release section around a component: its two documents, names and lengths.
pub const SECTION_BYTES: u64 = (skynet_policy::limits::RELEASE_JSON_BYTES + skynet_policy::limits::SIGNATURES_JSON_BYTES + 64) as u64;

/// Bytes of an OCI manifest: one of a plugin has less than 2 KiB, and others' annotations may double that.
pub const OCI_MANIFEST_BYTES: u64 = 64 * 1024;

/// Bytes of a repository's name, as the distribution specification has it.
pub const OCI_NAME_BYTES: usize = 255;

/// Bytes of a token server's answer: tokens in use have some 4 KiB.
pub const OCI_TOKEN_BYTES: u64 = 64 * 1024;

/// Bytes of an error's explanation that are read; people get one line of it.
pub const OCI_ERROR_BYTES: u64 = 8 * 1024;
