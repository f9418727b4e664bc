//! Secrets as an owner handles them, and a canary through the whole product: it goes to
//! its server and stands nowhere else.

use crate::household::Household;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// With what JSON and URLs escape, and as long as a key.
const CANARY: &str = "canary-9c2e/7f41+\"b6\"=";

/// A value that comes in the place of the canary.
const NEXT: &str = "the value after the canary";

/// A server that sends back every credential that it was ever given, in every form.
struct Echo {
    address: SocketAddr,
    credentials: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let echo = Self { address: listener.local_addr().expect("an address"), credentials: Arc::default() };
        let credentials = Arc::clone(&echo.credentials);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                answer(stream, &credentials);
            }
        });
        echo
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn answer(mut stream: std::net::TcpStream, credentials: &Mutex<Vec<String>>) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let credential = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap_or_default().to_owned();
    let mut given = credentials.lock().expect("a lock");
    given.push(credential.clone());
    let body = given.iter().flat_map(|credential| forms(credential)).collect::<Vec<_>>().join("\n");
    drop(given);
    let reply = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-echo: {credential}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    drop(stream.write_all(reply.as_bytes()));
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |bytes: &[u8]| {
        let bits = bytes.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - bytes.len()));
        let letter = |at: usize| char::from(LETTERS[(bits >> (18 - 6 * at) & 63) as usize]);
        (0..4).map(|at| if at <= bytes.len() { letter(at) } else { '=' }).collect::<String>()
    };
    text.as_bytes().chunks(3).map(group).collect()
}

/// The value, and how a server or a program might write it.
fn forms(value: &str) -> Vec<String> {
    let percent = |upper: bool| {
        let escape = |byte: u8| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
        value.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { escape(byte) }).collect::<String>()
    };
    let json = json!(value).to_string();
    let hex = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    // Whole groups of three before it, so that the middle of each is the same in any text.
    let shifted = ["", "u", "us"].map(|before| base64(&format!("{before}{value}")));
    let plain = [value.to_owned(), percent(true), percent(false), json[1..json.len() - 1].to_owned(), hex];
    plain.into_iter().chain(shifted).collect()
}

#[track_caller]
fn holds_no_canary(what: &str, bytes: &[u8]) {
    for form in forms(CANARY) {
        // The ends of base64 belong to its neighbours too.
        let middle = &form.as_bytes()[4..form.len() - 4];
        let found = bytes.windows(middle.len()).position(|window| window == middle);
        let around = found.map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(80)..(at + 80).min(bytes.len())]).into_owned());
        assert_eq!(around, None, "{form} is in {what}");
    }
}

fn no_file_holds_the_canary(folder: &Path) -> usize {
    let mut looked = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            looked += no_file_holds_the_canary(&path);
        } else {
            holds_no_canary(&path.display().to_string(), &std::fs::read(&path).expect("a file"));
            looked += 1;
        }
    }
    looked
}

/// A host with the fetch tool as `acme/tool-echo`, which may send `canary_key` to the server.
fn keyed(echo: &Echo) -> (Household, std::path::PathBuf) {
    let mut home = Household::new();
    let manifest = home.home().join("../echo.toml");
    let text = format!(
        "schema = 1\nid = \"acme/tool-echo\"\nversion = \"0.1.0\"\nsummary = \"Fetches.\"\nworld = \"tool-plugin\"\nwit = \"^0.1.0\"\n\
         [permissions]\nnet = [{{ url = \"{url}\" }}]\n\
         secrets = [{{ name = \"canary_key\", header = \"authorization\", format = \"Bearer {{}}\", url = \"{url}\" }}]\n\
         [permissions.limits]\nmemory_bytes = 134217728\n",
        url = echo.url()
    );
    std::fs::write(&manifest, text).expect("written");
    let packed = home.home().join("../echo.wasm");
    home.pack(&crate::household::guest("tool-fetch"), &manifest, &packed);
    home.drop_file(&packed, "echo.wasm");
    home.install("provider-offline");
    let log = home.home().join("../host.log");
    home.start_logging(&log, "trace");
    home.until_state("acme/tool-echo", "pending");
    let secret = json!({ "name": "canary_key", "header": "authorization", "format": "Bearer {}", "url": echo.url() });
    let granted = json!({ "net": [{ "url": echo.url(), "private": true }], "secrets": [secret] });
    home.run(&["plugin", "grant", "--yes", "acme/tool-echo", "--only", &granted.to_string()]).done();
    home.until_state("acme/tool-echo", "serving");
    home.until_model();
    (home, log)
}

fn fetch(home: &Household, echo: &Echo) -> String {
    home.run(&["chat", &format!("/tool echo__get {{\"url\":\"{}/x\"}}", echo.url())]).done()
}

