//! The checks, in the order in which a start would stumble over them.

use super::Finding;
use crate::client;
use crate::config_file;
use crate::home::Home;
use crate::keys;
use crate::limits::{ANSWER, LOW_DISK};
use crate::lock;
use crate::owner_token;
use crate::wire;
use serde_json::{Value, json};
use skynet_core::access::AccessStore;
use skynet_core::config::Config;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

pub(crate) async fn all(home: &Home) -> Vec<Finding> {
    if !home.config().is_file() {
        return vec![Finding::wrong("folder", format!("{} holds no skynet", home.root().display()), "skynet init")];
    }
    let mut findings = vec![folder(home), disk(home)];
    let config = match config_file::load(home) {
        Ok(config) => {
            findings.push(Finding::good("config", format!("{} is understood", home.config().display())));
            Some(config)
        }
        Err(error) => {
            findings.push(Finding::wrong("config", format!("{error:#}"), format!("edit {}", home.config().display())));
            None
        }
    };
    findings.push(trust(home));
    findings.extend(super::keys::own(home));
    findings.extend([token(home).await, database(home).await, audit(home).await]);
    findings.extend(super::secrets::all(home).await);
    if let Some(config) = &config {
        findings.extend(roots(home, config));
        findings.extend(host(home, config).await);
        if let Some(file) = crate::cli::daemon::service::outdated(home).await {
            let text = format!("{} is not what this version writes for these settings", file.display());
            findings.push(Finding::note("service", text, "skynet daemon install && skynet daemon restart"));
        }
    }
    findings
}

fn from_result<T>(check: &'static str, result: anyhow::Result<T>, good: impl FnOnce(T) -> String, remedy: &str) -> Finding {
    match result {
        Ok(value) => Finding::good(check, good(value)),
        Err(error) => Finding::wrong(check, format!("{error:#}"), remedy),
    }
}

fn folder(home: &Home) -> Finding {
    let root = home.root().display().to_string();
    from_result("folder", home.ensure(), |()| format!("{root} is private"), &format!("chmod 700 {root}"))
}

fn disk(home: &Home) -> Finding {
    match rustix::fs::statvfs(home.root()) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let text = format!("{} MiB free", free >> 20);
            if free < LOW_DISK {
                Finding::wrong("disk", text, "make room; writes will be refused, nothing is lost")
            } else {
                Finding::good("disk", text)
            }
        }
        Err(error) => Finding::note("disk", format!("free space is unknown: {error}"), "look with: df -h"),
    }
}

/// A file that others can read: nothing reads it before that is mended, and nothing else is wrong with it.
pub(super) fn open_to_others(check: &'static str, path: &Path) -> Option<Finding> {
    let mode = path.metadata().ok()?.permissions().mode() & 0o777;
    let wrong = || {
        Finding::wrong(check, format!("{} can be read by others (mode {mode:o})", path.display()), format!("chmod 600 {}", path.display()))
    };
    (mode & 0o077 != 0).then(wrong)
}

fn trust(home: &Home) -> Finding {
    if let Some(finding) = open_to_others("keys", &home.trust()) {
        return finding;
    }
    let good = |trust: skynet_policy::trust::TrustStore| {
        let live = trust.keys.iter().filter(|key| key.revoked.is_none()).count();
        let keys = if live == 1 { "key" } else { "keys" };
        format!("{live} trusted {keys}, {} revoked", trust.keys.len() - live)
    };
    from_result("keys", keys::load_trust(home), good, "restore trust.toml from a backup, or move it away and run: skynet init")
}

async fn token(home: &Home) -> Finding {
    if let Some(finding) = open_to_others("token", &home.token()) {
        return finding;
    }
    let look = async {
        let hash = skynet_gateway::token_hash(&owner_token::read(home)?);
        let store = wire::open_store(home).await?;
        anyhow::Ok((store.find_token(&hash).await?.is_some(), store.is_ended(&hash).await?))
    };
    match look.await {
        Ok((true, _)) => Finding::good("token", "the owner's token is known"),
        Ok((false, true)) => {
            Finding::wrong("token", "owner.token holds a token that was ended", "skynet token revoke owner writes a new one")
        }
        Ok((false, false)) => Finding::note("token", "the owner's token is new", "it counts after: skynet daemon restart"),
        Err(error) => {
            Finding::wrong("token", format!("{error:#}"), "skynet init makes a missing token, skynet token revoke owner a new one")
        }
    }
}

async fn database(home: &Home) -> Finding {
    let look = async {
        let store = wire::open_store(home).await?;
        Ok(store.check().await?)
    };
    from_result("database", look.await, |()| "it is whole".into(), "stop the host and restore skynet.db from a backup")
}

