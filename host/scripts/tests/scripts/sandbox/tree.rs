//! Whatever a script starts is dead when its call is over, however it ends and wherever it hides.

use super::ground::{Ground, grounds};
use crate::lifeline::{Lifeline, TAKE};
use skynet_scripts::sandbox::{Confinement, ScriptError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Time enough for a shell to come up on a loaded machine; spent by tests of the deadline only.
const SHORT: Duration = Duration::from_secs(2);

/// A script that holds a line, with what it does beside that.
fn holding(ground: &Ground, text: &str) -> (Confinement, Lifeline) {
    let path = ground.at("shared").join(format!("pipe-{}", std::fs::read_dir(ground.at("shared")).unwrap().count()));
    let line = Lifeline::at(path.clone());
    let mut script = ground.named(path.file_name().unwrap().to_str().unwrap(), "sh", &format!("set -- '{}'; {TAKE}{text}", path.display()));
    script.roots = ["shared".to_owned()].into();
    (script, line)
}

/// Those that want to stay: behind a signal, behind a second fork, in a session of their own.
const SURVIVORS: [&str; 4] = [
    "trap '' TERM INT HUP; while :; do :; done",
    "(trap '' TERM HUP; sleep 1000 & sleep 1000) & sleep 1000 & wait",
    "setsid sleep 1000 & setsid -f sleep 1000; nohup sleep 1000 >&2 & sleep 1000",
    "python3 -c 'import os, time
if os.fork() == 0:
    try: os.setsid()
    except OSError: pass
    if os.fork() == 0:
        os.closerange(0, 3)
        time.sleep(1000)
' & sleep 1000",
];

#[tokio::test]
async fn nothing_outlives_the_deadline() {
    let mut calls = tokio::task::JoinSet::new();
    for (machine, ground) in grounds() {
        let ground = Arc::new(ground);
        for text in SURVIVORS {
            let (mut script, mut line) = holding(&ground, text);
            let ground = Arc::clone(&ground);
            calls.spawn(async move {
                script.limits.wall = SHORT;
                let error = ground.run(&script).await.unwrap_err();
                assert!(matches!(error, ScriptError::Deadline { after: SHORT, .. }), "{machine}: {error}");
                line.is_up().await;
                line.is_dead().await;
                assert!(Arc::strong_count(&ground) > 1 || ground.is_swept(), "{machine}");
            });
        }
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
}

#[tokio::test]
async fn nothing_outlives_the_script_and_holds_its_answer_up() {
    for (machine, ground) in grounds() {
        for text in ["sleep 1000 & echo done", "(setsid sleep 1000 || sleep 1000) & echo done", "nohup sh -c 'sleep 1000' & echo done"] {
            let (script, mut line) = holding(&ground, text);
            assert_eq!(ground.prints(&script).await, "done\n", "{machine}");
            line.is_up().await;
            line.is_dead().await;
        }
        assert!(ground.is_swept(), "{machine}");
    }
}

#[tokio::test]
async fn nothing_outlives_a_caller_that_goes_away() {
    for (_, ground) in grounds() {
        let (script, mut line) = holding(&ground, "(setsid sleep 1000 || sleep 1000) & sleep 1000");
        {
            let call = ground.run(&script);
            tokio::select! {
                _ = call => panic!("it sleeps"),
                () = line.is_up() => {}
            }
        }
        line.is_dead().await;
    }
}

#[tokio::test]
async fn nothing_outlives_the_host() {
    for (_, ground) in grounds() {
        let (script, mut line) = holding(&ground, "sleep 1000 & wait");
        {
            let call = ground.launcher.run(&script, b"{}", None, mpsc::channel(1).0);
            tokio::select! {
                _ = call => panic!("it sleeps"),
                () = line.is_up() => {}
            }
        }
        drop(ground);
        line.is_dead().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_scripts_at_once_each_get_their_own_answer() {
    let Some(ground) = Ground::full().map(Arc::new) else { return };
    let script = ground.script("sh", "echo \"$SKYNET_INPUT\"; echo own > /scratch/file; cat /scratch/file");
    let runs: Vec<_> = (0..16)
        .map(|number| {
            let (ground, script) = (Arc::clone(&ground), script.clone());
            tokio::spawn(async move { ground.launcher.run(&script, number.to_string().as_bytes(), None, mpsc::channel(1).0).await })
        })
        .collect();
    for (number, run) in runs.into_iter().enumerate() {
        assert_eq!(run.await.unwrap().unwrap().result, format!("{number}\nown\n"));
    }
}