#[test]
fn a_canary_reaches_its_server_and_stands_nowhere_else() {
    let echo = Echo::start();
    let (mut home, log) = keyed(&echo);

    // Not set: loud, and nothing is sent.
    let unset = fetch(&home, &echo);
    assert!(unset.contains("canary_key") && unset.contains("is not set"), "{unset}");
    assert!(unset.contains("skynet secret set canary_key") && unset.contains(&echo.url()), "{unset}");
    assert!(echo.credentials.lock().unwrap().is_empty());
    home.run(&["doctor"]).refused(1, &["wrong"]);

    // Set while the host runs: the next request carries it.
    let set = home.run_with(&["secret", "set", "canary_key", "--for", &echo.url()], CANARY);
    holds_no_canary("the output of `secret set`", set.done().as_bytes());
    let said = fetch(&home, &echo);
    assert_eq!(*echo.credentials.lock().unwrap(), [CANARY]);
    assert!(said.contains("[secret canary_key]"), "{said}");
    holds_no_canary("the answer", said.as_bytes());

    // The next turn has the result in its history.
    let next = home.run(&["--json", "chat", "what did the tool say?"]).done();
    holds_no_canary("the next answer", next.as_bytes());
    for command in
        [&["--json", "secret", "list"][..], &["--json", "secret", "test", "canary_key"], &["--json", "plugin", "info", "acme/tool-echo"]]
    {
        holds_no_canary("a command's output", home.run(command).done().as_bytes());
    }

    // Another key for the vault, which the host that runs takes up by itself.
    let key = std::fs::read(home.home().join("vault.key")).unwrap();
    home.run(&["secret", "rotate"]).done();
    assert_ne!(std::fs::read(home.home().join("vault.key")).unwrap(), key);
    fetch(&home, &echo);
    assert_eq!(*echo.credentials.lock().unwrap(), [CANARY, CANARY]);

    // Another value: the server knows the old one, and it still stands nowhere.
    home.run_with(&["secret", "rotate", "canary_key"], NEXT).done();
    let said = fetch(&home, &echo);
    assert_eq!(*echo.credentials.lock().unwrap(), [CANARY, CANARY, NEXT]);
    assert!(said.contains("[secret canary_key]") && !said.contains(NEXT), "{said}");
    holds_no_canary("the answer after the canary was replaced", said.as_bytes());

    // Bound elsewhere: loud again.
    home.run(&["secret", "set", "canary_key", "--keep", "--for", "https://api.example.com"]).done();
    let bound = fetch(&home, &echo);
    assert!(bound.contains("may go to https://api.example.com only"), "{bound}");
    home.run(&["secret", "test", "canary_key"]).refused(4, &["--keep --for https://api.example.com --for", &echo.url()]);
    assert_eq!(echo.credentials.lock().unwrap().len(), 3);

    assert_eq!(home.terminate(), 0);
    let logged = std::fs::read(&log).unwrap();
    assert!(logged.len() > 10_000, "the log has everything: {} bytes", logged.len());
    holds_no_canary("the log", &logged);
    assert!(no_file_holds_the_canary(&home.home()) > 5);
}

#[test]
fn a_canary_that_is_there_would_be_found() {
    for form in forms(CANARY) {
        let hidden = format!("some text {form} and more");
        assert!(std::panic::catch_unwind(|| holds_no_canary("a text", hidden.as_bytes())).is_err(), "{form}");
    }
    assert_eq!(base64("user:pass"), "dXNlcjpwYXNz");
    assert_eq!((base64("a").as_str(), base64("ab").as_str()), ("YQ==", "YWI="));
}

#[test]
fn secrets_are_set_listed_rotated_tested_and_removed() {
    let home = Household::new();
    home.run_with(&["secret", "set", "key", "--for", "https://API.example.com:443/"], "some-value-1\n").done();
    let again: Value = home.run_with(&["--json", "secret", "set", "key"], "some-value-1").json();
    assert_eq!((&again["version"], &again["changed"]), (&json!(1), &json!(false)), "the same again, and its servers stay");
    home.run_with(&["secret", "rotate", "key"], "some-value-2").done();
    let list = home.run(&["--json", "secret", "list"]).json();
    assert_eq!((&list["secrets"][0]["version"], &list["secrets"][0]["servers"]), (&json!(2), &json!(["https://api.example.com"])));
    assert_eq!(home.run(&["--json", "secret", "test", "key"]).json()["wrong"], json!([]));
    let short = home.run_with(&["secret", "set", "pin"], "1234").done();
    assert!(short.contains("fewer than 8"), "{short}");

    home.run_with(&["secret", "set", "a b"], "x").refused(4, &["no name"]);
    home.run_with(&["secret", "set", "key", "--for", "https://*"], "x").refused(4, &["too wide"]);
    home.run_with(&["secret", "set", "key"], "").refused(4, &["--none"]);
    home.run_with(&["secret", "rotate", "nothing"], "x").refused(5, &["secret list"]);
    home.run(&["secret", "test", "nothing"]).refused(5, &["skynet secret set nothing"]);
    home.run(&["secret", "rm", "key"]).refused(4, &["--yes"]);
    home.run(&["secret", "rm", "--yes", "key"]).done();
    home.run(&["secret", "rm", "--yes", "key"]).refused(5, &["secret list"]);
}

