//! A command on its way to being a plugin's folder: the program with its digest, what it is started with, the
//! files that go along, and the tools as they were approved.
//!
//! Owns what is written into `tool.toml` and `tools.json`. Refuses a command that is not there, and a folder
//! that is a plugin already.

use crate::args::AddMcp;
use crate::cli::plugin::file::refused;
use crate::exit::{Kind, fail};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use skynet_plugins::trees;
use skynet_policy::digest::sha256_hex;
use skynet_policy::naming::plain_line;
use skynet_policy::script::{KeptProgram, MANIFEST_FILE, ScriptManifest, TOOLS_FILE};
use skynet_policy::tree::{Files, RELEASE_FILE, SIGNATURES_FILE};
use skynet_scripts::builder::find;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a plugin's folder is made of.
#[derive(Debug, Clone)]
pub(super) struct Command {
    /// `tool.toml`, but for what changes with each version.
    manifest: toml::Table,
    /// The files that go along.
    files: Files,
    /// The program's file, as it was when its owner began to look: what is approved in the end is what was shown.
    sha256: String,
}

impl Command {
    /// Of the command line's words.
    pub(super) fn of(add: &AddMcp) -> Result<Self> {
        let files = match &add.folder {
            Some(folder) => taken_along(folder)?,
            None => Files::new(),
        };
        let (word, arguments) = add.command.split_first().context("a command has a program")?;
        let program = program(word, &files)?;
        let mut environment = BTreeMap::new();
        for pair in &add.env {
            let (name, value) = pair.split_once('=').ok_or_else(|| fail(Kind::Refused, format!("--env {pair}: write NAME=VALUE")))?;
            environment.insert(name, value);
        }
        let root = |root: &String| {
            let (name, access) = root.strip_suffix(":write").map_or((root.as_str(), "read"), |name| (name, "write"));
            json!({ "root": name, "access": access })
        };
        let roots: Vec<Value> = add.root.iter().map(root).collect();
        let words = plain_line(&add.command.join(" "), 120);
        let mut manifest = json!({
            "name": add.name.replace('-', "_"),
            "description": format!("Tools of an MCP server, the program `{words}`."),
            "server": { "program": program, "sha256": "", "arguments": arguments, "timeout": add.timeout, "environment": environment },
        });
        if !roots.is_empty() {
            manifest["permissions"] = json!({ "fs": roots });
        }
        let manifest = toml::Table::try_from(manifest).map_err(|error| fail(Kind::Refused, error.to_string()))?;
        let sha256 = digest(&program, &files)?;
        Ok(Self { manifest, files, sha256 })
    }

    /// Of these files of a folder that was made so, with the tools that were approved and the program as it is now.
    pub(super) fn read(folder: &Path, mut files: Files) -> Result<(Self, Vec<Value>)> {
        let kept = ScriptManifest::of(&files).map_err(|why| refused(folder, why))?.kept;
        let kept = kept.ok_or_else(|| refused(folder, "it is a script, and no server"))?;
        let text = files.remove(MANIFEST_FILE).unwrap_or_default();
        let manifest = toml::from_str(&String::from_utf8_lossy(&text)).map_err(|error| refused(folder, error))?;
        for name in [TOOLS_FILE, RELEASE_FILE, SIGNATURES_FILE] {
            files.remove(name);
        }
        let sha256 = digest(&kept.program, &files)?;
        Ok((Self { manifest, files, sha256 }, kept.tools))
    }

    /// The whole folder of one version.
    pub(super) fn folder(&self, look: bool, tools: &[Value]) -> Result<Files> {
        let mut manifest = self.manifest.clone();
        let server = manifest.get_mut("server").and_then(toml::Value::as_table_mut).context("a manifest without [server]")?;
        server.insert("sha256".into(), self.sha256.clone().into());
        server.insert("look".into(), look.into());
        let mut files = self.files.clone();
        files.insert(MANIFEST_FILE.into(), toml::to_string(&manifest)?.into_bytes());
        files.insert(TOOLS_FILE.into(), serde_json::to_vec_pretty(tools)?);
        // What the host would refuse is refused here, in the same words.
        ScriptManifest::of(&files).map_err(|why| fail(Kind::Refused, why))?;
        Ok(files)
    }

    /// What is started, for a person.
    pub(super) fn kept(files: &Files) -> Result<(KeptProgram, Vec<String>)> {
        let manifest = ScriptManifest::of(files).map_err(|why| fail(Kind::Refused, why))?;
        let sentences = manifest.permissions.sentences();
        Ok((manifest.kept.context("a manifest without [server]")?, sentences))
    }
}

/// Of the program's file: one that goes along, a whole path, or a name, which is looked up.
fn digest(program: &str, files: &Files) -> Result<String> {
    if let Some(bytes) = program.strip_prefix("./").and_then(|inside| files.get(inside)) {
        return Ok(sha256_hex(bytes));
    }
    let place = if program.contains('/') { PathBuf::from(program) } else { find(program).ok_or_else(|| missing(program))? };
    let bytes = std::fs::read(&place).with_context(|| format!("the program {} cannot be read", place.display()))?;
    Ok(sha256_hex(&bytes))
}

fn missing(word: &str) -> anyhow::Error {
    fail(Kind::NotFound, format!("there is no program `{word}`; install it, or name it by its whole path"))
}

fn taken_along(folder: &Path) -> Result<Files> {
    let files = trees::read_folder(folder).map_err(|why| refused(folder, why))?;
    match [MANIFEST_FILE, TOOLS_FILE, RELEASE_FILE, SIGNATURES_FILE].into_iter().find(|name| files.contains_key(*name)) {
        Some(name) => Err(refused(folder, format!("it has a {name} of its own; a plugin's folder is put into tools/ as it is"))),
        None => Ok(files),
    }
}