async fn audit(home: &Home) -> Finding {
    let store = match wire::open_store(home).await {
        Ok(store) => store,
        Err(error) => return Finding::wrong("audit", format!("{error:#}"), "see database"),
    };
    match store.verify_audit(Vec::new()).await {
        Ok(report) => {
            let parts = report.set_aside.len();
            let aside = if parts == 0 { String::new() } else { format!("; {parts} parts were set aside, see: skynet audit verify") };
            Finding::good("audit", format!("{} rows, {} signed checkpoints, all of them hold{aside}", report.rows, report.checkpoints))
        }
        Err(fault) => Finding::wrong(
            "audit",
            fault.to_string(),
            "keep a copy of skynet.db before anything else, and look closer with: skynet audit verify; the way on is: skynet audit set-aside",
        ),
    }
}

fn roots(home: &Home, config: &Config) -> Vec<Finding> {
    let missing = config.roots.iter().filter(|(_, root)| !home.root().join(&root.path).is_dir());
    let missing = missing.map(|(name, root)| {
        let path = home.root().join(&root.path);
        Finding::note("roots", format!("the folder of root `{name}` is missing; no plugin gets it"), format!("mkdir -p {}", path.display()))
    });
    let nested = crate::off_limits::nested(home, config).into_iter().map(|(inner, outer)| {
        Finding::note(
            "roots",
            format!(
                "root `{inner}`, which is not writable, lies in root `{outer}`, which is: who is granted `{outer}` to change it \
                 changes `{inner}` too; a component that is granted both can change neither"
            ),
            format!("move one out of the other in skynet.toml, or say roots.{inner}.writable = true"),
        )
    });
    missing.chain(nested).collect()
}

async fn host(home: &Home, config: &Config) -> Vec<Finding> {
    let Some(pid) = lock::holder(home) else {
        let address = std::net::SocketAddr::new(config.gateway.bind, config.gateway.port);
        let wall = "no new privileges, landlock, seccomp, no core dumps: unknown, because no host runs";
        let wall = Finding::note("wall", wall, "skynet daemon start");
        let host = match std::net::TcpListener::bind(address) {
            Ok(_) => Finding::note("host", "it does not run", "skynet daemon start"),
            Err(error) => Finding::wrong(
                "host",
                format!("it does not run, and {address} cannot be used: {error}"),
                "end what listens there, or: skynet config set gateway.port 18790",
            ),
        };
        return vec![host, wall];
    };
    let mut findings = vec![Finding::good("host", format!("it runs, process {pid}"))];
    findings.extend(super::wall::findings(home, config, pid));
    match client::call(home, "plugins.list", json!({}), ANSWER).await {
        Ok(answer) => findings.extend(plugins(&answer["plugins"])),
        Err(error) => findings.push(Finding::wrong("gateway", format!("{error:#}"), "skynet daemon restart")),
    }
    match client::call(home, "agent.model", json!({}), ANSWER).await {
        Ok(answer) if answer["model"].is_string() => findings.push(Finding::good("model", answer["model"].as_str().unwrap_or_default())),
        Ok(_) => findings.push(Finding::wrong(
            "model",
            "no model serves, so nobody can answer",
            "set a key with `skynet secret set`, or run ./setup.sh again; `skynet plugin list` shows which providers wait",
        )),
        Err(_) => {}
    }
    findings
}

fn plugins(list: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut serving = 0;
    for plugin in list.as_array().into_iter().flatten() {
        let name = plugin["name"].as_str().unwrap_or_default();
        let reason = plugin["reason"].as_str().unwrap_or_default();
        match plugin["state"].as_str() {
            Some("serving") => {
                serving += 1;
                if let Some(note) = plugin["note"].as_str() {
                    let remedy = "if you want this provider, do as it says; else leave it, or switch it off with: skynet plugin disable";
                    findings.push(Finding::note("plugins", format!("{name}: {note}"), format!("{remedy} {name}")));
                }
            }
            Some("pending") => {
                let verb = if plugin["trust"] == skynet_plugins::BY_OWNER { "approve" } else { "grant" };
                let what = match plugin["waiting"].as_str() {
                    Some(version) => format!("{name} serves; its version {version} waits for your word"),
                    None => format!("{name} waits for your word"),
                };
                serving += usize::from(plugin["waiting"].is_string());
                findings.push(Finding::note("plugins", what, format!("skynet plugin {verb} {name}")));
            }
            Some("disabled") => {}
            _ => findings.push(Finding::wrong("plugins", format!("{name}: {reason}"), "the reason says what to do")),
        }
    }
    findings.insert(0, Finding::good("plugins", format!("{serving} serve")));
    findings
}
