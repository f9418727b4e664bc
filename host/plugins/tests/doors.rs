//! The doors to the host's own services, behaviour by behaviour: on whose behalf, how
//! much, how often, and what stays in the audit log.

use crate::powers::{denied, failing_files};
use crate::support::package::{Package, id};
use crate::support::{World, Worldly};
use crate::zoo::{Guest, zoo};
use serde_json::{Value, json};
use skynet_core::admin::PluginAdmin as _;
use skynet_core::articles::{Articles as _, NewArticle};
use skynet_core::facts::{Facts as _, NewFact};
use skynet_core::hook::Verdict;
use skynet_core::ports::Clock as _;
use skynet_core::schedule::Standing as _;
use skynet_core::{PluginError, ToolError, UserId};
use skynet_plugins::Root;
use std::collections::BTreeMap;

fn failed(outcome: Result<String, PluginError>) -> String {
    match outcome {
        Err(PluginError::Tool(ToolError::Failed(text))) => text,
        other => panic!("no failure: {other:?}"),
    }
}

async fn serving(body: &str, asks: Value) -> World {
    let world = World::start().await;
    world.drop_file("tool.wasm", &Package::new("tool", "1.0.0", &Guest::tool(body)).asking(asks).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    world
}

#[tokio::test]
async fn what_a_plugin_learns_is_marked_as_its_word_and_belongs_to_the_user_of_the_call() {
    let world = serving(zoo!("memory"), json!({"memory": "write"})).await;
    assert_eq!(world.call_with("tool", &json!("sgreen")).await.unwrap(), "absent");
    assert_eq!(world.call_with("tool", &json!("lgreen tea")).await.unwrap(), "said");
    assert_eq!(world.call_with("tool", &json!("sgreen")).await.unwrap(), "green tea");
    assert_eq!(world.sources().await, ["plugin:acme/tool"]);
    let row = &world.audited("memory", "ok").await[1];
    assert_eq!((row.subject.as_str(), &row.detail["action"], &row.detail["user"]), ("fact/green tea", &json!("learn"), &json!("owner")));
    assert_eq!(world.call_with("tool", &json!("fgreen tea")).await.unwrap(), "said");
    assert_eq!(world.call_with("tool", &json!("fgreen tea")).await.unwrap(), "absent");
}

#[tokio::test]
async fn what_a_plugin_forgot_is_in_no_file_once_its_call_is_answered() {
    let world = serving(zoo!("memory"), json!({"memory": "write"})).await;
    let (category, key, source) = ("fact".to_owned(), "cellar".to_owned(), "user".to_owned());
    let said = NewFact { category, key, value: "opens with quagmirezephyr".into(), confidence: 0.8, source, expires_ms: None };
    assert!(world.store.learn(&UserId::owner(), said).await.unwrap());
    assert!(files_holding(&world, "quagmirezephyr") > 0);
    assert_eq!(world.call_with("tool", &json!("fcellar")).await.unwrap(), "said");
    assert_eq!(files_holding(&world, "quagmirezephyr"), 0);
}

/// How many files of the data folder have this word in them.
fn files_holding(world: &World, word: &str) -> usize {
    let files = std::fs::read_dir(world.folder()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.filter(|path| std::fs::read(path).unwrap().windows(word.len()).any(|part| part == word.as_bytes())).count()
}

#[tokio::test]
async fn an_article_that_a_plugin_deleted_is_in_no_file_once_its_call_is_answered() {
    let world = serving(zoo!("knowledge"), json!({"memory": "write"})).await;
    let article =
        NewArticle { topic: "cellar".into(), content: "opens with quagmirezephyr".into(), tags: Vec::new(), source: "user".into() };
    world.store.write_article(article).await.unwrap();
    assert!(files_holding(&world, "quagmirezephyr") > 0);
    assert_eq!(world.call_with("tool", &json!("dcellar")).await.unwrap(), "said");
    assert_eq!(files_holding(&world, "quagmirezephyr"), 0);
}

#[tokio::test]
async fn a_plugin_is_never_as_sure_as_a_person() {
    let sure = zoo!("memory").replace("(f64.const 0.5)", "(f64.const 1.0)");
    let world = serving(&sure, json!({"memory": "write"})).await;
    let said = NewFact {
        category: "fact".into(),
        key: "tea".into(),
        value: "green".into(),
        confidence: 0.8,
        source: "user".into(),
        expires_ms: None,
    };
    assert!(world.store.learn(&UserId::owner(), said).await.unwrap());
    assert!(failed(world.call_with("tool", &json!("ltea")).await).contains("higher confidence"));
    assert_eq!(world.call_with("tool", &json!("lcoffee")).await.unwrap(), "said");
    let facts = world.store.facts(&UserId::owner(), 9).await.unwrap();
    let shown: Vec<(&str, f64)> = facts.iter().map(|fact| (fact.value.as_str(), fact.confidence)).collect();
    assert_eq!(shown, [("green", 0.8), ("coffee", 0.7)]);
}

#[tokio::test]
async fn a_plugin_does_not_give_instructions_in_a_persons_name() {
    let world = serving(zoo!("memory"), json!({"memory": "write"})).await;
    let denial = denied(world.call_with("tool", &json!("iobey me")).await);
    assert!(denial.why.contains("only a person may"), "{denial}");
    assert!(world.sources().await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_remembered_is_refused_with_the_rule() {
    let world = serving(zoo!("memory"), json!({"memory": "write"})).await;
    let long = failed(world.call_with("tool", &json!(format!("l{}", "x".repeat(200)))).await);
    assert!(long.contains("1 to 128 bytes"), "{long}");
    assert_eq!(world.audited("memory", "error").await.len(), 1);
    let query = failed(world.call_with("tool", &json!(format!("s{}", "x".repeat(2000)))).await);
    assert!(query.contains("at most 1024 bytes"), "{query}");
}

#[tokio::test]
async fn a_plugin_sees_and_removes_its_own_jobs_only() {
    let world = serving(zoo!("schedule"), json!({"schedule": true})).await;
    assert_eq!(world.call_with("tool", &json!("j")).await.unwrap(), "absent");
    assert_eq!(world.call_with("tool", &json!("atea")).await.unwrap(), "job-0");
    let own = world.neighbours().planned().remove(0);
    assert_eq!((own.plugin.clone(), own.user.0.as_str(), own.session.as_str()), (Some(id("tool")), "owner", "agent:main:main"));
    for (number, plugin) in [None, Some(id("other"))].into_iter().enumerate() {
        let job = skynet_core::schedule::Job { id: format!("theirs-{number}"), name: "theirs".into(), plugin, ..own.clone() };
        world.neighbours().plan(job);
        assert_eq!(world.call_with("tool", &json!(format!("rtheirs-{number}"))).await.unwrap(), "absent");
    }
    assert_eq!(world.call_with("tool", &json!("j")).await.unwrap(), "tea");
    assert_eq!(world.call_with("tool", &json!("rjob-0")).await.unwrap(), "said");
    assert_eq!(world.call_with("tool", &json!("j")).await.unwrap(), "absent", "though others' are there");
    let often = failed(world.call_with("tool", &json!("mtea")).await);
    assert!(often.contains("at most once a minute"), "{often}");
}

#[tokio::test]
async fn the_jobs_of_a_plugin_are_done_for_as_long_as_its_grant_holds() {
    let world = World::start().await;
    assert!(!world.host.may_plan(&id("tool")), "it is not there");
    world
        .drop_file("tool.wasm", &Package::new("tool", "1.0.0", &Guest::tool(zoo!("schedule"))).asking(json!({"schedule": true})).file())
        .await;
    assert!(!world.host.may_plan(&id("tool")), "it waits");
    let hour = world.clock.now_ms() + 3_600_000;
    world.host.grant_until(&id("tool"), None, Some(hour), "owner").await.unwrap();
    assert!(world.host.may_plan(&id("tool")));
    world.clock.advance(std::time::Duration::from_secs(3_600));
    assert!(!world.host.may_plan(&id("tool")), "its time is over");
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    assert!(world.host.may_plan(&id("tool")));
    world.host.revoke(&id("tool"), "owner").await.unwrap();
    assert!(!world.host.may_plan(&id("tool")), "it was taken back");
}

#[tokio::test]
async fn turns_of_the_agent_end_at_the_budget_of_the_call_and_begin_anew_in_the_next() {
    let world = serving(zoo!("agent"), json!({"agent": {"turns": 2}})).await;
    for _ in 0..2 {
        assert_eq!(world.call_with("tool", &json!("2hello")).await.unwrap(), "you said hello");
    }
    let denial = denied(world.call_with("tool", &json!("3hello")).await);
    assert!(denial.why.contains("more than 2 turns of the agent in one call"), "{denial}");
    assert_eq!(world.neighbours().heard().len(), 6);
    let deep = failed(world.call_with("tool", &json!("1deep")).await);
    assert!(deep.contains("nested 2 deep"), "{deep}");
}

#[tokio::test]
async fn messages_end_at_the_bound_of_a_call_and_at_the_minutes_of_a_plugin() {
    let world = serving(zoo!("messages"), json!({"messages": ["webchat"]})).await;
    let denial = denied(world.call_with("tool", &json!("w9hello")).await);
    assert!(denial.why.contains("8 messages"), "{denial}");
    for _ in 0..2 {
        assert_eq!(world.call_with("tool", &json!("w8hello")).await.unwrap(), "said");
    }
    let denial = denied(world.call_with("tool", &json!("w8hello")).await);
    assert!(denial.why.contains("used up their 30 messages in a minute") && denial.why.contains("there are more in"), "{denial}");
    assert_eq!(world.neighbours().heard().len(), 30);
    assert_eq!(world.neighbours().heard()[0], "acme/tool for owner: hello on webchat to main");
}

#[tokio::test]
async fn a_script_that_is_not_there_is_said_to_be_unknown() {
    let world = serving(zoo!("script"), json!({"script": ["gone"]})).await;
    assert!(failed(world.call_with("tool", &json!("gone")).await).contains("no script `gone`"));
    assert_eq!(world.audited("script", "error").await.len(), 1);
}

#[tokio::test]
async fn the_last_words_of_a_script_are_for_its_caller_and_not_for_the_log() {
    for (guest, row) in [(zoo!("script"), "it failed"), (zoo!("talk"), "it took too long")] {
        let world = serving(guest, json!({"script": ["fails"]})).await;
        assert!(failed(world.call_with("tool", &json!("fails")).await).contains("the owner's own words"));
        assert_eq!(world.audited("script", "error").await[0].detail["why"], json!(row));
    }
}

#[tokio::test]
async fn an_act_that_cannot_be_recorded_does_not_happen() {
    let world = serving(zoo!("messages"), json!({"messages": ["webchat"]})).await;
    world.fuse().refuse_rows();
    assert!(failed(world.call_with("tool", &json!("w1hello")).await).contains("could not record"));
    assert_eq!(world.neighbours().heard(), Vec::<String>::new());
}

#[tokio::test]
async fn a_storm_of_acts_ends_at_its_bound_and_so_do_its_rows() {
    let storm = zoo!("memory").replacen("(func $run ", "(func $once ", 1)
        + r#"(func $run (param $args i32) (param $len i32) (result i32)
            (local $left i32) (local $last i32)
            (local.set $left (i32.const 1000))
            (loop $again
              (local.set $last (call $once (local.get $args) (local.get $len)))
              (local.set $left (i32.sub (local.get $left) (i32.const 1)))
              (br_if $again (local.get $left)))
            (local.get $last))"#;
    let world = serving(&storm, json!({"memory": "read"})).await;
    let denial = denied(world.call_with("tool", &json!("stea")).await);
    assert!(denial.why.contains("256 such things"), "{denial}");
    assert_eq!((world.audited("memory", "ok").await.len(), world.audited("memory", "denied").await.len()), (256, 64));
}

#[tokio::test]
async fn a_path_that_leaves_its_folder_is_denied_by_name_when_the_tool_fails_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let roots = BTreeMap::from([("work".to_owned(), Root { path: folder.path().to_owned(), writable: true })]);
    let world = World::with(Worldly { roots, ..Worldly::default() }).await;
    let asks = json!({"fs": [{"root": "work", "access": "write"}]});
    world.drop_file("tool.wasm", &Package::new("tool", "1.0.0", &Guest::tool(&failing_files())).asking(asks).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    for path in ["../secret", "/etc/hostname"] {
        let denial = denied(world.call_with("tool", &json!(format!("r{path}"))).await);
        assert_eq!(denial.what, format!("fs.open {path}"));
    }
    assert_eq!(failed(world.call_with("tool", &json!("rnone")).await), "refused", "a file that is not there is no denial");
    assert_eq!(world.audited("fs", "denied").await.len(), 2);
}

#[tokio::test]
async fn a_hook_is_on_nobodys_behalf_and_finds_every_door_shut() {
    let world = World::start().await;
    let file = Package::new("tool", "1.0.0", &Guest::curious_hook()).asking(json!({"memory": "write"})).file();
    world.drop_file("tool.wasm", &file).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    let verdict = world.host.before(&id("tool"), "anything", &json!({})).await.unwrap();
    assert_eq!(verdict, Verdict::Block("denied: no call is under way on behalf of anybody".into()));
    assert_eq!((world.audited("memory", "denied").await.len(), world.audited("memory", "ok").await.len()), (1, 0));
}

#[tokio::test]
async fn a_storm_of_bad_prompts_ends_at_the_same_bound() {
    let storm = zoo!("agent").replacen("(br_if $again (local.get $left))", "", 1).replacen(
        "(return (call $refuse (i32.add (i32.const 2)",
        "(local.set $left (i32.add (local.get $left) (i32.const 1)))
          (br_if $again (i32.lt_s (local.get $left) (i32.const 1000)))
          (return (call $refuse (i32.add (i32.const 2)",
        1,
    );
    let world = serving(&storm, json!({"agent": {"turns": 2}})).await;
    // The prompt is empty.
    let denial = denied(world.call_with("tool", &json!("0")).await);
    assert!(denial.why.contains("a prompt has 1 to"), "{denial}");
    let rows = world.audited("agent", "denied").await.len() + world.audited("agent", "error").await.len();
    assert_eq!(rows, 64);
    assert!(world.neighbours().heard().is_empty());
}
