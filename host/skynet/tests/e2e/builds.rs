//! What a build may run and write, and that it ends with its command. The compilers are scripts of
//! the test, so that it is seen which of them ran, with what, and where.

use crate::household::{Household, PATIENCE, Said, guest};
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

fn text(path: &Path) -> String {
    path.to_str().expect("a plain path").to_owned()
}

fn program(path: &Path, script: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A new project, and a folder of programs for PATH.
struct Project {
    home: Household,
    folder: PathBuf,
    programs: PathBuf,
}

impl Project {
    fn new(lang: &str) -> Self {
        let home = Household::new();
        let (folder, programs) = (home.home().join("../project"), home.home().join("../programs"));
        home.run(&["plugin", "new", "--lang", lang, "thing", "--path", &text(&folder)]).done();
        std::fs::create_dir(&programs).unwrap();
        Self { home, folder, programs }
    }

    fn command(&self, more: &[&str]) -> std::process::Command {
        let mut command = self.home.command(&["plugin", "build"]);
        command.arg(&self.folder).args(more).env("PATH", format!("{}:/usr/bin:/bin", self.programs.display()));
        command
    }

    fn build(&self, more: &[&str]) -> Said {
        self.command(more).output().expect("the binary runs").into()
    }

    fn mark(&self, name: &str) -> PathBuf {
        self.programs.join(format!("{name}.ran"))
    }

    /// A program that leaves a mark, makes the component it is asked for, and ends.
    fn makes(&self, at: &Path, name: &str, component: &str) {
        let made = guest("tool-time");
        program(at, &format!("echo \"$@\" >> '{}'\ncp '{}' {component}", self.mark(name).display(), made.display()));
    }
}

/// The component that componentize-py is to write is its last argument.
const LAST: &str = "\"$(eval echo \\${$#})\"";

#[test]
fn a_compiler_in_the_projects_own_folder_runs_only_for_who_says_so() {
    let project = Project::new("python");
    let own = project.folder.join(".venv/bin/componentize-py");
    project.makes(&own, "own", LAST);
    project.build(&[]).refused(4, &[".venv/bin/componentize-py", "whoever made that folder", "--trust-project", "pipx install"]);
    let json = project.build(&["--json"]);
    assert!(json.code == 4 && json.out.is_empty() && json.err.starts_with("{\"code\":4"), "{}", json.err);
    assert!(!project.mark("own").exists() && !project.folder.join("dist/thing.wasm").exists());

    // One on PATH is the user's own, and comes first.
    project.makes(&project.programs.join("componentize-py"), "path", LAST);
    project.build(&[]).done();
    assert!(project.mark("path").exists() && !project.mark("own").exists());
    project.build(&["--trust-project"]).done();
    assert!(project.mark("own").exists());
}

#[test]
fn a_build_in_javascript_runs_nothing_that_lies_in_the_project() {
    let project = Project::new("js");
    program(&project.programs.join("node"), &format!("echo \"$@\" >> '{}'\nexit 3", project.mark("node").display()));
    program(&project.programs.join("npm"), &format!("echo \"$PWD\" >> '{}'\nexit 3", project.mark("npm").display()));
    for tool in ["esbuild", "@bytecodealliance/componentize-js"] {
        std::fs::create_dir_all(project.folder.join("node_modules").join(tool)).unwrap();
    }
    std::fs::create_dir_all(project.folder.join("vendor/skynet-plugin")).unwrap();
    std::fs::write(project.folder.join("vendor/skynet-plugin/build.mjs"), "hostile").unwrap();

    // The tools come from npm, into a folder that is not the project's.
    project.build(&[]).refused(1, &["npm"]);
    let folder = std::fs::canonicalize(&project.folder).unwrap();
    assert!(!std::fs::read_to_string(project.mark("npm")).unwrap().contains(&text(&folder)) && !project.mark("node").exists());

    // What is there already is taken from its own folder, with a script of ours.
    let tools = project.home.home().join("../tools");
    for tool in ["esbuild", "@bytecodealliance/componentize-js"] {
        std::fs::create_dir_all(tools.join("node_modules").join(tool)).unwrap();
    }
    let said: Said = project.command(&[]).env("WASM_JS_TOOLS", &tools).output().unwrap().into();
    said.refused(1, &["node"]);
    let ran = std::fs::read_to_string(project.mark("node")).unwrap();
    assert!(ran.starts_with(&text(&tools.join("build.mjs"))) && !ran.contains("vendor/skynet-plugin/build.mjs"), "{ran}");
    assert!(std::fs::read_to_string(tools.join("build.mjs")).unwrap().contains("componentize"));

    // npm heeds the folder's .npmrc, so packages of the project are its author's programs.
    std::fs::write(project.folder.join("package.json"), r#"{ "dependencies": { "x": "git+ssh://x" } }"#).unwrap();
    let said: Said = project.command(&[]).env("WASM_JS_TOOLS", &tools).output().unwrap().into();
    said.refused(4, &["npm", "--trust-project", "npm install --ignore-scripts"]);
    assert_eq!(std::fs::read_to_string(project.mark("npm")).unwrap().lines().count(), 1);
}

#[test]
fn go_does_not_look_at_the_version_control_of_a_stranger() {
    let project = Project::new("go");
    program(&project.programs.join("go"), &format!("echo \"$@\" > '{}'\nexit 3", project.mark("go").display()));
    project.build(&[]).refused(1, &["go"]);
    assert!(std::fs::read_to_string(project.mark("go")).unwrap().contains("-buildvcs=false"));
}

#[test]
fn a_link_in_a_project_does_not_lead_a_build_to_another_file() {
    let project = Project::new("python");
    project.makes(&project.programs.join("componentize-py"), "path", LAST);
    let mine = project.home.home().join("../mine");
    std::fs::write(&mine, "as it was").unwrap();
    for (place, link) in [("build", "skynet_entry.py"), ("build", "thing.wasm"), ("dist", "thing.wasm")] {
        let folder = project.folder.join(place);
        std::fs::create_dir_all(&folder).unwrap();
        symlink(&mine, folder.join(link)).unwrap();
        project.build(&[]).refused(4, &[link, "is a link"]);
        std::fs::remove_dir_all(folder).unwrap();
    }
    symlink(project.home.home(), project.folder.join("dist")).unwrap();
    project.build(&[]).refused(4, &["dist", "is a link"]);
    assert_eq!(std::fs::read_to_string(&mine).unwrap(), "as it was");
    assert!(!project.home.home().join("thing.wasm").exists());
}

#[test]
fn a_compiler_ends_with_the_command_that_started_it_however_that_ends() {
    let project = Project::new("python");
    let line = project.programs.join("line");
    assert!(std::process::Command::new("mkfifo").arg(&line).status().unwrap().success());
    // It and what it starts hold the line; nobody asks them to end.
    program(&project.programs.join("componentize-py"), &format!("exec 9>'{}'\necho up >&9\nsleep 1000 &\nsleep 1000", line.display()));
    for signal in ["-KILL", "-TERM", "-INT", "-HUP"] {
        let mut building = project.command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (said, says) = std::sync::mpsc::channel();
        let line = line.clone();
        let reader = std::thread::spawn(move || {
            let mut pipe = std::fs::File::open(line).unwrap();
            let mut up = [0; 3];
            pipe.read_exact(&mut up).unwrap();
            said.send(()).unwrap();
            // The end of the line: nobody holds it any more.
            pipe.read_to_end(&mut Vec::new()).unwrap();
            said.send(()).unwrap();
        });
        says.recv_timeout(PATIENCE).expect("it is up");
        let id = building.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
        building.wait().unwrap();
        says.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{signal}: the compiler goes on"));
        reader.join().unwrap();
    }
}

#[test]
fn what_a_compiler_says_moves_no_cursor() {
    let project = Project::new("python");
    program(&project.programs.join("componentize-py"), "printf 'no \\033]0;title\\007 \\033[2J\\n' >&2; exit 1");
    for more in [&[][..], &["--json"]] {
        let said = project.build(more);
        assert!(said.code == 1 && !said.err.contains(['\u{1b}', '\u{7}']) && said.err.contains("title"), "{}", said.err);
    }
}
