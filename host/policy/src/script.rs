//! `tool.toml`: what an author writes about a script plugin.
//!
//! The first plugins of this kind wrote no more than a name, a description, `[run]` and
//! `[[input.params]]`; their files are read as they are, and what they hold beside that is passed over.
//! A file that names its contract is read strictly, and so is one of a program that is kept (`server.rs`). Owns the mapping of both to a tool and a request
//! for permissions. Refuses what the sandbox or the door could not hold to.

mod server;

pub use server::{KeptProgram, TOOLS_FILE};

use crate::World;
use crate::limits::{MANIFEST_BYTES, SCRIPT_TIMEOUT_S, SUMMARY_CHARS, WALL_MS};
use crate::naming::{hidden_char, hidden_in, is_plain_line, is_tool_name, plain_line};
use crate::permission::{Limits, Permissions};
use crate::release::{ComponentDigest, RELEASE_SCHEMA, Release, WitDeclaration};
use crate::tree::{self, Files};
use crate::version::WIT_RANGE;
use semver::Version;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use skynet_core::{Annotations, PluginId, ToolSpec};
use std::collections::BTreeMap;
use std::time::Duration;

/// The manifest's place in a plugin's folder.
pub const MANIFEST_FILE: &str = "tool.toml";

/// What the host needs beyond a script's own time, to start and to end it.
const AROUND_MS: u64 = 5_000;

/// How a script is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScriptContract {
    /// Arguments in `SKYNET_INPUT`, text on stdout.
    #[default]
    Environment,
    /// JSON on stdin, JSON Lines on stdout.
    JsonLines,
    /// Lines both ways, with a program that stays between calls.
    #[serde(skip)]
    Kept,
}

/// The whole file, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptManifest {
    /// Whose and what, where the author says so: for signed folders.
    pub id: Option<PluginId>,
    /// The tool's name, as the model calls it.
    pub tool: String,
    /// For the model.
    pub description: String,
    /// Which; `0.0.0` where the author gave none.
    pub version: Version,
    /// The interpreter, by name.
    pub program: String,
    /// Its own arguments, ahead of the script.
    pub options: Vec<String>,
    /// The script, relative to the folder; empty where a program is kept.
    pub script: String,
    /// The program that is kept between calls, if it is that.
    pub kept: Option<KeptProgram>,
    /// How long one call may take.
    pub timeout: Duration,
    /// How it is spoken to.
    pub contract: ScriptContract,
    /// JSON Schema of its arguments.
    pub parameters: Value,
    /// What the tool claims to do to the world.
    pub annotations: Annotations,
    /// What it asks for: the servers, folders and secrets of the file, and to run.
    pub permissions: Permissions,
}

#[derive(Deserialize)]
struct Written {
    id: Option<PluginId>,
    name: String,
    description: String,
    version: Option<String>,
    run: Option<Run>,
    server: Option<KeptProgram>,
    #[serde(default)]
    input: Input,
    annotations: Option<Annotations>,
    #[serde(default)]
    permissions: Permissions,
    #[serde(flatten)]
    rest: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize)]
struct Run {
    command: String,
    script: String,
    timeout: Option<u64>,
    contract: Option<ScriptContract>,
    #[serde(flatten)]
    rest: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize, Default)]
struct Input {
    #[serde(default)]
    params: Vec<Param>,
    /// A whole JSON Schema, where parameters with types are too little.
    schema: Option<Map<String, Value>>,
    #[serde(flatten)]
    rest: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize)]
struct Param {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    required: bool,
    default: Option<Value>,
    #[serde(flatten)]
    rest: BTreeMap<String, toml::Value>,
}

impl ScriptManifest {
    /// Reads the file's text. The error is a sentence.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MANIFEST_BYTES {
            return Err(format!("{MANIFEST_FILE} has {} bytes; at most {MANIFEST_BYTES} are read", bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| format!("{MANIFEST_FILE} is not UTF-8"))?;
        let written: Written = toml::from_str(text).map_err(|error| format!("{MANIFEST_FILE}: {}", plain_line(&error.to_string(), 300)))?;
        legible(&written).and_then(|()| understood(written)).map_err(|fault| format!("{MANIFEST_FILE}: {fault}"))
    }

    /// Finds and reads it among the files of a folder, and checks that its script is there.
    pub fn of(files: &Files) -> Result<Self, String> {
        let bytes = files.get(MANIFEST_FILE).ok_or_else(|| format!("it has no {MANIFEST_FILE}"))?;
        let mut manifest = Self::parse(bytes)?;
        if let Some(kept) = &mut manifest.kept {
            kept.complete(files)?;
            return Ok(manifest);
        }
        match files.contains_key(&manifest.script) && !tree::is_sidecar(&manifest.script) {
            true => Ok(manifest),
            false => Err(format!("{MANIFEST_FILE}: run.script: there is no file `{}` in the folder", plain_line(&manifest.script, 100))),
        }
    }

