//! `skynet plugin grant`: the owner reads what is asked, then says yes.

use super::{checked, names, text};
use crate::args::Grant;
use crate::client;
use crate::clock::{self, SystemClock};
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::PLUGIN_CHANGE;
use crate::output::Out;
use crate::registry::findings;
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use skynet_core::PluginId;
use skynet_core::ports::Clock as _;
use skynet_policy::permission::{NetRule, Permissions};
use skynet_policy::release::{Release, split};
use skynet_policy::{AddressClass, Host, resolve_settings};
use skynet_registry_client::disk::Folder;
use skynet_review::{Policy, Report};
use std::io::{IsTerminal, Write};

pub(crate) async fn run(home: &Home, grant: Grant, out: &Out) -> Result<()> {
    let id = checked(&grant.id)?;
    let info = client::call(home, "plugins.info", json!({ "id": id }), PLUGIN_CHANGE).await?;
    // What a grant is for: a release that waits, else one that was denied, else what serves.
    let release = ["waiting", "denied"].into_iter().map(|key| &info[key]).find(|release| !release.is_null());
    let shown = release.unwrap_or(&info);
    let (asked, publisher) = (&shown["request"], &shown["publisher"]);
    let mut permissions: Permissions = match &grant.only {
        Some(only) => {
            serde_json::from_str(only).map_err(|error| fail(Kind::Usage, format!("--only is not a set of permissions: {error}")))?
        }
        None => serde_json::from_value(asked.clone()).context("the host's answer")?,
    };
    if let Some(server) = &grant.private {
        let refused = |why: String| fail(Kind::Refused, format!("nothing was granted: {why}"));
        let settings = crate::config_file::load(home)?.settings.get(&id).cloned().unwrap_or_default();
        open_private(&mut permissions, &id, server.as_deref(), &settings).map_err(refused)?;
    }
    // One that asks for no permission may wait for another word: to serve as what it did not come as.
    if permissions.is_empty() && release.is_none() {
        out.both(&format!("{id} asks for nothing; it needs no grant"), &json!({ "id": id, "granted": [] }));
        return Ok(());
    }
    let sentences = permissions.sentences();
    let until_ms = grant.lasts.as_deref().map(until).transpose()?;
    let what = if grant.only.is_some() { "would be granted" } else { "asks" };
    out.line(&format!("{id}, signed by {}, {what}:", text(publisher)));
    sentences.iter().for_each(|sentence| out.line(&format!("  {sentence}")));
    // What else it waits for than permissions: another signer, or what it would serve as.
    let asks = release.and_then(|release| release["asks"].as_array()).into_iter().flatten().map(text);
    asks.filter(|ask| !sentences.iter().any(|sentence| sentence == ask)).for_each(|ask| out.line(&format!("  {ask}")));
    release.iter().for_each(|release| show_change(&info, release, out));
    // One component may be several, whatever its manifest calls it: a tool that is a provider, too, is asked by `auto`.
    let kinds = release.map(|release| &release["kinds"]).filter(|kinds| kinds.as_array().is_some_and(|kinds| !kinds.is_empty()));
    match names(kinds.unwrap_or(&info["status"]["kinds"])) {
        unknown if unknown.is_empty() => {}
        kinds => out.line(&format!("  it serves as: {kinds}")),
    }
    for above in info["above_ceiling"].as_array().into_iter().flatten() {
        out.line(&format!("  kept from it by [ceiling] in skynet.toml: {}", text(above)));
    }
    let version = text(release.map_or(&info["status"]["serving"]["version"], |release| &release["version"]));
    let found = dropped(home, &id, version);
    found.iter().for_each(|report| findings::show(report, out));
    if !grant.yes && !confirmed("Allow this?", out)? {
        return Err(fail(Kind::Refused, format!("nothing was granted; `skynet plugin grant --yes {id}` does not ask")));
    }
    let granted: Value = serde_json::to_value(&permissions)?;
    // Bound to what was shown: another release may come while its owner reads.
    let mut wish = json!({ "id": id, "permissions": granted });
    if let Some(digest) = shown["release"].as_str().filter(|digest| !digest.is_empty()) {
        wish["release"] = json!(digest);
    }
    if let Some(until_ms) = until_ms {
        wish["untilMs"] = json!(until_ms);
    }
    client::call(home, "plugins.grant", wish, PLUGIN_CHANGE).await?;
    let lasts = grant.lasts.map_or_else(String::new, |lasts| format!(" for {lasts}"));
    out.both(&format!("granted to {id}{lasts}"), &json!({ "id": id, "granted": sentences, "until_ms": until_ms, "findings": found }));
    Ok(())
}

