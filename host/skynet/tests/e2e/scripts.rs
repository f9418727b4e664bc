//! Script plugins as their owner has them: dropped, approved, called, changed, removed; and those that want
//! out of their cell, beside a host that goes on.

use crate::household::Household;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

/// As the first plugins of this kind were written, but for the name.
const SEED: &str = "name = \"NAME\"\ndescription = \"A script.\"\nversion = \"1.0\"\nauthor = \"somebody\"\n\
    [run]\ncommand = \"PROGRAM\"\nscript = \"main\"\ntimeout = 10\n\
    [[input.params]]\nname = \"who\"\ntype = \"string\"\ndescription = \"Whom\"\nrequired = false\n";

fn seed(name: &str, program: &str) -> String {
    SEED.replace("NAME", name).replace("PROGRAM", program)
}

/// The new contract.
fn lines(name: &str, program: &str) -> String {
    seed(name, program).replace("author = \"somebody\"\n", "").replace("timeout = 10", "timeout = 10\ncontract = \"json-lines\"")
}

/// Puts a whole folder in its place at once.
fn put(home: &Household, folder: &str, manifest: &str, script: &str) {
    let tools = home.home().join("tools");
    let (hidden, place) = (tools.join(format!(".{folder}")), tools.join(folder));
    let old = tools.join(format!(".old-{folder}"));
    std::fs::create_dir_all(&hidden).unwrap();
    std::fs::write(hidden.join("tool.toml"), manifest).unwrap();
    std::fs::write(hidden.join("main"), script).unwrap();
    if place.exists() {
        std::fs::rename(&place, &old).unwrap();
    }
    std::fs::rename(hidden, place).unwrap();
    if old.exists() {
        std::fs::remove_dir_all(old).unwrap();
    }
}

fn approve(home: &Household, name: &str) {
    let id = format!("local/{name}");
    home.until_state(&id, "pending");
    home.run(&["plugin", "approve", "--yes", name]).done();
    home.until_state(&id, "serving");
}

fn call(home: &Household, tool: &str, arguments: &Value) -> String {
    home.run(&["chat", &format!("/tool {tool} {arguments}")]).done()
}

/// A host with the bridge; none, with the reason in print, where this machine cannot confine scripts.
fn host(change: impl FnOnce(&Household)) -> Option<Household> {
    let mut home = Household::new();
    home.install("provider-offline");
    home.install("script-bridge");
    change(&home);
    home.start();
    home.until_model();
    home.until_state("skynet/script-bridge", "serving");
    let scripts = home.run(&["--json", "status"]).json()["scripts"]["scripts"].clone();
    if scripts["state"] == "off" {
        eprintln!("not tested here: {}", scripts["says"]);
        return None;
    }
    Some(home)
}