    /// The tool that it is.
    pub fn tool_spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.tool.clone(),
            description: self.description.clone(),
            parameters: self.parameters.clone(),
            output: None,
            annotations: self.annotations,
        }
    }

    /// What a publisher signs about a folder, and what an owner approves of one that nobody signed.
    pub fn release(&self, id: PluginId, files: &Files, created: &str) -> Release {
        Release {
            schema: RELEASE_SCHEMA,
            id,
            version: self.version.clone(),
            component: ComponentDigest { sha256: tree::digest(files), size: tree::size(files) },
            wit: WitDeclaration {
                world: World::ScriptPlugin.to_string(),
                range: WIT_RANGE.into(),
                imports: Vec::new(),
                exports: Vec::new(),
            },
            permissions: self.permissions.clone(),
            summary: plain_line(&self.description, SUMMARY_CHARS),
            prev: None,
            created: created.into(),
            files: Vec::new(),
            config_schema: None,
            tools: Vec::new(),
        }
    }
}

/// Refuses what its owner could not see when reading it, and keys under `[input]` that mean nothing.
fn legible(written: &Written) -> Result<(), String> {
    let Input { params, schema, rest } = &written.input;
    let unknown = rest.keys().chain(params.iter().flat_map(|param| param.rest.keys())).next();
    if let (true, Some(key)) = (is_strict(written), unknown) {
        return Err(format!("input: unknown key `{}`", plain_line(key, 60)));
    }
    let unseen = |place: &str, c: char| Err(format!("{place}: holds a character that cannot be seen (U+{:04X})", u32::from(c)));
    if let Some(c) = hidden_char(&written.description) {
        return unseen("description", c);
    }
    let schema = schema.iter().flatten().find_map(|(key, value)| hidden_char(key).or_else(|| hidden_in(value)));
    let words = |param: &Param| {
        let default = param.default.as_ref().and_then(hidden_in);
        hidden_char(&param.name).or_else(|| hidden_char(&param.description)).or(default)
    };
    match schema.or_else(|| params.iter().find_map(words)) {
        Some(c) => unseen("input", c),
        None => Ok(()),
    }
}

/// Whether its author knows this version of the format, as a named contract or a program that is kept shows.
fn is_strict(written: &Written) -> bool {
    written.server.is_some() || written.run.as_ref().is_some_and(|run| run.contract.is_some())
}

/// What is started, and how it is spoken to.
struct Start {
    program: String,
    options: Vec<String>,
    script: String,
    timeout: Option<u64>,
    contract: ScriptContract,
    kept: Option<KeptProgram>,
}

fn understood(written: Written) -> Result<ScriptManifest, String> {
    let Written { id, name, description, version, run, server, input, annotations, permissions, rest } = written;
    let strict = server.is_some() || run.as_ref().is_some_and(|run| run.contract.is_some());
    let unknown = rest.keys().chain(run.iter().flat_map(|run| run.rest.keys())).next();
    if let (true, Some(key)) = (strict, unknown) {
        return Err(format!("unknown key `{}`", plain_line(key, 60)));
    }
    let tool = tool_name(&name)?;
    if plain_line(&description, SUMMARY_CHARS).is_empty() {
        return Err("description: says nothing; the model chooses by it".into());
    }
    let Start { program, options, script, timeout, contract, kept } = match (run, server) {
        (Some(run), None) => script_start(run)?,
        (None, Some(server)) => kept_start(server)?,
        _ => return Err("it needs `[run]`, for a script, or `[server]`, for a program that is kept, and not both".into()),
    };
    let timeout = timeout.unwrap_or(SCRIPT_TIMEOUT_S);
    let wall_ms = timeout.saturating_mul(1000).saturating_add(AROUND_MS);
    if timeout == 0 || wall_ms > WALL_MS {
        return Err(format!("run.timeout: {timeout} s is out of range: use 1 to {}", (WALL_MS - AROUND_MS) / 1000));
    }
    let permissions = request(permissions, &tool, wall_ms)?;
    if kept.is_some() && !(permissions.net.is_empty() && permissions.secrets.is_empty()) {
        return Err("permissions: a program that is kept has no way to the network; leave `net` and `secrets` out".into());
    }
    let annotations = annotations.unwrap_or(Annotations {
        // What is not said is taken for the worse.
        read_only: false,
        destructive: permissions.fs.iter().any(|rule| rule.access == crate::Access::Write),
        idempotent: false,
        open_world: !permissions.net.is_empty(),
    });
    Ok(ScriptManifest {
        id,
        tool,
        description,
        version: version.as_deref().map_or(Version::new(0, 0, 0), lenient),
        program,
        options,
        script,
        kept,
        timeout: Duration::from_secs(timeout),
        contract,
        parameters: parameters(input)?,
        annotations,
        permissions,
    })
}

