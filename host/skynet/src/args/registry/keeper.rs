//! What the keeper of a registry types: made, published to, served, kept fresh.

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Verbs of a registry's keeper; they stand among those of `registry`.
#[derive(Debug, Subcommand)]
pub(crate) enum Keeper {
    /// Make a registry in a folder, with its keys in another.
    #[command(after_help = "Example: skynet registry init registry --keys registry-keys\n\
The root's and the targets' keys belong on a disk that is not always plugged in; the timer and the\n\
server need timestamp-1.key alone. Keys are written once and never again: keep a copy.")]
    Init(InitRegistry),
    /// Show how a registry stands: its fingerprint, what is listed, and until when it is good.
    Show {
        /// The registry's folder.
        folder: PathBuf,
        /// Write 1.root.json, which clients begin with, there.
        #[arg(long, value_name = "FILE")]
        root: Option<PathBuf>,
    },
    /// Serve a registry's folder over HTTP until Ctrl-C, and renew its timestamp by a timer.
    #[command(after_help = "Example: skynet registry serve registry --key-folder online\n\
Plain HTTP, which clients take from 127.0.0.1 and [::1] alone: for others put a proxy with TLS in front.\n\
Any web server that serves the folders metadata, targets and blobs does as well.")]
    Serve(ServeRegistry),
    /// List a packed and signed plugin file, after showing what will be listed.
    #[command(after_help = "Example: skynet registry publish registry hello-1.0.0.wasm --keys registry-keys")]
    Publish(Publish),
    /// Look through a whole registry: every signature, digest, component and chain of releases.
    Verify(VerifyRegistry),
    /// Copy a whole registry into a folder, checked; run again, it fetches what is new.
    Mirror(Mirror),
    /// Sign the timestamp anew, and what else is due and whose keys are there.
    Refresh {
        /// The registry's folder.
        folder: PathBuf,
        #[command(flatten)]
        keys: RoleKeys,
    },
    /// Renew the root: its date, and new keys for the roles that are named.
    #[command(after_help = "Example, new keys for the timer: skynet registry rotate registry --keys registry-keys \\\n  \
--replace timestamp --new-keys new-keys")]
    Rotate(Rotate),
    /// Say something about a release or a key: yanked, vulnerable, revoked.
    #[command(
        after_help = "Example: skynet registry advise registry revoked acme/hello@1.0.0 --reason \"it leaks\" --keys registry-keys\n\
yanked: not installed any more · vulnerable: with a warning · revoked: neither installed nor loaded"
    )]
    Advise(Advise),
    /// Take an advisory back that was wrong.
    Withdraw {
        /// The registry's folder.
        folder: PathBuf,
        /// The advisory, as `registry advisories` shows it.
        id: String,
        #[command(flatten)]
        keys: RoleKeys,
    },
    /// List what was said about releases and keys.
    Advisories {
        /// The registry's folder.
        folder: PathBuf,
    },
    /// Manage whose keys sign for a namespace.
    #[command(subcommand)]
    Publisher(Publisher),
}

