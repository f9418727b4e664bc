//! Shells that stay: real ones, on real terminals, in the cells of each kind of machine.

use super::ground::{Ground, MIB, grounds};
use crate::lifeline::{Lifeline, PATIENCE};
use skynet_scripts::limits::{SHELL_BUFFER, SHELLS, SHELLS_OF_ONE};
use skynet_scripts::sandbox::{Command, Part, ScriptError, ScriptLimits, Window};
use skynet_scripts::terminal::shell::{Said, Shell, ShellError, ShellSpec};
use skynet_scripts::terminal::shells::{Key, Shells};
use skynet_scripts::terminal::startup::Kind;
use skynet_scripts::worker::End;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

/// Long enough for a shell that sleeps to be seen running, and spent whole by each test that wants that.
const SHORT: Duration = Duration::from_millis(300);

fn spec(ground: &Ground, kind: Kind) -> ShellSpec {
    ShellSpec {
        kind,
        roots: BTreeMap::from([("shown".to_owned(), false), ("shared".to_owned(), true)]),
        links: BTreeMap::from([("shared".to_owned(), ground.at("shared"))]),
        folder: None,
        size: (80, 24),
        limits: ground.limits,
        idle: PATIENCE * 10,
        still: Arc::new(|| true),
    }
}

async fn shell(ground: &Ground, kind: Kind) -> Shell {
    Shell::start(&ground.launcher, spec(ground, kind)).await.unwrap()
}

async fn runs(shell: &Shell, command: &str) -> Said {
    let said = shell.run(command, PATIENCE).await.unwrap();
    assert!(!said.running && said.ended.is_none(), "{command}: {said:?}");
    said
}

/// What it says and its code.
async fn says(shell: &Shell, command: &str) -> (String, i32) {
    let said = runs(shell, command).await;
    assert_eq!(said.dropped, 0, "{command}");
    (said.text, said.exit_code.unwrap())
}

fn said(text: &str, code: i32) -> (String, i32) {
    (text.to_owned(), code)
}

