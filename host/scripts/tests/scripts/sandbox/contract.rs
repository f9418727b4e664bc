//! What scripts are given, and how they answer.

use super::ground::{Ground, limits};
use skynet_scripts::sandbox::{Confinement, Contract, Part, Said, ScriptError, Strength};
use skynet_scripts::worker::End;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use tokio::sync::mpsc;

fn lines(ground: &Ground, program: &str, text: &str) -> Confinement {
    Confinement { contract: Contract::Lines, ..ground.script(program, text) }
}

#[tokio::test]
async fn a_machine_with_namespaces_gives_the_full_cell() {
    let Some(ground) = Ground::full() else { return };
    assert_eq!(ground.launcher.abilities().strength, Ok(Strength::Full));
}

#[tokio::test]
async fn json_goes_in_and_pieces_words_and_a_result_come_out() {
    let Some(ground) = Ground::full() else { return };
    let script = "import json, sys
request = json.load(sys.stdin)
print(json.dumps({'log': 'begun'}))
print(json.dumps({'delta': 'part'}), flush=True)
print(json.dumps({'result': {'twice': request['number'] * 2}}))
print('to whom it may concern', file=sys.stderr)";
    let (said, mut heard) = mpsc::channel(16);
    let outcome = ground.launcher.run(&lines(&ground, "python3", script), br#"{"number": 21}"#, None, said).await.unwrap();
    assert_eq!(outcome.result.to_string(), r#"{"twice":42}"#);
    assert_eq!(outcome.stderr, "to whom it may concern\n");
    assert_eq!(heard.recv().await, Some(Said::Log("begun".into())));
    assert_eq!(heard.recv().await, Some(Said::Delta("part".into())));
    assert_eq!(heard.recv().await, None);
}

#[tokio::test]
async fn the_contract_of_the_first_plugins_works_unchanged() {
    let Some(ground) = Ground::full() else { return };
    let script = "import json, os, sys
request = json.loads(os.environ['SKYNET_INPUT'])
print(open('file').read(), request['word'], sys.argv, sys.stdin.read() == '')";
    let (said, _) = mpsc::channel(1);
    let outcome = ground.launcher.run(&ground.script("python3", script), "{\"word\": \"hé\"}".as_bytes(), None, said).await.unwrap();
    assert_eq!(outcome.result, "text hé ['main'] True\n");
}

#[tokio::test]
async fn an_input_that_no_variable_holds_is_refused_and_the_largest_that_one_holds_is_not() {
    let Some(ground) = Ground::full() else { return };
    let script = ground.script("sh", "echo ${#SKYNET_INPUT}");
    let input = |bytes: usize| vec![b'"'; bytes];
    let most = skynet_scripts::limits::SCRIPT_VARIABLE_BYTES;
    let run = async |bytes: usize| ground.launcher.run(&script, &input(bytes), None, mpsc::channel(1).0).await;
    assert_eq!(run(most).await.unwrap().result, format!("{most}\n"));
    assert!(matches!(run(most + 1).await, Err(ScriptError::InputTooLarge { .. })));
}

#[tokio::test]
async fn it_sees_its_own_variables_and_no_others() {
    let Some(ground) = Ground::full() else { return };
    let mut script = ground.script("env", "unused");
    script.options = vec!["sh".into(), "-c".into(), "env; pwd".into()];
    script.variables.insert("GREETING".into(), "hello".into());
    let printed = ground.prints(&script).await;
    let mut found: Vec<&str> = printed.lines().filter(|line| !line.starts_with("PWD=") && !line.starts_with('_')).collect();
    found.sort_unstable();
    let folder = ground.at("plugins/p").display().to_string();
    let expected = [
        &folder,
        "GREETING=hello",
        "HOME=/scratch",
        "LANG=C.UTF-8",
        "PATH=/usr/local/bin:/usr/bin:/bin",
        "SKYNET_INPUT={}",
        "TMPDIR=/scratch",
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn it_is_told_where_its_roots_are_and_of_no_others() {
    let Some(ground) = Ground::full() else { return };
    let mut script =
        ground.script("sh", r#"echo "$SKYNET_ROOT_SHARED" "${SKYNET_ROOT_SHOWN-none}"; echo new > "$SKYNET_ROOT_SHARED/said""#);
    script.roots = ["shared".to_owned()].into();
    // Its own variables do not lead it elsewhere.
    script.variables.insert("SKYNET_ROOT_SHARED".into(), "/etc".into());
    assert_eq!(ground.prints(&script).await, format!("{} none\n", ground.at("shared").display()));
    assert_eq!(std::fs::read_to_string(ground.at("shared/said")).unwrap(), "new\n");
}

#[tokio::test]
async fn it_inherits_its_three_streams_and_nothing_else() {
    // One of ours that every program would inherit.
    let left_open = std::fs::File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(&left_open, rustix::io::FdFlags::empty()).unwrap();
    let Some(ground) = Ground::full() else { return };
    // The fourth is the folder that is being listed.
    assert_eq!(ground.python("print(sorted(map(int, os.listdir('/proc/self/fd'))))").await, "[0, 1, 2, 3]\n");
}

#[tokio::test]
async fn a_scratch_folder_is_private_empty_and_gone_afterwards() {
    let Some(ground) = Ground::full() else { return };
    let script = "import json, os
said = f'{os.getcwd()} {os.listdir()} {oct(os.stat(\".\").st_mode & 0o777)}'
open('kept', 'w').write('x')
print(json.dumps({'result': said}))";
    for _ in 0..2 {
        let said = ground.run(&lines(&ground, "python3", script)).await.unwrap();
        assert_eq!(said.result.as_str(), Some("/scratch [] 0o700"));
    }
    assert!(ground.is_swept());
}

#[tokio::test]
async fn roots_are_reached_as_they_were_granted() {
    let Some(ground) = Ground::full() else { return };
    let text = format!(
        "import os
os.chdir({:?})
said('read', lambda: open('shown/file').read())
said('change-shown', lambda: open('shown/file', 'w'))
said('truncate-shown', lambda: os.truncate('shown/file', 0))
said('mode-of-shown', lambda: os.chmod('shown/file', 0o777))
said('change-shared', lambda: open('shared/new', 'w').write('made'))
said('change-plugin', lambda: open('plugins/p/new', 'w'))
said('elsewhere', lambda: open('elsewhere/file'))",
        ground.at("")
    );
    let mut script = ground.script("python3", &format!("{}\n{text}", super::ground::TRY));
    script.roots = ["shown".to_owned(), "shared".to_owned()].into();
    let said = ground.prints(&script).await;
    let expected =
        "read ok\nchange-shown EROFS\ntruncate-shown EROFS\nmode-of-shown EROFS\nchange-shared ok\nchange-plugin EROFS\nelsewhere ENOENT\n";
    assert_eq!(said, expected);
    assert_eq!(std::fs::read_to_string(ground.at("shared/new")).unwrap(), "made");
    script.unchanged = ["shared".to_owned()].into();
    assert!(ground.prints(&script).await.contains("change-shared EROFS"), "a grant to read is no grant to change");
    script.roots.clear();
    assert!(ground.prints(&script).await.starts_with("read ENOENT\n"));
}

#[tokio::test]
async fn a_proxy_is_reached_by_its_number_and_by_nothing_else() {
    let Some(ground) = Ground::full() else { return };
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let script = "import os, socket
proxy = socket.socket(fileno=int(os.environ['SKYNET_PROXY_FD']))
proxy.sendall(b'GET')
print(proxy.recv(10).decode())";
    ours.write_all(b"200").unwrap();
    let outcome = ground.launcher.run(&ground.script("python3", script), b"{}", Some(theirs.into()), mpsc::channel(1).0).await.unwrap();
    assert_eq!(outcome.result, "200\n");
    let mut asked = String::new();
    ours.read_to_string(&mut asked).unwrap();
    assert_eq!(asked, "GET");
}

#[tokio::test]
async fn a_script_that_fails_says_how_and_why() {
    let Some(ground) = Ground::full() else { return };
    let run = async |text: &str| ground.run(&ground.script("sh", text)).await.unwrap_err();
    let error = run("echo some; echo no such luck >&2; exit 3").await;
    assert_eq!(error.to_string(), "the script ended with code 3; it said: no such luck");
    assert!(matches!(error, ScriptError::Failed { end: End::Code(3), stdout, .. } if stdout == "some\n"));
    let error = run("kill -SEGV $$").await;
    assert!(matches!(error, ScriptError::Failed { end: End::Signal(11), .. }), "{error}");
    let error = ground.run(&lines(&ground, "sh", "exit 0")).await.unwrap_err();
    assert!(matches!(error, ScriptError::NoResult { .. }), "{error}");
    let error = ground.run(&lines(&ground, "sh", "echo hello; exec sleep 1000")).await.unwrap_err();
    assert!(matches!(error, ScriptError::Malformed { line: 1, .. }), "{error}");
}

#[tokio::test]
async fn what_is_over_the_ceiling_or_no_name_is_refused() {
    let Some(ground) = Ground::full() else { return };
    let good = ground.script("sh", "echo ran");
    std::os::unix::fs::symlink("../../elsewhere", ground.at("plugins/link")).unwrap();
    std::os::unix::fs::symlink("../../elsewhere/file", ground.at("plugins/p/link")).unwrap();
    let check = async |change: &dyn Fn(&mut Confinement), part: Part, reason: &str| {
        let mut asked = good.clone();
        change(&mut asked);
        let error = ground.run(&asked).await.unwrap_err();
        let ScriptError::Refused(refusal) = error else { panic!("{error}") };
        assert!(refusal.part == part && refusal.reason.contains(reason), "{refusal}");
    };
    for plugin in ["", ".", "..", "../elsewhere", "/etc", "p/..", "p\0", "none", "link"] {
        check(&|asked| asked.plugin = plugin.into(), Part::Request, "the plugin's folder").await;
    }
    for script in ["", "../p/main", "/etc/passwd", "-c", "none", "link"] {
        check(&|asked| asked.script = script.into(), Part::Request, "the script").await;
    }
    check(&|asked| asked.script = ".".into(), Part::Request, "the script").await;
    check(&|asked| asked.roots = ["etc".to_owned()].into(), Part::Request, "no root `etc`").await;
    check(&|asked| asked.limits.processes = limits().processes + 1, Part::Request, "processes").await;
    check(&|asked| asked.limits.wall *= 2, Part::Request, "wall").await;
    check(&|asked| asked.program = "/bin/sh".into(), Part::Program, "no name of a program").await;
    check(&|asked| asked.program = "no-such-program".into(), Part::Program, "Install it").await;
    for name in ["PATH", "LD_PRELOAD", "lower", "A=B", "", "SKYNET_PROXY_FD"] {
        check(&|asked| drop(asked.variables.insert(name.into(), "x".into())), Part::Request, "cannot be set").await;
    }
    assert_eq!(ground.prints(&good).await, "ran\n");
}