fn script_start(run: Run) -> Result<Start, String> {
    if !is_plain_line(&run.command, 200) {
        return Err("run.command: is no plain line of at most 200 characters".into());
    }
    let mut words = run.command.split_whitespace().map(str::to_owned);
    // `/usr/bin/python3` is looked up as any other: the sandbox has its own list of folders.
    let program = words.next().and_then(|word| word.rsplit('/').next().map(str::to_owned)).filter(|name| !name.is_empty());
    let program = program.ok_or("run.command: names no interpreter")?;
    let script = run.script.strip_prefix("./").unwrap_or(&run.script).to_owned();
    if let Some(fault) = tree::path_fault(&script) {
        return Err(format!("run.script: {fault}"));
    }
    let contract = run.contract.unwrap_or_default();
    Ok(Start { program, options: words.collect(), script, timeout: run.timeout, contract, kept: None })
}

fn kept_start(server: KeptProgram) -> Result<Start, String> {
    if let Some(fault) = server.fault() {
        return Err(fault);
    }
    Ok(Start {
        program: server.program.clone(),
        options: server.arguments.clone(),
        script: String::new(),
        timeout: server.timeout,
        contract: ScriptContract::Kept,
        kept: Some(server),
    })
}

/// What a script can be held to, and no more.
fn request(written: Permissions, tool: &str, wall_ms: u64) -> Result<Permissions, String> {
    let Permissions { net, fs, secrets, .. } = written.clone();
    let kept = Permissions { net: net.clone(), fs: fs.clone(), secrets: secrets.clone(), ..Permissions::default() };
    if kept != written {
        return Err("permissions: a script may ask for `net`, `fs` and `secrets`; leave the others out".into());
    }
    let limits = Limits { wall_ms: Some(wall_ms), ..Limits::default() };
    let request = Permissions { script: vec![tool.to_owned()], limits, ..kept };
    match request.request_faults().first() {
        Some(fault) => Err(format!("permissions.{fault}")),
        None => Ok(request),
    }
}

/// The name as a model may write it: other characters become `_`.
fn tool_name(name: &str) -> Result<String, String> {
    let lower = name.trim().to_lowercase();
    let tool: String = lower.chars().map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '_' }).collect();
    match is_tool_name(&tool) && lower.is_ascii() {
        true => Ok(tool),
        false => Err(format!("name: `{}` is no name for a tool: begin with a-z, then a-z, 0-9 and _, at most 48", plain_line(name, 60))),
    }
}

/// `1`, `1.2` and `v1.2.3` are versions to their authors; what is none at all is the lowest.
fn lenient(text: &str) -> Version {
    let text = text.trim().trim_start_matches('v');
    let padded = match text.split('.').count() {
        1 => format!("{text}.0.0"),
        2 => format!("{text}.0"),
        _ => text.to_owned(),
    };
    Version::parse(&padded).unwrap_or(Version::new(0, 0, 0))
}

fn parameters(input: Input) -> Result<Value, String> {
    let Input { params, schema, .. } = input;
    match schema {
        Some(_) if !params.is_empty() => return Err("input: has both `params` and `schema`; leave one out".into()),
        Some(schema) => return Ok(Value::Object(schema)),
        None => {}
    }
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for param in params {
        if !["string", "integer", "number", "boolean"].contains(&param.kind.as_str()) {
            let kind = plain_line(&param.kind, 30);
            return Err(format!(
                "input.params: `{}` has the type `{kind}`; known are string, integer, number, boolean",
                plain_line(&param.name, 60)
            ));
        }
        let mut property = json!({ "type": param.kind, "description": param.description });
        if let (Some(property), Some(default)) = (property.as_object_mut(), param.default) {
            property.insert("default".into(), default);
        }
        if param.required {
            required.push(Value::from(param.name.clone()));
        }
        if properties.insert(param.name.clone(), property).is_some() {
            return Err(format!("input.params: `{}` is there twice", plain_line(&param.name, 60)));
        }
    }
    Ok(json!({ "type": "object", "properties": properties, "required": required }))
}

#[cfg(test)]
mod tests;
