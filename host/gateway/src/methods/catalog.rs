//! What there is to use: models, tools, chat commands.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::schema::{Kind, WORD, may, must};
use serde_json::{Map, Value, json};
use skynet_core::ports::{ModelEntry, ToolEntry};
use std::collections::BTreeMap;

const READ: Option<Scope> = Some(Scope::Read);

pub(super) const METHODS: &[Method] = &[
    method("models.list", READ, Some(&[may("view", Kind::OneOf(&["default", "configured", "all"]))]), |call| Box::pin(models(call))),
    method("tools.catalog", READ, Some(&[may("agentId", WORD), may("includePlugins", Kind::Bool)]), |call| Box::pin(tools_catalog(call))),
    method("tools.effective", READ, Some(&[may("agentId", WORD), must("sessionKey", WORD)]), |call| Box::pin(tools_effective(call))),
    method(
        "commands.list",
        READ,
        Some(&[
            may("agentId", WORD),
            may("provider", WORD),
            may("scope", Kind::OneOf(&["text", "native", "both"])),
            may("includeArgs", Kind::Bool),
        ]),
        |call| Box::pin(commands(call)),
    ),
];

async fn models(call: Call) -> Answer {
    let models: Vec<Value> = call.server.agent.models().iter().map(model).collect();
    Ok(json!({"models": models}).into())
}

fn model(entry: &ModelEntry) -> Value {
    let info = &entry.info;
    let mut row = Map::new();
    row.insert("id".into(), info.id.as_str().into());
    row.insert("name".into(), info.name.as_str().into());
    row.insert("provider".into(), entry.provider.as_str().into());
    row.insert("reasoning".into(), info.can("thinking").into());
    row.insert("input".into(), if info.can("images") { json!(["text", "image"]) } else { json!(["text"]) });
    if let Some(window) = info.context_window {
        row.insert("contextWindow".into(), window.into());
    }
    Value::Object(row)
}

/// Tools by the plugin that brings them.
fn groups(call: &Call, tool: impl Fn(&ToolEntry) -> Value) -> Vec<Value> {
    let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for entry in call.server.agent.tools() {
        groups.entry(entry.plugin.id.as_str().to_owned()).or_default().push(tool(&entry));
    }
    let group = |(id, tools): (String, Vec<Value>)| json!({"id": id, "label": id, "source": "plugin", "pluginId": id, "tools": tools});
    groups.into_iter().map(group).collect()
}

async fn tools_catalog(call: Call) -> Answer {
    let groups = groups(&call, |tool| {
        json!({
            "id": tool.exposed, "label": tool.spec.name, "description": tool.spec.description, "source": "plugin",
            "pluginId": tool.plugin.id, "defaultProfiles": ["full"],
        })
    });
    Ok(json!({"agentId": "main", "profiles": [{"id": "full", "label": "Full"}], "groups": groups}).into())
}

async fn tools_effective(call: Call) -> Answer {
    call.session("sessionKey")?;
    let groups = groups(&call, |tool| {
        json!({
            "id": tool.exposed, "label": tool.spec.name, "description": tool.spec.description, "rawDescription": tool.spec.description,
            "source": "plugin", "pluginId": tool.plugin.id,
        })
    });
    Ok(json!({"agentId": "main", "profile": "full", "groups": groups}).into())
}

/// Name, what it does, category, what may follow.
type Command = (&'static str, &'static str, &'static str, Option<(&'static str, &'static str)>);

/// The commands that the agent understands.
const COMMANDS: [Command; 7] = [
    ("help", "List the commands", "status", None),
    ("status", "Say what is going on", "status", None),
    ("tools", "List what the model can call", "status", None),
    ("model", "Show or choose the model of this session", "options", Some(("model", "provider/model, or auto"))),
    ("new", "Start an empty conversation", "session", None),
    ("reset", "Start an empty conversation", "session", None),
    ("stop", "Stop what runs in this session", "session", None),
];

async fn commands(call: Call) -> Answer {
    let with_args = call.flag("includeArgs");
    let command = |(name, description, category, argument): &Command| {
        let mut row = json!({
            "name": name, "textAliases": [format!("/{name}")], "description": description, "category": category, "source": "native",
            "scope": "text", "acceptsArgs": argument.is_some(),
        });
        if let (true, Some((arg, about)), Some(row)) = (with_args, argument, row.as_object_mut()) {
            row.insert("args".into(), json!([{"name": arg, "description": about, "type": "string", "required": false}]));
        }
        row
    };
    let commands: Vec<Value> = COMMANDS.iter().map(command).collect();
    Ok(json!({"commands": commands}).into())
}
