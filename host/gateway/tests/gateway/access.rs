//! Tokens, scopes, lock-outs and pages of other origins.

use crate::wire::{Hello, Socket, refused};
use crate::world::{OWNER, READER, World};
use serde_json::json;

#[tokio::test]
async fn a_wrong_token_is_refused_with_what_to_do() {
    let world = World::start().await;
    let (error, close) = refused(&world, Hello::new().token("wrong"), &[]).await;
    assert!(error["message"].as_str().unwrap().starts_with("unauthorized: gateway token mismatch ("), "{error}");
    assert!(close.starts_with("1008 unauthorized: gateway token mismatch"), "{close}");
    assert_eq!(
        error["details"],
        json!({
            "code": "AUTH_TOKEN_MISMATCH", "authReason": "token_mismatch", "canRetryWithDeviceToken": false,
            "recommendedNextStep": "update_auth_credentials",
        })
    );
    let (error, _) = refused(&world, Hello::device(1).token("wrong"), &[]).await;
    assert_eq!(error["details"]["recommendedNextStep"], "retry_with_device_token");
    let (error, _) = refused(&world, Hello::device(1).auth(json!({})), &[]).await;
    assert_eq!(error["details"]["code"], "AUTH_TOKEN_MISSING");
    let (error, _) = refused(&world, Hello::new().auth(json!({"password": "x"})), &[]).await;
    assert_eq!(error["details"]["code"], "AUTH_TOKEN_MISSING");
}

#[tokio::test]
async fn who_shows_nothing_at_all_is_asked_for_a_device() {
    let world = World::start().await;
    let (error, _) = refused(&world, Hello::new().auth(json!({})), &[]).await;
    assert_eq!(
        error,
        json!({"code": "NOT_PAIRED", "message": "device identity required", "details": {"code": "DEVICE_IDENTITY_REQUIRED"}})
    );
}

#[tokio::test]
async fn without_a_device_only_a_backend_on_this_machine_keeps_its_scopes() {
    let world = World::start().await;
    let (mut cli, hello) = world.connect(Hello::new().client("cli", "cli")).await;
    assert_eq!(hello["auth"]["scopes"], json!([]));
    assert_eq!(cli.call("health", json!({})).await["ok"], true);
    assert_eq!(cli.refused("status", json!({})).await, "INVALID_REQUEST missing scope: operator.read");
    let (_, hello) = world.connect(Hello::new()).await;
    assert_eq!(hello["auth"]["scopes"], json!(["operator.admin"]));
    let mut proxied = Socket::dial(world.address, "/", &[("x-forwarded-for", "127.0.0.1")]).await.unwrap();
    assert_eq!(proxied.hello(Hello::new()).await["payload"]["auth"]["scopes"], json!([]));
    let (error, _) = refused(&world, Hello::new().client("openclaw-control-ui", "webchat"), &[]).await;
    assert_eq!(error["details"]["code"], "CONTROL_UI_DEVICE_IDENTITY_REQUIRED");
}

#[tokio::test]
async fn a_token_gives_no_more_than_it_was_made_for() {
    let world = World::start().await;
    let (mut reader, hello) = world.connect(Hello::new().token(READER)).await;
    assert_eq!(hello["auth"]["scopes"], json!(["operator.read"]));
    reader.call("sessions.list", json!({})).await;
    let send = json!({"sessionKey": "main", "message": "hi", "idempotencyKey": "k"});
    assert_eq!(reader.refused("chat.send", send).await, "INVALID_REQUEST missing scope: operator.write");
    assert_eq!(reader.refused("sessions.delete", json!({"key": "x"})).await, "INVALID_REQUEST missing scope: operator.admin");
    assert_eq!(reader.refused("device.pair.list", json!({})).await, "INVALID_REQUEST missing scope: operator.pairing");
    assert_eq!(reader.refused("agent.model", json!({"set": "fake/two"})).await, "INVALID_REQUEST missing scope: operator.admin");
    let (_, hello) = world.connect(Hello::device(9).token(READER).scopes(&["operator.admin", "operator.write"])).await;
    assert_eq!(hello["auth"]["scopes"], json!(["operator.read"]));
}