#[test]
fn folders_of_both_contracts_are_approved_called_changed_and_removed_live() {
    let Some(home) = host(|_| {}) else { return };
    put(&home, "greet", &seed("greet", "sh"), "echo \"hello $SKYNET_INPUT\"");
    let waits = home.until_state("local/greet", "pending");
    assert_eq!(waits["trust"], "approval");
    // Nobody calls it before its owner knows it.
    assert!(call(&home, "greet", &json!({})).contains("not offered"));
    assert!(home.run(&["plugin", "list"]).done().contains("skynet plugin approve local/greet"));
    home.run(&["plugin", "grant", "--yes", "local/greet"]).refused(4, &["skynet plugin approve local/greet"]);
    home.run(&["plugin", "approve", "greet"]).refused(4, &["--yes"]);
    let shown = home.run(&["plugin", "approve", "--yes", "greet"]).done();
    for word in ["runs       sh main (up to 10 s)", "Run the script `greet` in the sandbox.", "tools/greet", "approved local/greet"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    assert!(home.run(&["plugin", "approve", "greet"]).done().contains("approved already"));
    assert!(call(&home, "greet", &json!({ "who": "you" })).contains(r#"hello {"who":"you"}"#));

    // The schema of tool.toml is held to.
    assert!(call(&home, "greet", &json!({ "who": 5 })).contains("did not work"));

    // What somebody changed does not run, nor does what was there before.
    put(&home, "greet", &seed("greet", "sh"), "echo other");
    let waits = home.until_state("local/greet", "pending");
    assert!(waits["asks"][0].as_str().unwrap().contains("changed since you approved"), "{waits}");
    assert!(call(&home, "greet", &json!({})).contains("not offered"));
    approve(&home, "greet");
    assert!(call(&home, "greet", &json!({})).contains("other"));

    // Python, JSON on both sides.
    let script = "import json, sys\nwho = json.load(sys.stdin)['who']\nprint(json.dumps({'log': 'begun'}))\n\
        print(json.dumps({'delta': 'wor'}), flush=True)\nprint(json.dumps({'result': {'twice': who * 2}}))";
    put(&home, "twice", &lines("twice", "python3"), script);
    approve(&home, "twice");
    assert!(call(&home, "twice", &json!({ "who": "ab" })).contains(r#"{"twice":"abab"}"#));
    put(&home, "pieces", &lines("pieces", "sh"), "echo '{\"delta\":\"one \"}'; echo '{\"delta\":\"two\"}'; echo '{\"result\":null}'");
    approve(&home, "pieces");
    let pieces = home.run(&["chat", "/tool pieces {}"]);
    assert!(pieces.err.contains("  one"), "what it says meanwhile is shown beside the answer: {}", pieces.err);
    assert!(pieces.done().contains("one two"));

    // A failure says all that the script said.
    put(&home, "fails", &seed("fails", "sh"), "echo out; echo err >&2; exit 3");
    approve(&home, "fails");
    let said = call(&home, "fails", &json!({}));
    assert!(said.contains("did not work") && said.contains("out") && said.contains("err") && said.contains("exit code 3"), "{said}");

    // Four folders, four copies: nothing runs from the first files of `greet` any more.
    let copies = home.home().join("private/scripts");
    home.until("one copy for each folder", |_| (std::fs::read_dir(&copies).unwrap().count() == 4).then_some(()));

    std::fs::remove_dir_all(home.home().join("tools/greet")).unwrap();
    home.until_state("local/greet", "disabled");
    assert!(call(&home, "greet", &json!({})).contains("not offered"));

    // Each run has its row, and the approval has one with the digest of the files.
    let audit = home.run(&["--json", "audit", "tail", "-n", "200"]).done();
    assert!(audit.contains("\"approve\"") && audit.contains("files:") && audit.contains("local/twice@1.0.0"), "{audit}");
}

#[test]
fn a_signed_folder_is_granted_updated_and_refused_when_its_files_are_others() {
    let Some(home) = host(|_| {}) else { return };
    let folder = home.home().join("../greet");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.to_str().unwrap().to_owned();
    let write = |version: &str, script: &str| {
        let manifest = seed("greet", "sh").replace("version = \"1.0\"", &format!("version = \"{version}\"\nid = \"acme/greet\""));
        std::fs::write(folder.join("tool.toml"), manifest).unwrap();
        std::fs::write(folder.join("main"), script).unwrap();
    };
    let install = || {
        let hidden = home.home().join("tools/.greet");
        std::fs::create_dir_all(&hidden).unwrap();
        for file in std::fs::read_dir(&folder).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), hidden.join(file.file_name())).unwrap();
        }
        drop(std::fs::remove_dir_all(home.home().join("tools/greet")));
        std::fs::rename(hidden, home.home().join("tools/greet")).unwrap();
    };
    write("1.0.0", "echo one");
    home.run(&["plugin", "sign", &path]).done();
    assert!(home.run(&["plugin", "verify", &path]).done().contains("acme/greet 1.0.0 is good"));
    install();
    home.until_state("acme/greet", "pending");
    home.run(&["plugin", "approve", "--yes", "acme/greet"]).refused(4, &["is signed by", "skynet plugin grant acme/greet"]);
    home.run(&["plugin", "grant", "--yes", "acme/greet"]).done();
    home.until_state("acme/greet", "serving");
    assert!(call(&home, "greet", &json!({})).contains("one"));

    // Files that nobody signed come with a signature over others: refused, and what serves goes on.
    write("1.0.0", "echo evil");
    install();
    let refused = home.until_state("tools/greet", "refused");
    assert!(refused["reason"].as_str().unwrap().contains("not those that were signed"), "{refused}");
    assert!(call(&home, "greet", &json!({})).contains("one"));

    // An update by the same key that asks for no more.
    write("1.1.0", "echo two");
    home.run(&["plugin", "sign", &path]).done();
    install();
    home.until("1.1.0", |home| home.plugin("acme/greet").filter(|line| line["serving"]["version"] == "1.1.0"));
    assert!(call(&home, "greet", &json!({})).contains("two"));
    home.run(&["plugin", "rollback", "acme/greet"]).done();
    assert!(call(&home, "greet", &json!({})).contains("one"));
}

#[test]
fn what_was_approved_serves_after_a_crash_from_the_hosts_own_copy() {
    let Some(mut home) = host(|_| {}) else { return };
    put(&home, "greet", &seed("greet", "sh"), "echo mine");
    approve(&home, "greet");
    home.kill();
    home.start();
    home.until_model();
    home.until_state("local/greet", "serving");
    assert!(call(&home, "greet", &json!({})).contains("mine"));
    let files = home.run(&["--json", "plugin", "info", "local/greet"]).json()["script"]["files"].as_str().unwrap().to_owned();
    home.kill();
    // A copy that was changed is no copy.
    let copy = home.home().join("private/scripts").join(files).join("main");
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(&copy, "echo evil").unwrap();
    home.start();
    home.until_model();
    home.until_state("local/greet", "serving");
    assert!(call(&home, "greet", &json!({})).contains("mine"));
}

#[test]
fn hostile_folders_are_refused_with_the_reason() {
    let Some(home) = host(|_| {}) else { return };
    put(&home, "linked", &seed("linked", "sh"), "");
    let tools = home.home().join("tools");
    std::os::unix::fs::symlink("/etc/passwd", tools.join("linked/data")).unwrap();
    std::os::unix::fs::symlink("/tmp", tools.join("outside")).unwrap();
    put(&home, "broken", "name = 5", "");
    put(&home, "greedy", &format!("{}\n[permissions]\nmessages = [\"webchat\"]\n", seed("greedy", "sh")), "");
    put(&home, "twin", &seed("one", "sh"), "");
    home.until_state("local/twin", "pending");
    put(&home, "Twin_", &seed("two", "sh"), "");
    for (folder, why) in [
        ("tools/linked", "link"),
        ("tools/outside", "link"),
        ("tools/broken", "tool.toml"),
        ("tools/greedy", "`net`, `fs` and `secrets`"),
        ("tools/Twin_", "rename the folder"),
    ] {
        let refused = home.until_state(folder, "refused");
        assert!(refused["reason"].as_str().unwrap().contains(why), "{refused}");
    }
}

#[test]
fn no_script_gets_out_of_its_cell_and_the_host_goes_on() {
    let Some(home) = host(|home| drop(home.run(&["config", "set", "scripts.limits.cpu_s", "2"]).done())) else { return };
    let secret = home.home().join("../.ssh");
    std::fs::create_dir_all(&secret).unwrap();
    std::fs::write(secret.join("id_ed25519"), "PRIVATE").unwrap();
    let (key, token) = (secret.canonicalize().unwrap().join("id_ed25519"), home.home().canonicalize().unwrap().join("owner.token"));
    let reads = format!("cat {} {} /etc/shadow; ls /home /root", key.display(), token.display());
    let network = "import socket\nfor family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):\n    try:\n        \
        socket.socket(family)\n        print('OPEN')\n    except OSError as error:\n        print('closed')";
    let cases: [(&str, &str, &str, &[&str]); 6] = [
        ("bomb", "sh", "f() { f | f & }; f; while :; do f; done", &["did not work"]),
        ("flood", "sh", "while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done", &["did not work", "more than 1048576 bytes"]),
        ("endless", "sh", "trap '' TERM XCPU; while :; do :; done", &["did not work"]),
        ("sleeper", "sh", "setsid -f sleep 1000; (trap '' HUP; sleep 1000 &) ; exec sleep 1000", &["did not work", "deadline"]),
        ("reader", "sh", &reads, &["did not work", "exit code"]),
        ("caller", "python3", network, &["closed\nclosed\nclosed"]),
    ];
    for (name, program, script, words) in cases {
        put(&home, name, &seed(name, program).replace("timeout = 10", "timeout = 4"), script);
        approve(&home, name);
        let said = call(&home, name, &json!({}));
        for word in words {
            assert!(said.contains(word), "{name}: {word}: {said}");
        }
        let owned = std::fs::read_to_string(&token).unwrap();
        assert!(
            !said.contains("PRIVATE") && !said.contains(owned.trim()) && !said.contains("OPEN") && !said.contains("root:"),
            "{name}: {said}"
        );
        // What fails by itself is no fault of the bridge, so the breaker leaves it.
        assert_eq!(home.plugin(&format!("local/{name}")).unwrap()["state"], "serving", "{name}");
    }
    assert!(home.run(&["chat", "hello"]).done().contains("not a language model"));
}

#[test]
fn folders_are_reached_as_granted() {
    let Some(home) = host(|_| {}) else { return };
    std::fs::write(home.home().join("workspace/file"), "content").unwrap();
    let manifest =
        |access: &str| format!("{}\n[permissions]\nfs = [{{ root = \"workspace\", access = \"{access}\" }}]\n", seed("reader", "sh"));
    let folder = home.home().canonicalize().unwrap().join("workspace");
    let script = format!("cd {} && cat file && (echo new > new) 2>/dev/null && echo changed; :", folder.display());
    put(&home, "reader", &manifest("read"), &script);
    approve(&home, "reader");
    let said = call(&home, "reader", &json!({}));
    assert!(said.contains("content") && !said.contains("changed") && !folder.join("new").exists(), "{said}");
    put(&home, "reader", &manifest("write"), &script);
    approve(&home, "reader");
    let said = call(&home, "reader", &json!({}));
    assert!(said.contains("changed") && folder.join("new").exists(), "{said}");
}

/// A server on this machine that keeps what it was asked.
fn server() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, asked) = (format!("http://{}", listener.local_addr().unwrap()), Arc::<Mutex<Vec<String>>>::default());
    let heard = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                head.extend_from_slice(&byte);
            }
            heard.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nworld"));
        }
    });
    (url, asked)
}

