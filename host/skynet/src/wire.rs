//! The single place where ports meet implementations.

use crate::clock::SystemClock;
use crate::compiler::ChildCompiler;
use crate::config_file;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::host_secrets::HostSecrets;
use crate::keys;
use crate::late::LateAgent;
use crate::market::RegistryMarket;
use crate::owner_token;
use crate::registry::said::Said;
use crate::registry::watch::Watch;
use crate::scripts::HostScripts;
use crate::scrubbed::ScrubbedAudit;
use crate::secrets_file;
use crate::terminals::HostTerminals;
use crate::vault::{self, Ask, Places};
use crate::workshop::HomeWorkshop;
use anyhow::{Context, Result};
use skynet_agent::prompt::Workspace;
use skynet_agent::{Agent, DeskParts, Planner, Ports, ProposalDesk, Scheduler, Settings};
use skynet_core::config::Config;
use skynet_core::neighbours::Neighbours;
use skynet_core::ports::{Audit, Clock};
use skynet_gateway::{Gateway, GatewayParts, Readiness};
use skynet_plugins::{Parts, PluginHost, Root, Runner, SystemResolver};
use skynet_policy::scrub::Known;
use skynet_store::Store;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A host, ready to run.
pub(crate) struct Wired {
    pub(crate) host: PluginHost,
    pub(crate) runner: Runner,
    pub(crate) agent: Agent,
    pub(crate) scheduler: Scheduler,
    pub(crate) desk: Arc<ProposalDesk>,
    pub(crate) gateway: Gateway,
    pub(crate) stopping: Arc<AtomicBool>,
    pub(crate) store: Arc<Store>,
    pub(crate) watch: Watch,
}

/// The commit that was built, as `setup.sh` says it. Other builds do not: they would have to be repeated for each commit.
const COMMIT: Option<&str> = option_env!("SKYNET_COMMIT");

/// Opens the store of this folder, with the key that signs its audit log. The key is made
/// for a log that nobody has signed; one that is lost is not replaced in silence.
pub(crate) async fn open_store(home: &Home) -> Result<Store> {
    let store = Store::open(&home.database(), Arc::new(SystemClock))?;
    let path = keys::path(home, keys::AUDIT)?;
    let key = match path.exists() {
        true => keys::read(&path)?,
        false if store.has_checkpoints().await? => {
            tracing::warn!("{} is gone: the audit log is no longer signed. Put it back from a backup", path.display());
            return Ok(store);
        }
        false => keys::create(&path)?,
    };
    Ok(store.with_audit_key(key))
}

/// Prompt files of the data folder.
pub(crate) fn workspace(home: &Home) -> Result<Workspace> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(home.root()).with_context(|| format!("{} cannot be read", home.root().display()))?;
    for entry in entries {
        let path = entry?.path();
        let is_prompt = path.extension().is_some_and(|kind| kind == "md") && path.is_file();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| is_prompt) else { continue };
        let bytes = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let text = String::from_utf8(bytes).map_err(|_| {
            let fault = format!("{} is not UTF-8 text, and prompt files are; save it as UTF-8, or give it another ending", path.display());
            fail(Kind::BadConfig, fault)
        })?;
        files.push((name.to_owned(), text));
    }
    Ok(Workspace::from_files(files))
}

pub(crate) fn roots(home: &Home, config: &Config) -> BTreeMap<String, Root> {
    let resolve = |path: &str| home.root().join(Path::new(path));
    config.roots.iter().map(|(name, root)| (name.clone(), Root { path: resolve(&root.path), writable: root.writable })).collect()
}

/// The secrets, from a vault that opens; what `secrets.toml` still holds goes into it first.
async fn secrets(home: &Home, store: &Store, known: &Known, places: Places) -> Result<Arc<HostSecrets>> {
    let (unlocked, _) = vault::ensure(store, &places, Ask::Terminal, "host").await?;
    if let Some(names) = secrets_file::import(home, store, &unlocked, "host").await? {
        tracing::info!("{}", secrets_file::told(&names));
    }
    HostSecrets::start(store.clone(), places, known.clone(), unlocked).await.map_err(vault::failed)
}