/// Keys of a registry's roles.
#[derive(Debug, ClapArgs)]
pub(crate) struct RoleKeys {
    /// A folder with keys of the registry's roles; may be given more than once.
    #[arg(long = "keys", value_name = "FOLDER", required = true)]
    pub(crate) folders: Vec<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct InitRegistry {
    /// The new registry's folder.
    pub(crate) folder: PathBuf,
    /// Where its keys go; outside of the registry's folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) keys: PathBuf,
    /// Three keys for the root, of which two must sign, and two for the targets.
    #[arg(long)]
    pub(crate) public: bool,
    /// For how many days a timestamp is good; the timer renews it in time.
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=366))]
    pub(crate) timestamp_days: u32,
    /// For how many days the list of releases is good without a publication.
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub(crate) targets_days: u32,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServeRegistry {
    /// The registry's folder.
    pub(crate) folder: PathBuf,
    /// Where to listen; port 0 is any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:18795")]
    pub(crate) listen: SocketAddr,
    /// A folder with the timestamp's key; other keys in it are not read. Without it, the timestamp is not renewed.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) key_folder: Option<PathBuf>,
    /// Renew the timestamp each so often, such as 24h or 6h.
    #[arg(long, value_name = "TIME", default_value = "24h", requires = "key_folder")]
    pub(crate) every: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Publish {
    /// The registry's folder.
    pub(crate) folder: PathBuf,
    /// The packed and signed file.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) how: PublishHow,
    #[command(flatten)]
    pub(crate) keys: RoleKeys,
    /// Also push it to this OCI registry, once it is listed.
    #[arg(long, value_name = "oci://…")]
    pub(crate) oci: Option<String>,
    #[command(flatten)]
    pub(crate) account: OciAccount,
}

/// How to publish.
#[derive(Debug, ClapArgs)]
pub(crate) struct PublishHow {
    /// Show what would be listed and change nothing.
    #[arg(long, conflicts_with = "yes")]
    pub(crate) plan: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// List it although its name looks like another's.
    #[arg(long)]
    pub(crate) allow_similar: bool,
}

/// Whose word the first root is, and where its server may be.
#[derive(Debug, ClapArgs)]
pub(crate) struct Begin {
    /// A 1.root.json from the registry's keeper.
    #[arg(long, value_name = "FILE", conflicts_with = "fingerprint")]
    pub(crate) root: Option<PathBuf>,
    /// SHA-256 of its 1.root.json, from the registry's keeper.
    #[arg(long, value_name = "SHA256")]
    pub(crate) fingerprint: Option<String>,
    /// Its name may lead to this machine or the private network.
    #[arg(long)]
    pub(crate) private: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyRegistry {
    /// A folder, or https://…; http:// for a literal loopback address.
    pub(crate) place: String,
    #[command(flatten)]
    pub(crate) begin: Begin,
    /// A file with the certificate (PEM) of the authority that alone vouches for its server.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Mirror {
    /// A folder, or https://…; http:// for a literal loopback address.
    pub(crate) place: String,
    /// Where the copy goes. It remembers what it saw, so the root is named the first time only.
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) begin: Begin,
    /// A file with the certificate (PEM) of the authority that alone vouches for its server.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

/// A role of a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RegistryRole {
    /// Names all other keys.
    Root,
    /// Lists releases.
    Targets,
    /// Says which lists belong together.
    Snapshot,
    /// Says that they are the newest.
    Timestamp,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Rotate {
    /// The registry's folder.
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) keys: RoleKeys,
    /// A role that gets new keys; may be given more than once. Without any, the root gets a new date.
    #[arg(long, value_name = "ROLE")]
    pub(crate) replace: Vec<RegistryRole>,
    /// Where new keys go; a folder that is there or not.
    #[arg(long, value_name = "FOLDER", required_if_eq_any = [("replace", "root"), ("replace", "targets"), ("replace", "snapshot"), ("replace", "timestamp")])]
    pub(crate) new_keys: Option<PathBuf>,
}

/// How grave an advisory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AdviseKind {
    /// Not installed any more; what is there runs on.
    Yanked,
    /// Installed and run with a warning.
    Vulnerable,
    /// Neither installed nor loaded.
    Revoked,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Advise {
    /// The registry's folder.
    pub(crate) folder: PathBuf,
    /// How grave.
    pub(crate) kind: AdviseKind,
    /// A release as namespace/name@version, or the id of a publisher's key, with all that it signed.
    pub(crate) about: String,
    /// Why; one line, which every user reads.
    #[arg(long)]
    pub(crate) reason: String,
    /// The advisory's name; made of kind and release when absent. The same name again replaces it.
    #[arg(long)]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) keys: RoleKeys,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Publisher {
    /// For a publisher: write the record of a namespace, to be handed to the registry's keeper.
    #[command(after_help = "Example: skynet registry publisher new acme --contact mail@example.org --out acme.json")]
    New {
        /// The namespace.
        namespace: String,
        /// A key file that signs for it; may be given more than once. The dev key of this machine when absent.
        #[arg(long = "key", value_name = "FILE")]
        keys: Vec<PathBuf>,
        /// How many of them must sign a release.
        #[arg(long, default_value_t = 1)]
        threshold: u32,
        /// How to reach you; one line, which everybody can read.
        #[arg(long)]
        contact: Option<String>,
        /// Where to write the record.
        #[arg(long, short, value_name = "FILE")]
        out: PathBuf,
    },
    /// For a publisher: continue a record with other keys, signed by the old ones.
    Rekey {
        /// The record, as it is listed; changed in place.
        record: PathBuf,
        /// An old key file; may be given more than once.
        #[arg(long = "old", value_name = "FILE", required = true)]
        old: Vec<PathBuf>,
        /// A key file that signs from now on; may be given more than once.
        #[arg(long = "key", value_name = "FILE", required = true)]
        keys: Vec<PathBuf>,
        /// How many of them must sign a release.
        #[arg(long, default_value_t = 1)]
        threshold: u32,
        /// Id of an old key that was stolen: what it signed before counts no more.
        #[arg(long = "withdraw", value_name = "KEYID")]
        withdrawn: Vec<String>,
    },
    /// List a publisher's record, new or continued.
    Add {
        /// The registry's folder.
        folder: PathBuf,
        /// The publisher's record.
        record: PathBuf,
        /// Take a record that does not continue the one that is listed, or a name that looks like another.
        #[arg(long)]
        anew: bool,
        #[command(flatten)]
        keys: RoleKeys,
    },
    /// Show whose keys sign for which namespace; with a namespace, its record as it is listed.
    List {
        /// The registry's folder.
        folder: PathBuf,
        /// One namespace.
        namespace: Option<String>,
        /// Write its record there.
        #[arg(long, short, value_name = "FILE", requires = "namespace")]
        out: Option<PathBuf>,
    },
}

/// An account at an OCI registry.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct OciAccount {
    /// For oci://…: the account's name.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub(crate) user: Option<String>,
    /// For oci://…: a file that only you can read, with the account's password or token.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,
    /// For oci://…: a host that may see the password to give out a token, beside the server itself.
    #[arg(long, value_name = "HOST", requires = "user")]
    pub(crate) token_host: Option<String>,
    /// For oci://…: its name may lead to this machine or the private network.
    #[arg(long = "oci-private")]
    pub(crate) private: bool,
    /// For oci://…: a file with the certificate (PEM) of the authority that vouches for its server, and for those that it
    /// sends to: it alone does, and the system's do not.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PublishPlugin {
    /// The packed and signed file.
    pub(crate) file: PathBuf,
    /// A registry's folder, or oci://host/repository; its version is the tag where none is named.
    #[arg(long, value_name = "PLACE")]
    pub(crate) to: String,
    /// For a folder: keys of the registry's roles; may be given more than once.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) keys: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) how: PublishHow,
    /// For oci://…: move a tag that names something else.
    #[arg(long)]
    pub(crate) move_tag: bool,
    #[command(flatten)]
    pub(crate) account: OciAccount,
}