#[test]
fn a_script_speaks_to_the_server_that_it_was_granted_through_the_door_and_to_no_other() {
    let Some(home) = host(|_| {}) else { return };
    let (url, asked) = server();
    let (other, unasked) = server();
    let manifest = format!(
        "{}\n[permissions]\nnet = [{{ url = \"{url}\", methods = [\"GET\"] }}]\n\
        secrets = [{{ name = \"a_key\", header = \"authorization\", format = \"Bearer {{}}\", url = \"{url}\" }}]\n",
        seed("asks", "python3")
    );
    let script = "import json, os, socket, http.client
connection = http.client.HTTPConnection('proxy')
connection.sock = socket.socket(fileno=int(os.environ['SKYNET_PROXY_FD']))
for method, url in json.loads(json.loads(os.environ['SKYNET_INPUT'])['who']):
    connection.request(method, url)
    answer = connection.getresponse()
    print(answer.status, answer.read().decode().strip())";
    put(&home, "asks", &manifest, script);
    approve(&home, "asks");
    home.run_with(&["secret", "set", "a_key", "--for", &url], "a value to be kept").done();
    let wish = json!([["GET", format!("{url}/hello")], ["POST", &url], ["GET", &other], ["CONNECT", "example.com:443"]]).to_string();
    let said = call(&home, "asks", &json!({ "who": wish }));
    // Its owner approved of the server, and not yet of this machine.
    assert!(said.contains("403") && asked.lock().unwrap().is_empty(), "{said}");

    let info = home.run(&["--json", "plugin", "info", "local/asks"]).json();
    let mut request = info["request"].clone();
    request["net"][0]["private"] = json!(true);
    home.run(&["plugin", "grant", "--yes", "--only", &request.to_string(), "local/asks"]).done();
    let said = call(&home, "asks", &json!({ "who": wish }));
    assert!(said.contains("200 world") && said.contains("501 send the request itself"), "{said}");
    assert_eq!(said.matches("403").count(), 2, "{said}");
    let asked = asked.lock().unwrap();
    assert!(asked.len() == 1 && asked[0].starts_with("GET /hello ") && asked[0].contains("Bearer a value to be kept"), "{asked:?}");
    assert!(unasked.lock().unwrap().is_empty() && !said.contains("a value to be kept"));
    let audit = home.run(&["--json", "audit", "tail", "-n", "200"]).done();
    assert!(audit.contains("\"egress\"") && audit.contains("local/asks@1.0.0"), "{audit}");
}