/// Waits until the output has this in it.
async fn sees(shell: &Shell, words: &str) -> String {
    let mut all = String::new();
    tokio::time::timeout(PATIENCE, async {
        while !all.contains(words) {
            all.push_str(&shell.read(Duration::from_millis(20)).await.text);
            // Where nothing runs, reading waits for nobody.
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{words:?} never came: {all:?}"));
    all
}

#[tokio::test]
async fn a_command_gives_its_output_and_its_code_and_leaves_its_state() {
    for (machine, ground) in grounds() {
        for kind in [Kind::Bash, Kind::Sh] {
            let shell = shell(&ground, kind).await;
            assert_eq!(says(&shell, "echo hello").await, said("hello\n", 0), "{machine} {kind:?}");
            assert_eq!(says(&shell, "false").await, said("", 1), "{machine} {kind:?}");
            assert_eq!(says(&shell, "(exit 42)").await, said("", 42));
            assert_eq!(says(&shell, "x=5; cd /usr; greet() { echo \"hi $1\"; }").await, said("", 0));
            assert_eq!(says(&shell, "pwd; greet $x").await, said("/usr\nhi 5\n", 0));
            assert_eq!(
                says(&shell, "for word in a b\ndo\n\techo \"$word!\"\ndone\necho 'it'\\''s; \"ü\" \\$'").await.0,
                "a!\nb!\nit's; \"ü\" \\$\n"
            );
            let (text, code) = says(&shell, "if then").await;
            assert!(text.to_lowercase().contains("syntax error") && code == 2, "{machine} {kind:?}: {text}");
            assert_eq!(says(&shell, "echo x | cat | wc -l; cat <<'E'\ntext\nE\n").await.0, "1\ntext\n", "{machine} {kind:?}");
            shell.kill().await;
        }
        assert!(ground.is_swept(), "{machine}");
    }
}

#[tokio::test]
async fn what_a_command_prints_is_no_mark_of_the_prompt_and_no_control_of_a_terminal() {
    let Some(ground) = Ground::full() else { return };
    let shell = shell(&ground, Kind::Bash).await;
    let forged = "printf '\\033]133;D;0\\007\\033]133;D;0;aid=\\007\\033]133;D;9;aid=00\\007'; printf 'a\\033[31mb\\033[0m\\033]0;t\\007c\\n'; false";
    assert_eq!(says(&shell, forged).await, said("abc\n", 1));
    assert_eq!(says(&shell, "printf 'one\\rtwo\\n'").await, said("two\n", 0));
    // An unfinished sequence swallows no mark.
    assert_eq!(says(&shell, "printf 'x\\033]0;title'").await, said("x", 0));
    assert_eq!(says(&shell, "printf '\\033P'; false").await, said("", 1));
    let binary = says(&shell, "head -c 5000 /dev/urandom").await;
    assert!(binary.0.chars().all(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')) && binary.1 == 0);
    assert_eq!(says(&shell, "echo still here").await, said("still here\n", 0));
}

#[tokio::test]
async fn programs_find_the_nonce_of_the_marks_nowhere() {
    for (machine, ground) in grounds() {
        for kind in [Kind::Bash, Kind::Sh] {
            let shell = shell(&ground, kind).await;
            // The shell itself knows it; what it starts does not.
            let (known, _) = says(&shell, "n=${PS1##*aid=}; n=$(printf %.32s \"$n\"); echo ${#n}").await;
            assert_eq!(known, "32\n", "{machine} {kind:?}");
            let hunt = "env | grep -c $n; cat /proc/$$/environ 2>/dev/null | grep -ac $n; cat /proc/$$/cmdline 2>/dev/null | grep -ac $n; \
                cat ~/.skynet-start | wc -c";
            assert_eq!(says(&shell, hunt).await.0, "0\n0\n0\n0\n", "{machine} {kind:?}");
        }
    }
}

#[tokio::test]
async fn a_prompt_that_a_command_changed_is_still_followed() {
    let Some(ground) = Ground::full() else { return };
    let shell = shell(&ground, Kind::Bash).await;
    assert_eq!(says(&shell, "PS1='(venv) '").await, said("", 0));
    assert_eq!(says(&shell, "echo on").await, said("on\n", 0));
    assert_eq!(says(&shell, "PROMPT_COMMAND=\"true;$PROMPT_COMMAND\"").await, said("", 0));
    assert_eq!(says(&shell, "echo on").await, said("on\n", 0));
}

#[tokio::test]
async fn a_command_that_takes_long_goes_on_and_ctrl_c_interrupts_it() {
    for (machine, ground) in grounds() {
        for kind in [Kind::Bash, Kind::Sh] {
            let shell = shell(&ground, kind).await;
            let said = shell.run("echo begun; sleep 1000; echo never", SHORT).await.unwrap();
            assert!(said.running && said.exit_code.is_none(), "{machine} {kind:?}: {said:?}");
            let begun = if said.text.contains("begun") { said.text } else { sees(&shell, "begun").await };
            assert!(begun.starts_with("begun\n"), "{begun:?}");
            assert!(matches!(shell.run("echo two", SHORT).await, Err(ShellError::Busy)));
            assert!(shell.resize(0, 5).is_err() && shell.resize(100, 30).is_ok());
            let said = shell.input("\x03", PATIENCE).await.unwrap();
            assert!(!said.running && said.exit_code == Some(130) && !said.text.contains("never"), "{machine} {kind:?}: {said:?}");
            assert_eq!(says(&shell, "stty size").await.0, "30 100\n", "{machine} {kind:?}");
        }
    }
}

#[tokio::test]
async fn who_stops_waiting_for_a_command_stops_it() {
    let Some(ground) = Ground::full() else { return };
    let shell = shell(&ground, Kind::Bash).await;
    tokio::select! {
        said = shell.run("mood=good; echo begun; sleep 1000", PATIENCE) => panic!("it sleeps: {said:?}"),
        _ = sees(&shell, "begun\n") => {}
    }
    assert_eq!(shell.read(PATIENCE).await.exit_code, Some(130));
    assert_eq!(says(&shell, "echo $mood").await, said("good\n", 0));
}

#[tokio::test]
async fn what_a_program_asks_is_answered_by_typing() {
    let Some(ground) = Ground::full() else { return };
    let shell = shell(&ground, Kind::Bash).await;
    let asked = shell.run("read -p 'name? ' name; echo \"hello $name\"", SHORT).await.unwrap();
    assert!(asked.running, "{asked:?}");
    if !asked.text.contains("name? ") {
        sees(&shell, "name? ").await;
    }
    let said = shell.input("you\n", PATIENCE).await.unwrap();
    assert!(said.text.contains("hello you") && said.exit_code == Some(0), "{said:?}");
    assert_eq!(says(&shell, "stty size; test -t 0 && test -t 1 && echo terminal").await.0, "24 80\nterminal\n");
}

#[tokio::test]
async fn an_output_without_end_is_bounded_and_it_is_said_what_is_gone() {
    let Some(ground) = Ground::full() else { return };
    let shell = shell(&ground, Kind::Bash).await;
    let long = runs(&shell, "seq 1 100000").await;
    assert!(long.dropped > 400_000 && long.text.len() <= SHELL_BUFFER && long.text.ends_with("99999\n100000\n"), "{}", long.dropped);
    let endless = shell.run("yes", SHORT).await.unwrap();
    assert!(endless.running);
    let said = shell.input("\x03", PATIENCE).await.unwrap();
    assert_eq!(said.exit_code, Some(130));
    assert_eq!(says(&shell, "echo done").await, (String::from("done\n"), 0));
}

#[tokio::test]
async fn a_shell_reaches_its_roots_and_no_other_file_and_no_server() {
    for (machine, ground) in grounds() {
        let shell = shell(&ground, Kind::Bash).await;
        // `pwd` has no slash at its end.
        let at = ground.at("").display().to_string().trim_end_matches('/').to_owned();
        let check = async |command: &str, fails: bool| {
            let (text, code) = says(&shell, &command.replace("AT", &at)).await;
            assert_eq!(code != 0, fails, "{machine}: {command}: {text}");
            text
        };
        check("cd ~/shared && test \"$(pwd -P)\" = AT/shared && echo new > made && cat AT/shown/file", false).await;
        for refused in [
            "cat AT/elsewhere/file",
            "echo x > AT/shown/file",
            "cat /etc/shadow",
            "ls AT/elsewhere",
            "ls AT/plugins/p",
            "cat /proc/1/environ",
            "echo > /dev/tcp/127.0.0.1/1",
            "echo x > /usr/lib/x",
            "python3 -c 'import socket; socket.socket()'",
        ] {
            check(refused, true).await;
        }
        assert_eq!(std::fs::read_to_string(ground.at("shared/made")).unwrap(), "new\n", "{machine}");
        let names = check("env | cut -d= -f1 | sort | tr '\\n' ' '", false).await;
        let known = ["HOME", "LANG", "OLDPWD", "PAGER", "PATH", "PWD", "SHLVL", "TERM", "TMPDIR", "_"];
        assert!(names.split_whitespace().all(|name| known.contains(&name)), "{machine}: {names}");
    }
}

/// Those that want to stay.
const SURVIVORS: [&str; 3] =
    ["(trap '' TERM HUP INT; sleep 1000) &", "setsid sleep 1000 & setsid -f sleep 1000", "nohup sh -c 'sleep 1000 & sleep 1000' >&2 &"];

async fn line_in(ground: &Ground, shell: &Shell, survivor: &str) -> Lifeline {
    let path = ground.at("shared").join(format!("pipe-{}", std::fs::read_dir(ground.at("shared")).unwrap().count()));
    let mut line = Lifeline::at(path.clone());
    shell.run(&format!("exec 9>'{}'; echo up >&9; {survivor}", path.display()), SHORT).await.unwrap();
    line.is_up().await;
    line
}

#[tokio::test]
async fn kill_leaves_no_process() {
    for (machine, ground) in grounds() {
        for survivor in SURVIVORS {
            let shell = shell(&ground, Kind::Bash).await;
            let mut line = line_in(&ground, &shell, survivor).await;
            shell.kill().await;
            line.is_dead().await;
            assert!(shell.is_over() && matches!(shell.run("ls", SHORT).await, Err(ShellError::Ended(_))), "{machine}");
        }
        assert!(ground.is_swept(), "{machine}");
    }
}

#[tokio::test]
async fn nothing_outlives_who_held_the_shell_or_the_host() {
    for (_, ground) in grounds() {
        let one = shell(&ground, Kind::Bash).await;
        let mut line = line_in(&ground, &one, SURVIVORS[1]).await;
        drop(one);
        line.is_dead().await;
        let other = shell(&ground, Kind::Bash).await;
        let mut line = line_in(&ground, &other, SURVIVORS[0]).await;
        drop(ground);
        line.is_dead().await;
        other.over().await;
    }
}

#[tokio::test]
async fn a_shell_that_exits_takes_all_along_and_says_how_it_ended() {
    for (machine, ground) in grounds() {
        let shell = shell(&ground, Kind::Bash).await;
        let mut line = line_in(&ground, &shell, SURVIVORS[0]).await;
        let said = shell.run("echo bye; exit 3", PATIENCE).await.unwrap();
        assert_eq!(said.ended.as_deref(), Some("it ended with code 3"), "{machine}: {said:?}");
        assert!(said.text.starts_with("bye\n") && !said.running);
        line.is_dead().await;
    }
}

#[tokio::test]
async fn a_fork_bomb_is_bounded_and_dies_with_its_shell() {
    let Some(ground) = Ground::full() else { return };
    let shell = shell(&ground, Kind::Bash).await;
    let mut line = line_in(&ground, &shell, ":").await;
    let said = shell.run("b() { b | b & }; b 2>/dev/null; wait", SHORT).await;
    assert!(said.is_ok(), "{said:?}");
    // The host and another shell do not feel it.
    let other = self::shell(&ground, Kind::Sh).await;
    assert_eq!(says(&other, "echo fine").await, (String::from("fine\n"), 0));
    shell.kill().await;
    line.is_dead().await;
}

#[tokio::test]
async fn a_shell_ends_when_it_rests_when_it_is_old_and_when_it_is_no_longer_allowed() {
    let Some(ground) = Ground::full() else { return };
    let ended = async |spec: ShellSpec| {
        let shell = Shell::start(&ground.launcher, spec).await.unwrap();
        tokio::time::timeout(PATIENCE, shell.over()).await.unwrap();
        shell.read(SHORT).await.ended.unwrap()
    };
    let idle = ShellSpec { idle: Duration::from_millis(1), ..spec(&ground, Kind::Bash) };
    assert!(ended(idle).await.contains("nobody used it"));
    let limits = ScriptLimits { wall: Duration::from_millis(1), ..ground.limits };
    assert!(ended(ShellSpec { limits, ..spec(&ground, Kind::Bash) }).await.contains("the most that a shell lives"));
    let allowed = Arc::new(AtomicBool::new(true));
    let asks = Arc::clone(&allowed);
    let still = Arc::new(move || asks.swap(false, Ordering::Relaxed));
    assert!(ended(ShellSpec { still, ..spec(&ground, Kind::Bash) }).await.contains("no longer allowed"));
}

#[tokio::test]
async fn each_owner_and_name_has_its_own_shell() {
    let Some(ground) = Ground::full() else { return };
    let shells = Shells::that_make_room();
    let key = |owner: &str, name: &str| Key { owner: owner.into(), name: name.into() };
    let obtain =
        async |owner: &str, name: &str| shells.obtain(&ground.launcher, &key(owner, name), || spec(&ground, Kind::Bash)).await.unwrap();
    let (one, is_new) = obtain("plugin", "user session").await;
    assert!(is_new);
    says(&one, "secret=5; echo secret > ~/file").await;
    for (owner, name) in [("plugin", "user other"), ("plugin", "other session"), ("other", "user session")] {
        let (other, is_new) = obtain(owner, name).await;
        assert!(is_new);
        assert_eq!(says(&other, "echo \"<$secret>\"; cat ~/file 2>/dev/null").await, (String::from("<>\n"), 1), "{owner} {name}");
    }
    let (again, is_new) = obtain("plugin", "user session").await;
    assert!(!is_new && says(&again, "echo $secret; cat ~/file").await.0 == "5\nsecret\n");
    assert!(shells.kill(&key("plugin", "user session")).await && !shells.kill(&key("plugin", "user session")).await);
    assert!(obtain("plugin", "user session").await.1);
}

#[tokio::test]
async fn an_owner_has_so_many_shells_and_the_one_that_rested_for_longest_gives_way() {
    let Some(ground) = Ground::full() else { return };
    let key = |name: usize| Key { owner: "plugin".into(), name: name.to_string() };
    let fill = async |shells: &Shells| {
        for name in 0..SHELLS_OF_ONE {
            shells.obtain(&ground.launcher, &key(name), || spec(&ground, Kind::Sh)).await.unwrap();
        }
        shells.obtain(&ground.launcher, &key(SHELLS_OF_ONE), || spec(&ground, Kind::Sh)).await.map(|(_, is_new)| is_new)
    };
    let strict = Shells::default();
    assert!(matches!(fill(&strict).await, Err(ShellError::Unfit(why)) if why.contains("Kill one")));
    drop(strict);
    let shells = Shells::that_make_room();
    assert!(fill(&shells).await.unwrap());
    assert_eq!(shells.of("plugin").len(), SHELLS_OF_ONE);
    assert!(shells.find(&key(0)).is_none() && shells.find(&key(1)).is_some());
}

#[tokio::test]
async fn an_owner_that_has_none_gets_one_when_others_have_them_all_and_rest() {
    let Some(ground) = Ground::full() else { return };
    let shells = Shells::that_make_room();
    let key = |number: usize| Key { owner: (number / SHELLS_OF_ONE).to_string(), name: number.to_string() };
    for number in 0..=SHELLS {
        let obtained = shells.obtain(&ground.launcher, &key(number), || spec(&ground, Kind::Sh)).await;
        assert!(obtained.is_ok(), "{number}: {:?}", obtained.err());
    }
    assert!(shells.find(&key(0)).is_none() && shells.find(&key(1)).is_some() && shells.find(&key(SHELLS)).is_some());
}

#[tokio::test]
async fn a_start_that_nobody_waited_for_takes_no_place_for_good() {
    let Some(ground) = Ground::full() else { return };
    let shells = Shells::default();
    let key = |name: usize| Key { owner: "gateway".into(), name: name.to_string() };
    for name in 0..SHELLS_OF_ONE {
        let key = key(name);
        let start = shells.obtain(&ground.launcher, &key, || spec(&ground, Kind::Sh));
        // Begun, and dropped before its terminal came.
        assert!(asked_once(start).await.is_none());
    }
    let obtained = shells.obtain(&ground.launcher, &key(SHELLS_OF_ONE), || spec(&ground, Kind::Sh)).await;
    assert!(obtained.is_ok(), "{:?}", obtained.err());
}

/// Asks a future once.
async fn asked_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(given) => Poll::Ready(Some(given)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

fn command(ground: &Ground, text: &str) -> Command {
    Command {
        program: "sh".into(),
        arguments: vec!["-c".into(), text.into()],
        startup: None,
        variables: BTreeMap::new(),
        roots: ["shared".to_owned()].into(),
        unchanged: Default::default(),
        limits: ground.limits,
        window: None,
    }
}

#[tokio::test]
async fn a_single_command_gives_both_streams_and_is_killed_at_its_deadline() {
    for (machine, ground) in grounds() {
        let done = ground.launcher.execute(&command(&ground, "echo out; echo err >&2; cat; exit 3"), 1000).await.unwrap();
        assert_eq!(
            (done.end, done.stdout.text(99), done.stderr.text(99)),
            (Some(End::Code(3)), "out\n".into(), "err\n".into()),
            "{machine}"
        );
        let long = ground.launcher.execute(&command(&ground, "seq 1 100000"), 1000).await.unwrap();
        let text = long.stdout.text(10_000);
        assert!(text.starts_with("1\n2\n") && text.ends_with("100000\n") && text.contains("left out"), "{machine}");
        let mut slow = command(&ground, "echo begun; (setsid sleep 1000 || sleep 1000) & sleep 1000");
        slow.limits.wall = SHORT;
        let late = ground.launcher.execute(&slow, 1000).await.unwrap();
        assert!(late.end.is_none() && late.stdout.text(99).lines().all(|line| line == "begun"), "{machine}");
        let mut large = command(&ground, "true");
        large.limits.address_space = 1024 * 1024 * MIB;
        assert!(ground.launcher.execute(&large, 1000).await.unwrap_err().to_string().contains("more address_space"), "{machine}");
        assert!(ground.is_swept(), "{machine}");
    }
}

#[tokio::test]
async fn a_shell_that_is_not_there_is_refused_as_that_so_that_another_one_can_be_taken() {
    for (machine, ground) in grounds() {
        let mut asked = command(&ground, "true");
        asked.window = Some(Window { columns: 80, rows: 24, echo: true });
        assert!(ground.launcher.open_tty(&asked).await.is_ok(), "{machine}");
        asked.program = "no-such-shell".into();
        let refused = ground.launcher.open_tty(&asked).await.unwrap_err();
        assert!(matches!(&refused, ScriptError::Refused(refusal) if refusal.part == Part::Program), "{machine}: {refused}");
        asked.program = "sh".into();
        asked.roots = ["nowhere".to_owned()].into();
        let refused = ground.launcher.open_tty(&asked).await.unwrap_err();
        assert!(matches!(&refused, ScriptError::Refused(refusal) if refusal.part == Part::Request), "{machine}: {refused}");
    }
}

#[tokio::test]
async fn a_machine_that_confines_too_little_gives_no_shell() {
    let ground = Ground::on("no landlock", true);
    let refused = Shell::start(&ground.launcher, spec(&ground, Kind::Bash)).await.err().unwrap().to_string();
    assert!(refused.contains("landlock"), "{refused}");
    assert!(ground.launcher.execute(&command(&ground, "true"), 1000).await.unwrap_err().to_string().contains("landlock"));
}
