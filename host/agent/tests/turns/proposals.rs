//! The desk over a real store: what a yes leads to, what takes it back, and what a crash
//! between the yes and the installation leaves.

use async_trait::async_trait;
use serde_json::json;
use skynet_agent::{DeskParts, ProposalDesk};
use skynet_core::neighbours::Caller;
use skynet_core::ports::{Audit as _, CallContext, Clock, PluginChange, PluginStore as _, Progress, StoredGrant};
use skynet_core::proposals::*;
use skynet_core::{Generation, PluginId, PluginRef, SessionKey, TurnId, UserId};
use skynet_store::Store;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

struct HandClock(AtomicU64);

#[async_trait]
impl Clock for HandClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending().await
    }
}

/// Makes and offers everything, and does what it is told to about installing.
#[derive(Default)]
struct Bench {
    done: Mutex<Vec<String>>,
    fault: Mutex<Option<&'static str>>,
    changed: Mutex<Option<&'static str>>,
}

impl Bench {
    fn did(&self) -> String {
        self.done.lock().unwrap().join(" ")
    }
}

fn candidate(name: &str, kind: ProposalKind) -> Candidate {
    Candidate {
        kind,
        subject: PluginId::new(name).unwrap(),
        version: semver::Version::new(0, 1, 0),
        digest: "d".repeat(64),
        publisher: "key".into(),
        summary: "Does it.".into(),
        permissions: json!({"schedule": true}),
        request: "r".into(),
        asks: vec!["Plan work.".into()],
        tools: Vec::new(),
        findings: Vec::new(),
        trials: Vec::new(),
        replaces: None,
        source: None,
        registry: None,
    }
}

#[async_trait]
impl Supply for Bench {
    async fn check(&self, _: &Candidate) -> Result<(), String> {
        self.changed.lock().unwrap().map_or(Ok(()), |why| Err(why.into()))
    }

    async fn install(&self, candidate: &Candidate, by: &str) -> Result<(), String> {
        self.done.lock().unwrap().push(format!("{} for {by};", candidate.subject));
        self.fault.lock().unwrap().map_or(Ok(()), |why| Err(why.into()))
    }

    async fn forget(&self, candidate: &Candidate) {
        self.done.lock().unwrap().push(format!("forgot {};", candidate.subject));
    }
}

#[async_trait]
impl Workshop for Bench {
    async fn make(&self, draft: &Draft) -> Result<Candidate, String> {
        Ok(candidate(&format!("made/{}", draft.name), ProposalKind::Source))
    }
}

#[async_trait]
impl Market for Bench {
    async fn search(&self, _: &str, _: usize) -> Result<Vec<Found>, String> {
        Ok(Vec::new())
    }

    async fn plan(&self, id: &PluginId, _: Option<&semver::Version>) -> Result<Candidate, String> {
        Ok(candidate(id.as_str(), ProposalKind::Registry))
    }
}

struct Office {
    _folder: tempfile::TempDir,
    store: Store,
    clock: Arc<HandClock>,
    bench: Arc<Bench>,
    desk: ProposalDesk,
}

const BY: &str = "token owner";

impl Office {
    fn new() -> Self {
        let private = std::fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().permissions(private).tempdir().unwrap();
        let clock = Arc::new(HandClock(AtomicU64::new(1_000_000)));
        let store = Store::open(&folder.path().join("skynet.db"), clock.clone()).unwrap();
        let bench = Arc::new(Bench::default());
        let desk = Self::desk(&store, &clock, &bench);
        Self { _folder: folder, store, clock, bench, desk }
    }

    fn desk(store: &Store, clock: &Arc<HandClock>, bench: &Arc<Bench>) -> ProposalDesk {
        let store = Arc::new(store.clone());
        ProposalDesk::new(DeskParts {
            proposals: store.clone(),
            plugins: store.clone(),
            audit: store,
            clock: clock.clone(),
            workshop: bench.clone(),
            market: bench.clone(),
        })
    }

    async fn propose(&self) -> String {
        let manifest = json!({"name": "dice", "version": "0.1.0", "summary": "Rolls.", "trials": [{"tool": "roll", "arguments": {}}]});
        self.desk.propose_plugin(&caller(), "source".into(), &manifest.to_string()).await.unwrap().id
    }

    async fn code(&self, id: &str) -> String {
        self.desk.show(id, BY).await.unwrap().code.unwrap()
    }

    async fn granted(&self, id: &str) -> bool {
        self.store.grant(&PluginId::new(id).unwrap()).await.unwrap().is_some()
    }

    async fn state(&self, id: &str) -> ProposalState {
        self.store.proposal(id).await.unwrap().unwrap().state
    }