/// Builds everything. Nothing is served yet.
pub(crate) async fn wire(home: &Home, store: Store, known: Known, places: Places, scripts: HostScripts) -> Result<Wired> {
    let config = config_file::load(home)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    owner_token::settle(home, &store).await?;
    let secrets = secrets(home, &store, &known, places).await?;
    let audit: Arc<dyn Audit> = Arc::new(ScrubbedAudit { inner: Arc::new(store.clone()), known: known.clone() });
    let store = Arc::new(store);
    let trust_home = home.clone();
    let planner = Arc::new(Planner::new(store.clone(), Arc::clone(&clock), config.agent.time_zone.clone()));
    let late = Arc::new(LateAgent::default());
    crate::registry::mend_at_start(home).await;
    let workshop = Arc::new(HomeWorkshop::new(home.clone()));
    let market = Arc::new(RegistryMarket::new(home.clone(), store.clone()));
    let desk = Arc::new(ProposalDesk::new(DeskParts {
        proposals: store.clone(),
        plugins: store.clone(),
        audit: audit.clone(),
        clock: Arc::clone(&clock),
        workshop: workshop.clone(),
        market: market.clone(),
    }));
    let terminals = Arc::new(HostTerminals::beside(&scripts, known.clone()));
    // Read once now, so that bad trust data keeps the host from starting.
    keys::load_trust(home)?;
    let (host, runner) = PluginHost::start(Parts {
        inbox: home.plugins(),
        tools: home.tools(),
        private: home.private(),
        config: config.plugins.clone(),
        rates: config.rates.clone(),
        roots: roots(home, &config),
        settings: config.settings.clone(),
        ceiling: config_file::ceiling(&config)?,
        trust: Arc::new(move || keys::load_trust(&trust_home).map_err(|error| format!("{error:#}"))),
        advisories: Arc::new(Said::new(home)),
        state: store.clone(),
        audit: audit.clone(),
        secrets,
        known,
        clock: Arc::clone(&clock),
        neighbours: Neighbours {
            facts: store.clone(),
            articles: store.clone(),
            schedule: planner.clone(),
            sub_turns: late.clone(),
            outbox: late.clone(),
            scripts: Arc::new(scripts),
            propose: desk.clone(),
            terminals: terminals.clone(),
        },
        resolver: Arc::new(SystemResolver),
        compiler: Arc::new(ChildCompiler::new().context("the path of this program")?),
    })
    .await?;
    let ports = Ports {
        registry: Arc::new(host.clone()),
        memory: store.clone(),
        facts: store.clone(),
        audit: audit.clone(),
        clock: Arc::clone(&clock),
    };
    let agent = Agent::new(ports, Settings { agent: config.agent.clone(), prompt: Arc::new(workspace(home)?) });
    agent.recover().await?;
    late.arrived(agent.clone());
    workshop.arrived(host.clone());
    market.arrived(host.clone());
    let scheduler = Scheduler::new(agent.clone(), planner.clone(), Arc::new(host.clone()));
    let stopping = Arc::new(AtomicBool::new(false));
    let is_stopping = Arc::clone(&stopping);
    let gateway = Gateway::bind(GatewayParts {
        agent: agent.clone(),
        memory: store.clone(),
        facts: store.clone(),
        articles: store.clone(),
        access: store.clone(),
        admin: Arc::new(host.clone()),
        approvals: desk.clone(),
        console: terminals,
        schedule: planner.clone(),
        audit: audit.clone(),
        clock,
        config: config.gateway.clone(),
        rates: config.rates.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: COMMIT.filter(|commit| !commit.is_empty()).map(Into::into),
        ready: Arc::new(move || Readiness {
            starting: false,
            failing: if is_stopping.load(Ordering::Relaxed) { vec!["stopping".into()] } else { Vec::new() },
        }),
        state_dir: Some(home.root().display().to_string()),
    })
    .await?;
    let watch = Watch {
        home: home.clone(),
        config: config.registries.clone(),
        store: Arc::clone(&store),
        host: host.clone(),
        herald: gateway.herald(),
    };
    Ok(Wired { watch, host, runner, agent, scheduler, desk, gateway, stopping, store })
}
