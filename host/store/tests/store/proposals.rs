//! What waits for the owner is answered once, with the right code, in time, together with
//! its grant and its row; and across restarts.

use crate::scratch::{Scratch, key, plugin};
use serde_json::json;
use skynet_core::limits::{CODE_TRIES, PROPOSALS, PROPOSALS_OF_USER};
use skynet_core::ports::{Audit as _, AuditRow, PluginChange, PluginStore as _, StoredGrant};
use skynet_core::proposals::{
    Candidate, Decision, Proposal, ProposalFilter, ProposalKind, ProposalState, ProposalStore as _, Proposer, Verdict,
};
use skynet_core::{StoreError, UserId};
use skynet_store::Store;

const CODE: [u8; 32] = [7; 32];
const OTHER: [u8; 32] = [8; 32];

fn candidate(name: &str, digest: &str) -> Candidate {
    Candidate {
        kind: ProposalKind::Source,
        subject: plugin(name),
        version: semver::Version::new(0, 1, 0),
        digest: digest.into(),
        publisher: "key".into(),
        summary: "Does it.".into(),
        permissions: json!({"schedule": true}),
        request: "r".into(),
        asks: vec!["Plan work.".into()],
        tools: Vec::new(),
        findings: Vec::new(),
        trials: Vec::new(),
        replaces: None,
        source: Some("source".into()),
        registry: None,
    }
}

fn row(what: &str) -> AuditRow {
    AuditRow { kind: "proposal".into(), actor: "test".into(), subject: what.into(), verdict: "ok".into(), detail: json!({}) }
}

async fn try_add(store: &Store, user: &str, name: &str) -> Result<Proposal, StoreError> {
    let by = Proposer { user: UserId(user.into()), session: key("main"), plugin: plugin("acme/tool") };
    store.add_proposal(candidate(name, "d1"), by, 2000, row("add")).await.map(|(proposal, _)| proposal)
}

async fn add(store: &Store) -> String {
    try_add(store, "me", "made/dice").await.unwrap().id
}

fn grant() -> StoredGrant {
    let (plugin, publisher, request) = (plugin("made/dice"), "key".into(), "r".into());
    StoredGrant {
        plugin,
        publisher,
        request,
        permissions: json!({"schedule": true}),
        by: "me".into(),
        at_ms: 1,
        expires_ms: None,
        kinds: Vec::new(),
    }
}

fn yes(id: &str, code: [u8; 32]) -> Decision {
    let steps = vec![PluginChange::Grant(grant())];
    Decision { id: id.into(), digest: "d1".into(), code: Some(code), steps, row: row("approve") }
}

async fn rows(store: &Store, what: &str) -> usize {
    store.tail(1000).await.unwrap().iter().filter(|(_, _, row)| row.subject == what).count()
}

async fn state(store: &Store, id: &str) -> ProposalState {
    store.proposal(id).await.unwrap().unwrap().state
}

#[tokio::test]
async fn a_yes_with_the_right_code_is_one_step_with_its_grant_and_its_row() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let id = add(&store).await;
    assert_eq!(store.decide(yes(&id, CODE)).await.unwrap(), Verdict::NoCode, "nobody has looked at it");
    assert!(store.set_code(&id, "d1", CODE, 1500).await.unwrap());
    assert!(store.grant(&plugin("made/dice")).await.unwrap().is_none());
    assert_eq!(store.decide(yes(&id, CODE)).await.unwrap(), Verdict::Taken);
    assert_eq!(store.grant(&plugin("made/dice")).await.unwrap(), Some(grant()));
    assert_eq!((state(&store, &id).await, rows(&store, "approve").await), (ProposalState::Approved, 1));
    assert_eq!(store.decide(yes(&id, CODE)).await.unwrap(), Verdict::Closed(ProposalState::Approved), "a second use");
    assert!(store.end_proposal(&id, ProposalState::Done, "", Vec::new(), row("install")).await.unwrap());
    assert!(!store.end_proposal(&id, ProposalState::Failed, "", Vec::new(), row("again")).await.unwrap());
    assert_eq!((state(&store, &id).await, rows(&store, "again").await), (ProposalState::Done, 0));
}