#[test]
fn status_and_doctor_say_what_confines_scripts_and_the_owner_can_switch_them_off() {
    let Some(mut home) = host(|_| {}) else { return };
    put(&home, "greet", &seed("greet", "sh"), "echo hello");
    approve(&home, "greet");
    assert!(home.run(&["status"]).done().contains("scripts  on"));
    let doctor: Value = serde_json::from_str(&home.run(&["--json", "doctor"]).out).unwrap();
    let findings: Vec<&str> =
        doctor["findings"].as_array().unwrap().iter().filter(|f| f["check"] == "scripts").filter_map(|f| f["finding"].as_str()).collect();
    for word in ["scripts: on", "landlock for scripts: on", "seccomp for scripts: on", "namespaces for scripts: on"] {
        assert!(findings.iter().any(|finding| finding.starts_with(word)), "{word}: {findings:?}");
    }
    assert_eq!(home.terminate(), 0);
    home.run(&["config", "set", "scripts.enabled", "false"]).done();
    home.start();
    home.until_model();
    home.until_state("local/greet", "serving");
    let said = call(&home, "greet", &json!({}));
    assert!(said.contains("did not work") && said.contains("scripts.enabled true"), "{said}");
    assert!(home.run(&["status"]).done().contains("scripts  OFF"));
}

