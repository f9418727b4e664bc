//! Programs that are kept between calls: what they remember, how they end, and that nothing of them stays.

use super::ground::{Ground, MIB, grounds};
use crate::lifeline::{Lifeline, PATIENCE, TAKE};
use skynet_scripts::sandbox::{Confinement, Contract, Kept, Part, ScriptError};
use skynet_scripts::worker::End;
use std::time::Duration;

/// What a program that says nothing is given to say it; spent by tests of silence only.
const SILENCE: Duration = Duration::from_millis(50);

fn kept(ground: &Ground, text: &str) -> Confinement {
    let written = ground.script("sh", text);
    Confinement { contract: Contract::Kept, script: String::new(), options: vec!["main".into()], ..written }
}

async fn hears(kept: &mut Kept) -> String {
    String::from_utf8(kept.hear(PATIENCE).await.unwrap().expect("a line")).unwrap()
}

#[tokio::test]
async fn it_remembers_what_it_was_told_and_sees_what_a_script_sees() {
    for (machine, ground) in grounds() {
        let text = "n=0; while read -r line; do n=$((n+1)); echo \"$n $line\"; done";
        let mut kept = ground.launcher.keep(&kept(&ground, text), None).await.unwrap();
        for (number, word) in [(1, "one"), (2, "two words"), (3, "")] {
            kept.say(word.as_bytes(), PATIENCE).await.unwrap();
            assert_eq!(hears(&mut kept).await, format!("{number} {word}"), "{machine}");
        }
        assert!(kept.hear(SILENCE).await.unwrap().is_none() && kept.is_alive().await, "{machine}");
        drop(kept);

        let look = "cat file; echo; echo $(ls /home /root 2>&1 >/dev/null | wc -l) \"${SECRET-none}\" \"$GIVEN\"; cat";
        let mut asked = self::kept(&ground, look);
        asked.variables.insert("GIVEN".into(), "yes".into());
        let mut kept = ground.launcher.keep(&asked, None).await.unwrap();
        assert_eq!(hears(&mut kept).await, "text", "{machine}: it runs in the plugin's folder");
        assert!(hears(&mut kept).await.ends_with("none yes"), "{machine}");
    }
}

#[tokio::test]
async fn half_a_line_is_waited_for_and_one_without_end_is_not() {
    let Some(ground) = Ground::full() else { return };
    let halves = "printf half; read -r line; echo \" and $line\"; read -r line; head -c 3000000 /dev/zero | tr '\\0' x; cat";
    let mut kept = ground.launcher.keep(&kept(&ground, halves), None).await.unwrap();
    assert!(kept.hear(SILENCE).await.unwrap().is_none());
    kept.say(b"half", PATIENCE).await.unwrap();
    assert_eq!(hears(&mut kept).await, "half and half");
    kept.say(b"", PATIENCE).await.unwrap();
    let error = kept.hear(PATIENCE).await.unwrap_err();
    assert!(matches!(error, ScriptError::OutputTooLarge { max: MIB }), "{error}");
}

#[tokio::test]
async fn an_end_is_told_with_its_last_words_and_silence_about_it_is_not_life() {
    for (machine, ground) in grounds() {
        let mut kept = ground.launcher.keep(&kept(&ground, "read -r line; echo sorry >&2; exit 3"), None).await.unwrap();
        assert!(kept.is_alive().await);
        kept.say(b"", PATIENCE).await.unwrap();
        let error = kept.hear(PATIENCE).await.unwrap_err();
        assert!(matches!(&error, ScriptError::Failed { end: End::Code(3), stderr, .. } if stderr == "sorry\n"), "{machine}: {error}");
        assert!(!kept.is_alive().await && kept.hear(PATIENCE).await.is_err(), "{machine}");
    }
}

#[tokio::test]
async fn one_that_floods_its_complaints_is_heard_on() {
    let Some(ground) = Ground::full() else { return };
    let text = "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo done; cat";
    let mut kept = ground.launcher.keep(&kept(&ground, text), None).await.unwrap();
    assert_eq!(hears(&mut kept).await, "done");
}