#[tokio::test]
async fn write_covers_read_but_not_admin() {
    let world = World::start().await;
    let mut writer = world.scoped(&["operator.write"]).await;
    writer.call("sessions.list", json!({})).await;
    writer.call("chat.abort", json!({"sessionKey": "main"})).await;
    assert_eq!(writer.refused("plugins.list", json!({})).await, "INVALID_REQUEST missing scope: operator.admin");
    let inject = json!({"sessionKey": "main", "message": "x"});
    assert_eq!(writer.refused("chat.inject", inject).await, "INVALID_REQUEST missing scope: operator.admin");
    let send = json!({"sessionKey": "main", "message": "hi", "idempotencyKey": "k", "originatingChannel": "discord"});
    assert_eq!(writer.refused("chat.send", send).await, "INVALID_REQUEST missing scope: operator.admin");
}

#[tokio::test]
async fn who_guesses_at_the_machine_is_told_to_wait_and_the_owner_still_gets_in() {
    let world = World::start().await;
    for _ in 0..10 {
        let (error, _) = refused(&world, Hello::new().token("wrong"), &[]).await;
        assert_eq!(error["details"]["code"], "AUTH_TOKEN_MISMATCH");
    }
    let guess = async || {
        let (error, _) = refused(&world, Hello::new().token("wrong"), &[]).await;
        (error["details"]["code"].clone(), error["retryAfterMs"].clone())
    };
    assert_eq!(guess().await, (json!("AUTH_RATE_LIMITED"), json!(300_000)));
    world.owner().await;
    assert_eq!(guess().await.0, "AUTH_RATE_LIMITED", "the owner's success does not let others guess on");
    world.advance(300_001);
    assert_eq!(guess().await.0, "AUTH_TOKEN_MISMATCH");
}

#[tokio::test]
async fn a_stranger_that_keeps_failing_is_locked_out_for_a_while() {
    let world = World::with(|config| config.behind_tls_proxy = true).await;
    let from = |address: &'static str| [("x-forwarded-for", address)];
    for _ in 0..10 {
        let (error, _) = refused(&world, Hello::new().token("wrong"), &from("203.0.113.9")).await;
        assert_eq!(error["details"]["code"], "AUTH_TOKEN_MISMATCH");
    }
    let (error, _) = refused(&world, Hello::new().token(OWNER), &from("203.0.113.9")).await;
    assert_eq!(error["message"], "unauthorized: too many failed authentication attempts (retry later)");
    assert_eq!(error["details"], json!({"code": "AUTH_RATE_LIMITED", "recommendedNextStep": "wait_then_retry"}));
    assert_eq!(error["retryAfterMs"], 300_000);
    let mut other = Socket::dial(world.address, "/", &from("203.0.113.10")).await.unwrap();
    assert_eq!(other.hello(Hello::new()).await["ok"], true);
    world.advance(300_001);
    let mut again = Socket::dial(world.address, "/", &from("203.0.113.9")).await.unwrap();
    assert_eq!(again.hello(Hello::new()).await["ok"], true);
}

#[tokio::test]
async fn a_page_that_guesses_tokens_is_locked_out_by_its_origin() {
    let world = World::start().await;
    let page = [("origin", "http://localhost:5555")];
    for _ in 0..10 {
        refused(&world, Hello::new().token("wrong"), &page).await;
    }
    assert_eq!(refused(&world, Hello::new(), &page).await.0["details"]["code"], "AUTH_RATE_LIMITED");
    world.owner().await;
}

#[tokio::test]
async fn pages_of_other_origins_do_not_get_in() {
    let world = World::with(|config| config.allowed_origins = vec!["https://bot.example".into()]).await;
    for evil in ["https://evil.example", "null", "http://localhost.evil.example"] {
        let (error, close) = refused(&world, Hello::new(), &[("origin", evil)]).await;
        assert_eq!(error["details"]["code"], "CONTROL_UI_ORIGIN_NOT_ALLOWED", "{evil}");
        assert!(close.starts_with("1008 origin not allowed ("), "{close}");
    }
    for good in ["https://bot.example", "http://127.0.0.1:18789", "http://localhost"] {
        let mut page = Socket::dial(world.address, "/", &[("origin", good)]).await.unwrap();
        let answer = page.hello(Hello::device(5).client("openclaw-control-ui", "webchat")).await;
        assert_eq!(answer["ok"], true, "{good}: {answer}");
    }
}

#[tokio::test]
async fn a_foreign_host_name_gets_no_socket() {
    let world = World::start().await;
    let refused = Socket::dial(world.address, "/", &[("host", "evil.example")]).await.err().unwrap().to_string();
    assert!(refused.contains("403"), "{refused}");
}
