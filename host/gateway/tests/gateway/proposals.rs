//! `proposals.*`: only owners reach it, the code stands in one answer, and owners hear of
//! each new proposal.

use crate::wire::Hello;
use crate::world::World;
use async_trait::async_trait;
use serde_json::json;
use skynet_core::proposals::{ApprovalError, Approvals, Candidate, Proposal, ProposalKind, ProposalState, Proposer, Shown};
use skynet_core::{PluginId, SessionKey, UserId};
use std::sync::Mutex;

type Hear = Box<dyn Fn(&Proposal) + Send + Sync>;

/// A desk with one proposal, `abc234`, whose code is `GOOD`.
#[derive(Default)]
pub(crate) struct FakeDesk {
    done: Mutex<Vec<String>>,
    heard: Mutex<Vec<Hear>>,
}

impl FakeDesk {
    fn propose(&self) {
        self.heard.lock().unwrap().iter().for_each(|hear| hear(&proposal()));
    }

    fn did(&self, what: String) {
        self.done.lock().unwrap().push(what);
    }
}

fn proposal() -> Proposal {
    let candidate = Candidate {
        kind: ProposalKind::Source,
        subject: PluginId::new("made/dice").unwrap(),
        version: semver::Version::new(0, 1, 0),
        digest: "d".repeat(64),
        publisher: "key".into(),
        summary: "Rolls dice.".into(),
        permissions: json!({}),
        request: String::new(),
        asks: vec!["Plan work.".into()],
        tools: vec!["roll: Rolls.".into()],
        findings: Vec::new(),
        trials: Vec::new(),
        replaces: None,
        source: Some("the source".into()),
        registry: None,
    };
    let by = Proposer { user: UserId::owner(), session: SessionKey::main(), plugin: PluginId::new("acme/tool").unwrap() };
    Proposal { id: "abc234".into(), candidate, by, created_ms: 1, expires_ms: 2, state: ProposalState::Open, why: String::new() }
}

#[async_trait]
impl Approvals for FakeDesk {
    async fn list(&self, open: bool) -> Result<Vec<Proposal>, ApprovalError> {
        self.did(format!("list {open}"));
        Ok(vec![proposal()])
    }

    async fn show(&self, id: &str, by: &str) -> Result<Shown, ApprovalError> {
        self.did(format!("show {id} {by}"));
        if id != "abc234" {
            return Err(ApprovalError::Unknown(id.into()));
        }
        Ok(Shown { proposal: proposal(), code: Some("GOOD".into()), until_ms: 5 })
    }

    async fn approve(&self, id: &str, code: &str, by: &str) -> Result<Proposal, ApprovalError> {
        self.did(format!("approve {id} {by}"));
        match code {
            "GOOD" => Ok(Proposal { state: ProposalState::Done, ..proposal() }),
            "FULL" => Err(ApprovalError::NotInstalled("the disk is full".into())),
            _ => Err(ApprovalError::Refused("this is not the code".into())),
        }
    }

    async fn refuse(&self, id: &str, by: &str) -> Result<Proposal, ApprovalError> {
        self.did(format!("refuse {id} {by}"));
        Ok(Proposal { state: ProposalState::Refused, ..proposal() })
    }

    fn watch(&self, hear: Hear) {
        self.heard.lock().unwrap().push(hear);
    }
}

#[tokio::test]
async fn an_owner_lists_looks_approves_and_refuses_under_a_name() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let list = owner.call("proposals.list", json!({})).await;
    assert_eq!(list["proposals"][0]["candidate"]["subject"], "made/dice");
    assert!(!list.to_string().contains("the source") && !list.to_string().contains("GOOD"), "{list}");
    let shown = owner.call("proposals.show", json!({"id": "abc234"})).await;
    assert_eq!((&shown["code"], &shown["codeUntilMs"]), (&json!("GOOD"), &json!(5)));
    assert_eq!(shown["proposal"]["candidate"]["source"], "the source");
    let done = owner.call("proposals.approve", json!({"id": "abc234", "code": "GOOD"})).await;
    assert_eq!(done["proposal"]["state"], "done");
    owner.call("proposals.refuse", json!({"id": "abc234"})).await;
    let by = "token owner";
    let done = world.desk.done.lock().unwrap().join("; ");
    assert_eq!(done, format!("list true; show abc234 {by}; approve abc234 {by}; refuse abc234 {by}"));
}

#[tokio::test]
async fn a_wrong_code_an_unknown_id_and_a_failed_installation_are_told_apart() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let approve = |code: &str| json!({"id": "abc234", "code": code});
    assert_eq!(owner.refused("proposals.approve", approve("BAD")).await, "INVALID_REQUEST this is not the code");
    assert!(owner.refused("proposals.approve", approve("FULL")).await.starts_with("UNAVAILABLE it was approved, and it could not"));
    assert!(owner.refused("proposals.show", json!({"id": "other"})).await.starts_with("NOT_FOUND there is no proposal other"));
    assert!(owner.refused("proposals.approve", json!({"id": "abc234"})).await.contains("required property 'code'"));
    assert!(owner.refused("proposals.show", json!({"id": "x".repeat(100)})).await.contains("six letters"));
}

#[tokio::test]
async fn nobody_without_the_owners_scope_gets_near_a_code() {
    let world = World::start().await;
    let scopes = ["operator.read", "operator.write", "operator.approvals", "operator.pairing"];
    let mut other = world.scoped(&scopes).await;
    for (method, params) in [
        ("list", json!({})),
        ("show", json!({"id": "abc234"})),
        ("approve", json!({"id": "abc234", "code": "GOOD"})),
        ("refuse", json!({"id": "abc234"})),
    ] {
        let refused = other.refused(&format!("proposals.{method}"), params).await;
        assert_eq!(refused, "INVALID_REQUEST missing scope: operator.admin", "{method}");
    }
    assert!(world.desk.done.lock().unwrap().is_empty());
}

#[tokio::test]
async fn owners_hear_of_a_new_proposal_without_its_source_and_others_do_not() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let (mut other, _) = world.connect(Hello::new().scopes(&["operator.read", "operator.write"])).await;
    world.desk.propose();
    let event = owner.event("proposal.created").await["payload"].clone();
    assert_eq!((&event["id"], &event["plugin"], &event["asks"][0]), (&json!("abc234"), &json!("made/dice"), &json!("Plan work.")));
    assert!(!event.to_string().contains("the source"));
    // What it asked after that is answered after that.
    other.call("ping", json!({})).await;
    assert!(other.kept().iter().all(|frame| frame["event"] != "proposal.created"));
}