#[tokio::test]
async fn one_that_reads_nothing_is_not_waited_for_without_end() {
    let Some(ground) = Ground::full() else { return };
    let mut kept = ground.launcher.keep(&kept(&ground, "sleep 1000"), None).await.unwrap();
    let error = kept.say(&vec![b'x'; 1_000_000], SILENCE).await.unwrap_err();
    assert!(matches!(error, ScriptError::Deadline { .. }), "{error}");
}

#[tokio::test]
async fn letting_go_kills_it_with_all_that_it_started() {
    for (machine, ground) in grounds() {
        let mut line = Lifeline::at(ground.at("shared").join("pipe"));
        let text = format!("set -- '{}'; {TAKE}(trap '' TERM HUP; setsid sleep 1000 & sleep 1000) & cat", line.path().display());
        let mut asked = kept(&ground, &text);
        asked.roots = ["shared".to_owned()].into();
        let kept = ground.launcher.keep(&asked, None).await.unwrap();
        line.is_up().await;
        assert!(kept.is_alive().await, "{machine}");
        drop(kept);
        line.is_dead().await;
    }
}

#[tokio::test]
async fn it_may_set_addresses_aside_and_not_use_them() {
    for (machine, ground) in grounds() {
        let text = "import mmap
def tries(what, size, protection):
    try:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=protection)
        print(what, 'ok', flush=True)
    except OSError as error:
        print(what, 'no', flush=True)
tries('aside', 10 << 30, 0)
tries('used', 2 << 30, mmap.PROT_READ | mmap.PROT_WRITE)
tries('far', 100 << 30, 0)
input()";
        let written = ground.script("python3", text);
        let asked = Confinement { contract: Contract::Kept, script: String::new(), options: vec!["main".into()], ..written };
        let mut kept = ground.launcher.keep(&asked, None).await.unwrap();
        for expected in ["aside ok", "used no", "far no"] {
            assert_eq!(hears(&mut kept).await, expected, "{machine}");
        }
    }
}

#[tokio::test]
async fn it_ends_when_its_time_is_over() {
    let Some(ground) = Ground::full() else { return };
    let mut asked = kept(&ground, "cat");
    asked.limits.wall = Duration::from_millis(10);
    let mut kept = ground.launcher.keep(&asked, None).await.unwrap();
    assert!(kept.hear(PATIENCE).await.is_err());
}

#[tokio::test]
async fn another_program_than_the_approved_one_is_not_started() {
    let Some(ground) = Ground::full() else { return };
    let refused = async |asked: &Confinement, part: Part, why: &str| {
        let mut kept = ground.launcher.keep(asked, None).await.unwrap();
        let error = kept.hear(PATIENCE).await.unwrap_err();
        let ScriptError::Refused(refusal) = &error else { panic!("{error}") };
        assert!(refusal.part == part && refusal.reason.contains(why), "{error}");
    };
    let mut asked = kept(&ground, "echo ran");
    asked.sha256 = Some("0".repeat(64));
    refused(&asked, Part::Program, "changed since").await;
    asked.sha256 = None;
    asked.program = ground.at("elsewhere/file").to_str().unwrap().into();
    refused(&asked, Part::Program, "is no program").await;
    asked.program = "/usr/bin/env".into();
    asked.options = vec!["sh".into(), "main".into()];
    let mut ran = ground.launcher.keep(&asked, None).await.unwrap();
    assert_eq!(hears(&mut ran).await, "ran");
    asked.limits.processes = 1_000_000;
    refused(&asked, Part::Request, "processes").await;
}

#[tokio::test]
async fn what_is_kept_is_not_run_to_its_end_nor_the_other_way_round() {
    let Some(ground) = Ground::full() else { return };
    assert!(matches!(ground.run(&kept(&ground, "cat")).await, Err(ScriptError::Refused(_))));
    assert!(matches!(ground.launcher.keep(&ground.script("sh", "cat"), None).await, Err(ScriptError::Refused(_))));
}