    /// `action verdict` of each row, oldest first.
    async fn rows(&self) -> Vec<String> {
        let mut rows = self.store.tail(100).await.unwrap();
        rows.reverse();
        rows.iter().map(|(_, _, row)| format!("{} {}", row.detail["action"].as_str().unwrap(), row.verdict)).collect()
    }
}

fn caller() -> Caller {
    let plugin = PluginRef { id: PluginId::new("acme/tool").unwrap(), version: semver::Version::new(1, 0, 0), generation: Generation(1) };
    let context = CallContext {
        turn: TurnId("t".into()),
        session: SessionKey::main(),
        user: UserId::owner(),
        time_zone: None,
        depth: 0,
        progress: Progress::default(),
    };
    Caller { plugin, context }
}

#[tokio::test]
async fn a_yes_grants_installs_and_leaves_a_row_for_each_step() {
    let office = Office::new();
    let heard = Arc::new(Mutex::new(0));
    let hears = heard.clone();
    office.desk.watch(Box::new(move |_| *hears.lock().unwrap() += 1));
    let id = office.propose().await;
    assert_eq!((office.granted("made/dice").await, office.bench.did().as_str()), (false, ""));
    assert_eq!(*heard.lock().unwrap(), 1);
    let code = office.code(&id).await;
    let done = office.desk.approve(&id, &code, BY).await.unwrap();
    assert_eq!((done.state, office.granted("made/dice").await), (ProposalState::Done, true));
    assert_eq!(office.bench.did(), "made/dice for token owner; forgot made/dice;");
    assert_eq!(office.rows().await, ["propose ok", "show ok", "approve ok", "install ok"]);
    assert!(office.desk.approve(&id, &code, BY).await.unwrap_err().to_string().contains("no longer waits"));
    assert_eq!(office.bench.did(), "made/dice for token owner; forgot made/dice;", "a second use does nothing");
}

#[tokio::test]
async fn an_installation_that_fails_takes_its_grant_back() {
    let office = Office::new();
    *office.bench.fault.lock().unwrap() = Some("the disk is full");
    let id = office.propose().await;
    let code = office.code(&id).await;
    let error = office.desk.approve(&id, &code, BY).await.unwrap_err().to_string();
    assert!(error.contains("the disk is full"), "{error}");
    assert_eq!((office.state(&id).await, office.granted("made/dice").await), (ProposalState::Failed, false));
    assert_eq!(office.rows().await.last().unwrap(), "install error");
}

fn grant(by: &str, asks: &str) -> StoredGrant {
    StoredGrant {
        plugin: PluginId::new("made/dice").unwrap(),
        publisher: "key".into(),
        request: asks.into(),
        permissions: json!({"schedule": true}),
        by: by.into(),
        at_ms: 1,
        expires_ms: None,
        kinds: Vec::new(),
    }
}

/// A proposal whose yes is stored, and nothing of what follows: the host died after that transaction.
async fn cut_off(office: &Office) -> String {
    let id = office.propose().await;
    let proposal = office.store.proposal(&id).await.unwrap().unwrap();
    office.store.set_code(&id, &proposal.candidate.digest, [1; 32], u64::MAX >> 1).await.unwrap();
    let row = office.store.tail(1).await.unwrap().remove(0).2;
    let steps = vec![PluginChange::Grant(grant(BY, "r"))];
    let decision = Decision { id: id.clone(), digest: proposal.candidate.digest, code: Some([1; 32]), steps, row };
    assert_eq!(office.store.decide(decision).await.unwrap(), Verdict::Taken);
    id
}

async fn change(office: &Office, step: PluginChange) {
    let row = skynet_core::ports::AuditRow {
        kind: "grant".into(),
        actor: "me".into(),
        subject: "made/dice".into(),
        verdict: "ok".into(),
        detail: json!({ "action": "grant" }),
    };
    office.store.change(vec![step], row).await.unwrap();
}

#[tokio::test]
async fn what_was_approved_before_a_crash_is_installed_at_the_next_start_or_given_up() {
    for (fault, state, granted) in [(None, ProposalState::Done, true), (Some("it is gone"), ProposalState::Failed, false)] {
        let office = Office::new();
        let id = cut_off(&office).await;
        *office.bench.fault.lock().unwrap() = fault;
        let restarted = Office::desk(&office.store, &office.clock, &office.bench);
        restarted.recover().await.unwrap();
        assert_eq!((office.state(&id).await, office.granted("made/dice").await), (state, granted));
        let did = office.bench.did();
        restarted.recover().await.unwrap();
        assert_eq!(office.bench.did(), did, "once");
    }
}