/// Lets servers be on private networks: those that the owner's settings name and those that are private by what they are
/// called, or this one. A rule for every public server stays public, and one that none reaches is not made.
fn open_private(permissions: &mut Permissions, id: &PluginId, server: Option<&str>, settings: &Map<String, Value>) -> Result<(), String> {
    let Some(server) = server else {
        let one = permissions.net.iter().find(|rule| rule.target.exact_host().is_some());
        let example = one.map_or_else(|| "http://localhost:8080".to_owned(), ToString::to_string);
        let mut meant = permissions.net.iter_mut().filter(|rule| rule.scheme.is_none() || is_private(rule)).peekable();
        if meant.peek().is_none() {
            return Err(format!(
                "{id} asks for no server that a setting names or that is on this machine; name the one that is meant: skynet plugin grant {id} --private={example}"
            ));
        }
        meant.for_each(|rule| rule.private = true);
        return Ok(());
    };
    let exact = NetRule { private: true, ..NetRule::parse(server)? };
    if exact.target.exact_host().is_none() {
        return Err(format!("`{server}` is not one server; name its host"));
    }
    let named = |rule: &&mut NetRule| {
        let one =
            Permissions { net: vec![NetRule { private: true, methods: Vec::new(), ..NetRule::clone(rule) }], ..Permissions::default() };
        rule.scheme.is_none() && resolve_settings(&one, settings).net.contains(&exact)
    };
    if let Some(rule) = permissions.net.iter_mut().find(named) {
        rule.private = true;
        return Ok(());
    }
    let reaches =
        |rule: &&NetRule| rule.scheme == exact.scheme && rule.port_in_use() == exact.port_in_use() && rule.target.covers(&exact.target);
    let methods: Vec<Vec<String>> = permissions.net.iter().filter(reaches).map(|rule| rule.methods.clone()).collect();
    if methods.is_empty() {
        return Err(format!("{id} does not ask for {exact}; what it asks for: skynet plugin info {id}"));
    }
    // All methods, where one rule has no list of them.
    let methods = if methods.iter().any(Vec::is_empty) { Vec::new() } else { methods.concat() };
    permissions.net.retain(|rule| rule.target != exact.target || rule.scheme != exact.scheme || rule.port != exact.port);
    permissions.net.push(NetRule { methods, ..exact });
    *permissions = permissions.normalized();
    Ok(())
}