/// The program as it is written down: a file that goes along, or a whole path.
fn program(word: &str, files: &Files) -> Result<String> {
    if word.strip_prefix("./").is_some_and(|inside| files.contains_key(inside)) {
        return Ok(word.to_owned());
    }
    let found: PathBuf = find(word).ok_or_else(|| missing(word))?;
    // As it is named, and not where links lead: a program may know itself by its name.
    let path = std::path::absolute(&found).with_context(|| format!("{} cannot be found", found.display()))?;
    path.into_os_string().into_string().map_err(|_| fail(Kind::Refused, format!("the path of `{word}` is not UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Words {
        #[command(flatten)]
        add: AddMcp,
    }

    fn added(words: &[&str]) -> Result<Command> {
        Command::of(&Words::try_parse_from([&["add-mcp", "a-server"], words].concat()).unwrap().add)
    }

    fn read(folder: &Path) -> (Command, Vec<Value>) {
        Command::read(folder, trees::read_folder(folder).unwrap()).unwrap()
    }

    #[test]
    fn a_program_that_changes_while_its_owner_reads_is_not_what_is_approved() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("server");
        std::fs::write(&program, "#!/bin/sh\n# harmless\n").unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let command = added(&["--", program.to_str().unwrap()]).unwrap();
        let shown = Command::kept(&command.folder(true, &[]).unwrap()).unwrap().0.sha256;
        let place = tempfile::tempdir().unwrap();
        for (name, bytes) in &command.folder(false, &[]).unwrap() {
            std::fs::write(place.path().join(name), bytes).unwrap();
        }
        let (again, _) = read(place.path());
        std::fs::write(&program, "#!/bin/sh\n# another\n").unwrap();
        for command in [command, again] {
            assert_eq!(Command::kept(&command.folder(false, &[]).unwrap()).unwrap().0.sha256, shown);
        }
        assert_ne!(Command::kept(&read(place.path()).0.folder(true, &[]).unwrap()).unwrap().0.sha256, shown);
    }

    #[test]
    fn a_program_by_its_name_alone_is_looked_up_and_not_read_from_where_one_stands() {
        assert_eq!(digest("sh", &Files::new()).unwrap(), sha256_hex(&std::fs::read(find("sh").unwrap()).unwrap()));
        assert!(digest("no-such-program-here", &Files::new()).unwrap_err().to_string().contains("install it"));
    }

    #[test]
    fn a_command_becomes_a_folder_that_is_read_again() {
        let along = tempfile::tempdir().unwrap();
        std::fs::write(along.path().join("server.py"), "pass").unwrap();
        let folder = along.path().to_str().unwrap();
        let words = ["--folder", folder, "--env", "A=b=c", "--root", "workspace:write", "--", "sh", "-c", "exec python3 server.py"];
        let files = added(&words).unwrap().folder(true, &[]).unwrap();
        let (kept, sentences) = Command::kept(&files).unwrap();
        assert_eq!(
            (kept.arguments.as_slice(), kept.environment["A"].as_str()),
            (&["-c".to_owned(), "exec python3 server.py".into()][..], "b=c")
        );
        assert!(kept.look && kept.program.starts_with('/') && kept.program.ends_with("/sh"), "{kept:?}");
        assert_eq!(kept.sha256, sha256_hex(&std::fs::read(&kept.program).unwrap()));
        assert!(sentences.iter().any(|sentence| sentence.contains("workspace")), "{sentences:?}");

        let place = tempfile::tempdir().unwrap();
        for (name, bytes) in &files {
            std::fs::write(place.path().join(name), bytes).unwrap();
        }
        let tools = [json!({ "name": "add", "tool": { "name": "Add" } })];
        let (again, none) = read(place.path());
        assert!(none.is_empty());
        let files = again.folder(false, &tools).unwrap();
        let (kept, _) = Command::kept(&files).unwrap();
        assert_eq!((kept.look, kept.tools.as_slice()), (false, &tools[..]));
        assert!(files.contains_key("server.py"));
    }

    #[test]
    fn a_program_that_goes_along_is_known_by_its_own_bytes() {
        let along = tempfile::tempdir().unwrap();
        std::fs::write(along.path().join("server"), "#!/bin/sh\ncat\n").unwrap();
        let files = added(&["--folder", along.path().to_str().unwrap(), "--", "./server"]).unwrap().folder(false, &[]).unwrap();
        let (kept, _) = Command::kept(&files).unwrap();
        assert_eq!((kept.program.as_str(), kept.sha256), ("./server", sha256_hex(b"#!/bin/sh\ncat\n")));
    }

    #[test]
    fn what_is_not_there_or_says_too_much_is_refused() {
        let check = |words: &[&str], why: &str| {
            let fault = added(words).and_then(|command| command.folder(false, &[])).unwrap_err().to_string();
            assert!(fault.contains(why), "{fault}");
        };
        check(&["--", "no-such-program-here"], "no program");
        check(&["--env", "A", "--", "sh"], "NAME=VALUE");
        check(&["--env", "LD_PRELOAD=x", "--", "sh"], "cannot be set");
        check(&["--", "sh", "a\u{200b}b"], "no plain line");
        let plugin = tempfile::tempdir().unwrap();
        std::fs::write(plugin.path().join("tool.toml"), "").unwrap();
        check(&["--folder", plugin.path().to_str().unwrap(), "--", "sh"], "of its own");
    }
}