#[tokio::test]
async fn the_grant_of_the_earlier_version_stands_when_the_new_one_cannot_be_installed_after_a_crash() {
    let there = async |office: &Office| office.store.grant(&PluginId::new("made/dice").unwrap()).await.unwrap();
    let office = Office::new();
    change(&office, PluginChange::Grant(grant("me, last year", "narrow"))).await;
    let id = cut_off(&office).await;
    assert_eq!(there(&office).await, Some(grant(BY, "r")));
    *office.bench.fault.lock().unwrap() = Some("it does not serve");
    Office::desk(&office.store, &office.clock, &office.bench).recover().await.unwrap();
    assert_eq!(office.state(&id).await, ProposalState::Failed);
    assert_eq!(there(&office).await, Some(grant("me, last year", "narrow")), "as it was");

    // What its owner took meanwhile does not come back.
    let office = Office::new();
    change(&office, PluginChange::Grant(grant("me, last year", "narrow"))).await;
    cut_off(&office).await;
    change(&office, PluginChange::Revoke(PluginId::new("made/dice").unwrap())).await;
    *office.bench.fault.lock().unwrap() = Some("it does not serve");
    Office::desk(&office.store, &office.clock, &office.bench).recover().await.unwrap();
    assert_eq!(there(&office).await, None);

    // Nor is what the owner narrowed meanwhile wide again.
    let office = Office::new();
    change(&office, PluginChange::Grant(grant("me, last year", "wide"))).await;
    cut_off(&office).await;
    let narrow = StoredGrant { permissions: json!({}), ..grant("me, now", "r") };
    change(&office, PluginChange::Grant(narrow.clone())).await;
    *office.bench.fault.lock().unwrap() = Some("it does not serve");
    Office::desk(&office.store, &office.clock, &office.bench).recover().await.unwrap();
    assert_eq!(there(&office).await, Some(narrow));
}

#[tokio::test]
async fn what_is_not_what_was_proposed_is_not_even_decided() {
    let office = Office::new();
    let id = office.propose().await;
    let code = office.code(&id).await;
    *office.bench.changed.lock().unwrap() = Some("its release is another");
    let error = office.desk.approve(&id, &code, BY).await.unwrap_err().to_string();
    assert!(error.contains("as it was proposed"), "{error}");
    assert_eq!((office.state(&id).await, office.granted("made/dice").await), (ProposalState::Open, false));
    assert_eq!(office.rows().await.last().unwrap(), "approve denied");
}

#[tokio::test]
async fn a_code_of_another_proposal_an_old_one_and_one_after_its_time_approve_nothing() {
    let office = Office::new();
    let id = office.propose().await;
    let other = office.desk.propose_install(&caller(), "acme/weather", None).await.unwrap().id;
    let (mine, theirs) = (office.code(&id).await, office.code(&other).await);
    assert!(office.desk.approve(&id, &theirs, BY).await.is_err());
    office.clock.0.fetch_add(skynet_core::limits::CODE_MS, Ordering::SeqCst);
    assert!(office.desk.approve(&id, &mine, BY).await.unwrap_err().to_string().contains("its time is over"));
    office.clock.0.fetch_add(skynet_core::limits::PROPOSAL_MS, Ordering::SeqCst);
    let shown = office.desk.show(&id, BY).await.unwrap();
    assert_eq!((shown.code, shown.proposal.state), (None, ProposalState::Expired));
    assert_eq!(office.bench.did(), "");
}

#[tokio::test]
async fn a_plugin_of_a_registry_gets_its_grant_with_its_installation() {
    let office = Office::new();
    let id = office.desk.propose_install(&caller(), "acme/weather", None).await.unwrap().id;
    let code = office.code(&id).await;
    office.desk.approve(&id, &code, BY).await.unwrap();
    assert!(!office.granted("acme/weather").await, "that is what the installation does, in a row of its own");
    assert!(office.bench.did().starts_with("acme/weather for token owner;"));
}

#[tokio::test]
async fn a_no_forgets_what_was_kept_and_whoever_proposed_sees_it() {
    let office = Office::new();
    let id = office.propose().await;
    office.desk.refuse(&id, BY).await.unwrap();
    assert_eq!(office.bench.did(), "forgot made/dice;");
    let seen = office.desk.proposals_of(&caller()).await.unwrap();
    assert_eq!((seen.len(), seen[0].state), (1, ProposalState::Refused));
    let mut other = caller();
    other.context.user = UserId("somebody".into());
    assert!(office.desk.proposals_of(&other).await.unwrap().is_empty());
    assert!(office.desk.show("nobody", BY).await.is_err() && office.desk.refuse("nobody", BY).await.is_err());
}