/// Whether a server is one of this machine or the private network by its name or address alone.
fn is_private(rule: &NetRule) -> bool {
    match rule.target.exact_host() {
        Some(Host::Ip(address)) => skynet_policy::classify(*address) != AddressClass::Public,
        Some(Host::Name(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// What a review finds in the file of this version, where one lies in the drop folder. It was
/// admitted, so it is only for looking.
fn dropped(home: &Home, id: &PluginId, version: &str) -> Option<Report> {
    let folder = Folder::open(&home.plugins()).ok()?;
    folder.names("").ok()?.into_iter().filter(|name| name.ends_with(".wasm")).find_map(|name| {
        let file = folder.read(&name, skynet_policy::limits::COMPONENT_BYTES).ok().flatten()?;
        let release = Release::parse(split(&file).ok()?.release_json).ok()?;
        let same = release.id == *id && release.version.to_string() == version;
        same.then(|| findings::of(&file, &release, &[], &Policy::default()))
    })
}

/// What an update changes, line by line: the owner agrees to the difference.
fn show_change(info: &Value, waiting: &Value, out: &Out) {
    if waiting["signer"] == "first" {
        return;
    }
    let serving = text(&info["status"]["serving"]["version"]);
    let signer = if waiting["signer"] == "same" { "signed by the same key" } else { "SIGNED BY ANOTHER KEY than the version that serves" };
    out.line(&format!("{serving} → {}, {signer}", text(&waiting["version"])));
    text(&waiting["diff_text"]).lines().for_each(|line| out.line(&format!("  {line}")));
}

/// When a time such as `12h` from now is over, in milliseconds since the Unix epoch.
fn until(lasts: &str) -> Result<u64> {
    let span: jiff::SignedDuration = lasts.parse().map_err(|_| fail(Kind::Usage, format!("`{lasts}` is no time; write 30m, 12h or 7d")))?;
    let ms = u64::try_from(span.as_millis()).ok().filter(|ms| *ms > 0);
    let ms = ms.ok_or_else(|| fail(Kind::Usage, format!("`{lasts}` is over before it begins; write 30m, 12h or 7d")))?;
    Ok(SystemClock.now_ms().saturating_add(ms))
}

fn when(ms: &Value) -> String {
    ms.as_u64().map_or_else(|| "-".into(), clock::minute)
}

/// `skynet plugin grants`.
pub(super) async fn list(home: &Home, id: Option<&str>, out: &Out) -> Result<()> {
    let id = id.map(checked).transpose()?;
    let answer = client::call(home, "plugins.grants", json!({}), PLUGIN_CHANGE).await?;
    let all = answer["grants"].as_array().cloned().unwrap_or_default();
    let grants: Vec<Value> = all.into_iter().filter(|grant| id.as_ref().is_none_or(|id| grant["plugin"] == id.as_str())).collect();
    if let Some(id) = id.as_ref().filter(|_| grants.is_empty()) {
        // One without a grant is told from one that there is not.
        client::call(home, "plugins.info", json!({ "id": id }), PLUGIN_CHANGE).await?;
    }
    out.value(&json!(grants));
    if grants.is_empty() {
        out.line(&id.map_or_else(|| "no plugin has a grant".to_owned(), |id| format!("{id} has no grant")));
    }
    for grant in &grants {
        let until = if grant["until_ms"].is_null() { "for good".into() } else { format!("until {}", when(&grant["until_ms"])) };
        out.line(&format!(
            "{}  signed by {}, granted by {} on {}, {until}",
            text(&grant["plugin"]),
            text(&grant["publisher"]),
            text(&grant["by"]),
            when(&grant["at_ms"])
        ));
        let lines = |key: &str| grant[key].as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
        lines("allows").iter().for_each(|sentence| out.line(&format!("  {sentence}")));
        lines("above_ceiling").iter().for_each(|sentence| out.line(&format!("  kept from it by [ceiling]: {sentence}")));
    }
    Ok(())
}

/// Whether the person at the terminal says yes; nobody there is a no.
pub(super) fn confirmed(question: &str, out: &Out) -> Result<bool> {
    if out.json || !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut stdout = std::io::stdout();
    write!(stdout, "{question} [y/N] ")?;
    stdout.flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(net: Value, server: Option<&str>) -> Result<Value, String> {
        let mut permissions: Permissions = serde_json::from_value(json!({ "net": net })).unwrap();
        let id = PluginId::new("acme/tool").unwrap();
        let settings = json!({ "base_url": "http://localhost:11434/v1" }).as_object().unwrap().clone();
        open_private(&mut permissions, &id, server, &settings)?;
        Ok(serde_json::to_value(permissions).unwrap()["net"].clone())
    }

    #[test]
    fn one_private_server_is_opened_within_what_is_asked_and_no_wide_rule_is() {
        let any = json!([{ "url": "http://*", "methods": ["GET"] }, { "url": "https://*" }]);
        let with = |rule: Value| [&[rule][..], any.as_array().unwrap()].concat();
        let nas = json!({ "url": "http://nas.lan", "methods": ["GET"], "private": true });
        let mut found = opened(any.clone(), Some("http://nas.lan")).unwrap().as_array().unwrap().clone();
        found.sort_by_key(ToString::to_string);
        let mut expected = with(nas);
        expected.sort_by_key(ToString::to_string);
        assert_eq!(found, expected);
        let literal = json!([{ "url": "http://localhost:8080" }]);
        assert_eq!(opened(literal, Some("http://localhost:8080")).unwrap(), json!([{ "url": "http://localhost:8080", "private": true }]));
        for (server, why) in [("http://nas.lan:81", "does not ask for"), ("http://*", "not one server"), ("nas.lan", "is not a server")] {
            let refused = opened(any.clone(), Some(server)).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn without_a_server_those_that_are_asked_for_on_this_machine_are_opened_and_no_other() {
        let asked = json!([
            { "url": "http://127.0.0.1:8188", "methods": ["GET"] }, { "url": "http://[fd00::1]" }, { "url": "http://localhost:1234" },
            { "url": "http://nas.lan" }, { "url": "https://api.example.com" }, { "url": "https://93.184.216.34" }, { "url": "setting:base_url" },
        ]);
        let opened = opened(asked, None).unwrap();
        let private: Vec<bool> = opened.as_array().unwrap().iter().map(|rule| rule["private"] == true).collect();
        assert_eq!(private, [true, true, true, false, false, false, true], "{opened}");
    }

    #[test]
    fn where_nothing_would_be_opened_nothing_is_granted_and_the_command_names_the_server() {
        let refused = opened(json!([{ "url": "https://*" }, { "url": "http://nas.lan:5000" }]), None).unwrap_err();
        assert!(refused.contains("skynet plugin grant acme/tool --private=http://nas.lan:5000"), "{refused}");
    }

    #[test]
    fn the_servers_of_settings_are_opened_and_where_there_are_none_it_says_what_to_write() {
        let by_setting = json!([{ "url": "setting:base_url" }]);
        for server in [None, Some("http://localhost:11434")] {
            assert_eq!(opened(by_setting.clone(), server).unwrap(), json!([{ "url": "setting:base_url", "private": true }]));
        }
        assert!(opened(by_setting, Some("http://localhost:1")).is_err(), "another than it names");
        let refused = opened(json!([{ "url": "https://*" }]), None).unwrap_err();
        assert!(refused.contains("skynet plugin grant acme/tool --private="), "{refused}");
    }
}