#[tokio::test]
async fn what_is_not_exactly_right_changes_nothing() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let id = add(&store).await;
    assert!(!store.set_code(&id, "d2", CODE, 1500).await.unwrap(), "another digest has no code");
    store.set_code(&id, "d1", CODE, 1500).await.unwrap();
    assert_eq!(store.decide(Decision { digest: "d2".into(), ..yes(&id, CODE) }).await.unwrap(), Verdict::Changed);
    assert_eq!(store.decide(yes("nobody", CODE)).await.unwrap(), Verdict::Unknown);
    scratch.clock.set(1500);
    assert_eq!(store.decide(yes(&id, CODE)).await.unwrap(), Verdict::NoCode, "its time is over");
    store.set_code(&id, "d1", OTHER, 1900).await.unwrap();
    assert_eq!(store.decide(yes(&id, CODE)).await.unwrap(), Verdict::WrongCode(CODE_TRIES - 1), "an older code");
    scratch.clock.set(2000);
    assert_eq!(store.decide(yes(&id, OTHER)).await.unwrap(), Verdict::Closed(ProposalState::Expired));
    assert!(!store.set_code(&id, "d1", CODE, 3000).await.unwrap());
    assert_eq!((rows(&store, "approve").await, state(&store, &id).await), (0, ProposalState::Expired));
    assert!(store.grant(&plugin("made/dice")).await.unwrap().is_none());
}

#[tokio::test]
async fn wrong_codes_are_counted_over_restarts_and_new_codes_and_the_last_one_refuses() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    let id = add(&store).await;
    for left in (1..CODE_TRIES).rev() {
        store.set_code(&id, "d1", CODE, 1500).await.unwrap();
        assert_eq!(store.decide(yes(&id, OTHER)).await.unwrap(), Verdict::WrongCode(left));
        drop(store);
        store = scratch.open();
    }
    assert_eq!(store.decide(yes(&id, OTHER)).await.unwrap(), Verdict::LockedUp);
    assert_eq!(store.decide(yes(&id, CODE)).await.unwrap(), Verdict::Closed(ProposalState::Refused));
    assert!(store.grant(&plugin("made/dice")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_no_needs_no_code_and_is_final() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let id = add(&store).await;
    store.set_code(&id, "d1", CODE, 1500).await.unwrap();
    let no = Decision { code: None, steps: Vec::new(), row: row("refuse"), ..yes(&id, CODE) };
    assert_eq!(store.decide(no.clone()).await.unwrap(), Verdict::Taken);
    assert_eq!(store.decide(yes(&id, CODE)).await.unwrap(), Verdict::Closed(ProposalState::Refused));
    assert_eq!(store.decide(no).await.unwrap(), Verdict::Closed(ProposalState::Refused));
    assert_eq!(rows(&store, "refuse").await, 1);
}

#[tokio::test]
async fn a_newer_proposal_of_the_same_plugin_takes_the_place_of_the_older() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let first = add(&store).await;
    store.set_code(&first, "d1", CODE, 1500).await.unwrap();
    let second = add(&store).await;
    assert_ne!(first, second);
    assert_eq!(store.decide(yes(&first, CODE)).await.unwrap(), Verdict::Closed(ProposalState::Refused));
    let open = ProposalFilter { of: None, state: Some(ProposalState::Open) };
    let ids: Vec<String> = store.proposals(&open, 10).await.unwrap().into_iter().map(|proposal| proposal.id).collect();
    assert_eq!(ids, [second]);
}

#[tokio::test]
async fn more_than_a_person_looks_through_cannot_wait_and_what_is_over_is_not_counted() {
    let scratch = Scratch::new();
    let store = scratch.open();
    for at in 0..PROPOSALS_OF_USER {
        try_add(&store, "me", &format!("made/p{at}")).await.unwrap();
    }
    let before = rows(&store, "add").await;
    assert!(matches!(try_add(&store, "me", "made/more").await, Err(StoreError::Quota(_))));
    assert_eq!(rows(&store, "add").await, before, "what was not kept has no row");
    for at in PROPOSALS_OF_USER..PROPOSALS {
        try_add(&store, &format!("user{at}"), "made/p").await.unwrap();
    }
    assert!(matches!(try_add(&store, "late", "made/p").await, Err(StoreError::Quota(_))));
    scratch.clock.set(2000);
    let by = Proposer { user: UserId("me".into()), session: key("main"), plugin: plugin("acme/tool") };
    store.add_proposal(candidate("made/more", "d1"), by, 9000, row("add")).await.unwrap();
    let mine = ProposalFilter { of: Some((UserId("me".into()), plugin("acme/tool"))), state: Some(ProposalState::Open) };
    assert_eq!(store.proposals(&mine, 100).await.unwrap().len(), 1);
}