#[test]
fn a_denied_script_shows_all_that_it_asks_for_again_before_it_is_approved_also_after_a_restart() {
    let Some(mut home) = host(|_| {}) else { return };
    let manifest = format!("{}\n[permissions]\nnet = [{{ url = \"https://api.example.com\" }}]\n", seed("nosy", "sh"));
    put(&home, "nosy", &manifest, "echo hello");
    home.until_state("local/nosy", "pending");
    for restarts in [false, true] {
        home.run(&["plugin", "deny", "local/nosy"]).done();
        if restarts {
            assert_eq!(home.terminate(), 0);
            home.start();
        }
        let denied = home.until_state("local/nosy", "disabled");
        assert!(denied["reason"].as_str().unwrap().contains("skynet plugin approve local/nosy"), "{denied}");
        let shown = home.run(&["plugin", "approve", "nosy"]);
        for word in ["api.example.com", "You said no to it before", "Run the script `nosy`"] {
            assert!(shown.out.contains(word), "{word}: {}", shown.out);
        }
        assert!(!shown.out.contains("servers    none"), "{}", shown.out);
        shown.refused(4, &["nothing was approved"]);
        let approved = home.run(&["--json", "plugin", "approve", "--yes", "nosy"]).json();
        assert!(approved["granted"].to_string().contains("api.example.com"), "{approved}");
        home.until_state("local/nosy", "serving");
        if !restarts {
            put(&home, "nosy", &manifest, "echo other");
            home.until_state("local/nosy", "pending");
        }
    }
    // Switched off, nothing of it waits: there is nothing to say yes to.
    home.run(&["plugin", "disable", "local/nosy"]).done();
    home.run(&["plugin", "approve", "--yes", "nosy"]).refused(4, &["nothing of local/nosy waits"]);
}