#[test]
fn the_vault_opens_by_each_of_its_slots_and_keeps_the_last() {
    let home = Household::new();
    home.run_with(&["secret", "set", "key"], "some-value-1").done();
    home.run(&["secret", "slot", "rm", "keyfile"]).refused(4, &["last slot", "skynet secret slot add"]);
    home.run_with(&["secret", "slot", "add", "passphrase"], "short").refused(4, &["at least"]);
    home.run_with(&["secret", "slot", "add", "passphrase"], "correct horse battery").done();
    home.run(&["secret", "slot", "add", "keyfile"]).refused(4, &["slot rm keyfile"]);

    let outside = home.home().join("../outside");
    std::fs::create_dir(&outside).unwrap();
    let write = |name: &str, text: &str| {
        let path = outside.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path
    };
    write("skynet-vault", "0123456789abcdef0123456789abcdef");
    let by_systemd = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env("CREDENTIALS_DIRECTORY", &outside);
        crate::household::Said::from(command.output().unwrap())
    };
    by_systemd(&["secret", "slot", "add", "systemd"]).done();
    home.run(&["secret", "rotate"]).refused(78, &["slot rm systemd"]);
    assert!(!home.home().join("vault.key.next").exists());

    // Without the key file each of the others opens it, and nothing else does.
    std::fs::rename(home.home().join("vault.key"), home.home().join("away")).unwrap();
    home.run(&["secret", "test", "key"]).refused(78, &["keyfile:", "passphrase:", "systemd:", "SKYNET_PASSPHRASE_FILE"]);
    home.run(&["start"]).refused(78, &["does not open"]);
    by_systemd(&["secret", "test", "key"]).done();
    let by_words = |words: &str| {
        let mut command = home.command(&["secret", "test", "key"]);
        command.env("SKYNET_PASSPHRASE_FILE", write("words", words));
        crate::household::Said::from(command.output().unwrap())
    };
    by_words("correct horse battery\n").done();
    by_words("correct house battery\n").refused(78, &["passphrase:"]);

    std::fs::rename(home.home().join("away"), home.home().join("vault.key")).unwrap();
    home.run(&["secret", "slot", "rm", "systemd"]).done();
    home.run(&["secret", "slot", "rm", "passphrase"]).done();
    home.run(&["secret", "rotate"]).done();
    // Cut off before the new key file was put in its place, the next command does it.
    std::fs::rename(home.home().join("vault.key"), home.home().join("vault.key.next")).unwrap();
    std::fs::write(home.home().join("vault.key"), "old").unwrap();
    std::fs::set_permissions(home.home().join("vault.key"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    home.run(&["secret", "test", "key"]).done();
    assert!(!home.home().join("vault.key.next").exists());
    home.run(&["secret", "test", "key"]).done();
    let kinds = home.run(&["--json", "secret", "slot", "list"]).json();
    assert_eq!(kinds.as_array().unwrap().iter().map(|slot| slot["kind"].clone()).collect::<Vec<_>>(), [json!("keyfile")]);
}

#[test]
fn a_secrets_file_moves_into_the_vault_and_goes() {
    let home = Household::new();
    let file = home.home().join("secrets.toml");
    let write = |text: &str| {
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    write("# mine\nold_key = \"value-of-old\"\nunset = \"\"\n");
    let said = home.run(&["init"]).done();
    assert!(said.contains("moved old_key from secrets.toml into the vault") && !said.contains("value-of-old"), "{said}");
    assert!(!file.exists());
    assert!(home.run(&["init"]).done().contains("nothing was changed"));
    let list = home.run(&["--json", "secret", "list"]).json();
    assert_eq!((&list["secrets"][0]["name"], list["secrets"].as_array().unwrap().len()), (&json!("old_key"), 1));

    // Somebody used to the file writes it again: its value counts, and it goes again.
    write("old_key = \"value-of-new\"\n");
    assert!(home.run(&["doctor"]).out.contains("in the clear"));
    home.run(&["init"]).done();
    assert_eq!(home.run(&["--json", "secret", "list"]).json()["secrets"][0]["version"], 2);
    assert!(!file.exists());
}

#[test]
fn a_database_that_somebody_changed_gives_no_secret_and_a_reset_begins_anew() {
    let home = Household::new();
    home.run_with(&["secret", "set", "key"], "some-value-1").done();
    std::fs::write(home.home().join("vault.key"), format!("{}\n", "00".repeat(32))).unwrap();
    home.run(&["secret", "test", "key"]).refused(78, &["keyfile:", "skynet secret reset"]);
    home.run(&["secret", "reset"]).refused(4, &["--yes"]);
    home.run(&["secret", "reset", "--yes"]).done();
    assert_eq!(home.run(&["--json", "secret", "list"]).json()["secrets"], json!([]));
    home.run_with(&["secret", "set", "key"], "some-value-1").done();
    home.run(&["secret", "test", "key"]).done();
}
