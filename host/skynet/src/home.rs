//! The data folder: `$SKYNET_HOME`, else `~/.skynet`. Private to its owner.

use crate::exit::{Kind, fail};
use anyhow::{Context, Result, bail};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Places in the data folder.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    root: PathBuf,
}

macro_rules! places {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        $($(#[$doc])* pub(crate) fn $name(&self) -> PathBuf { self.root.join($file) })*
    };
}

impl Home {
    /// The folder that the environment names. Need not exist.
    pub(crate) fn find() -> Result<Self> {
        if let Some(path) = std::env::var_os("SKYNET_HOME").filter(|path| !path.is_empty()) {
            let root = std::path::absolute(PathBuf::from(path)).context("SKYNET_HOME")?;
            return Ok(Self { root });
        }
        let Some(home) = std::env::var_os("HOME").filter(|path| !path.is_empty()) else {
            bail!("neither SKYNET_HOME nor HOME is set; set SKYNET_HOME to the folder where skynet keeps its data");
        };
        Ok(Self { root: PathBuf::from(home).join(".skynet") })
    }

    /// This very folder.
    pub(crate) fn at(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    places! {
        /// Settings, edited by the owner.
        config = "skynet.toml";
        /// Where secrets were kept before the vault.
        old_secrets = "secrets.toml";
        /// The vault's credential, sealed by systemd for this machine.
        credential = "vault.cred";
        /// The owner's token, 0600.
        token = "owner.token";
        /// Keys whose signatures count.
        trust = "trust.toml";
        /// The owner's own keys.
        keys = "keys";
        /// The drop folder.
        plugins = "plugins";
        /// The drop folder of script plugins.
        tools = "tools";
        /// Registries, what was seen of them, the lockfile and fetched plugins.
        registries = "registries";
        /// The engine that instant plugins are made of; `setup.sh` puts it there.
        js_runtime = "runtimes/js-runtime.wasm";
        /// The plugin host's own files.
        private = "private";
        /// Durable state.
        database = "skynet.db";
        /// Held while a host runs; holds its process id.
        lock = "skynet.lock";
        /// The log of a host that runs in the background.
        log = "skynet.log";
        /// What the running host says of its wall.
        wall = "wall.json";
        /// Chat history of the terminal.
        history = "chat.history";
        /// Files that the file tools may change.
        workspace = "workspace";
        /// Files that the file tools may read.
        notes = "notes";
    }

    /// What no plugin may be let into.
    pub(crate) fn off_limits(&self) -> [PathBuf; 14] {
        [
            self.config(),
            self.old_secrets(),
            self.credential(),
            self.token(),
            self.trust(),
            self.keys(),
            self.plugins(),
            self.tools(),
            self.registries(),
            self.root.join("runtimes"),
            self.private(),
            self.database(),
            self.wall(),
            self.lock(),
        ]
    }

    /// Makes the folder, or checks that nobody else can enter it.
    pub(crate) fn ensure(&self) -> Result<()> {
        private_folder(&self.root)
    }

    /// An error that says how to begin when there is nothing here.
    pub(crate) fn must_exist(&self) -> Result<()> {
        if !self.config().is_file() {
            // Not `not found`, which says that what a command names is not there, and not `the host does not run`: none could.
            return Err(fail(Kind::BadConfig, format!("{} holds no skynet; run: skynet init", self.root.display())));
        }
        private_folder(&self.root)
    }
}

/// Makes a folder that only its owner can enter, or checks that it is one.
pub(crate) fn private_folder(path: &Path) -> Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("{} cannot be made", path.display()))?;
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let fault = format!("{} can be entered by others (mode {mode:o}); run: chmod 700 {}", path.display(), path.display());
        return Err(fail(Kind::BadConfig, fault));
    }
    Ok(())
}

/// Writes a file with this mode so that a crash leaves the old or the new one.
pub(crate) fn write_file(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    use std::io::Write;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let put = || -> std::io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        // The name itself is lasting only once its folder is.
        std::fs::File::open(folder)?.sync_all()
    };
    put().map_err(|error| match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            let full = skynet_registry_client::disk::failed(path, error).needing(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            fail(Kind::NoRoom, full.to_string())
        }
        _ => anyhow::Error::from(error).context(format!("{} cannot be written", path.display())),
    })
}

/// Reads a file that nobody else may read.
pub(crate) fn read_private(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let fault = format!("{} can be read by others (mode {mode:o}); run: chmod 600 {}", path.display(), path.display());
        return Err(fail(Kind::BadConfig, fault));
    }
    Ok(text)
}
