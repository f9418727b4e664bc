//! Which permission each imported interface needs.
//!
//! Linking an interface is a grant, so a component that imports one must ask for
//! its permission in the signed manifest. Standard WASI is always linked, over an
//! empty context: guest languages import more of it than they use.

use crate::naming::plain_line;
use crate::permission::Permissions;
use crate::version::WIT_PACKAGE;

/// Imports that are a power of their own, with the permission that allows them.
const POWERS: [(&str, &str); 10] = [
    ("kv", "kv"),
    ("memory", "memory"),
    ("knowledge", "memory"),
    ("schedule", "schedule"),
    ("agent", "agent"),
    ("messages", "messages"),
    ("script", "script"),
    ("secret-reveal", "reveal"),
    ("propose", "propose"),
    ("terminal", "terminal"),
];

/// The other interfaces of the package: harmless imports, and exports.
const HARMLESS: [&str; 11] =
    ["log", "config", "secrets", "delta-sink", "types", "lifecycle", "tool", "provider", "channel", "hook", "migrate"];

/// The permission without which this interface must not be linked. Takes a bare
/// name or a full one such as `skynet:plugin/kv@0.1.0`.
pub fn required_permission(interface: &str) -> Option<&'static str> {
    let name = interface_of(interface)?;
    POWERS.iter().find(|(power, _)| *power == name).map(|(_, permission)| *permission)
}

/// One fault for each import whose permission the request does not ask for.
pub fn undeclared(imports: &[String], request: &Permissions) -> Vec<String> {
    let mut faults: Vec<String> = imports
        .iter()
        .filter_map(|import| Some((import, required_permission(import)?)))
        .filter(|(_, permission)| !asks_for(request, permission))
        .map(|(import, permission)| {
            format!(
                "the component imports `{}`, but its manifest does not ask for the permission `{permission}`: add it to [permissions] in plugin.toml, or leave the import out",
                plain_line(import, 100)
            )
        })
        .collect();
    faults.dedup();
    faults
}

/// WASI packages of which the host links what can be imported.
const WASI: [&str; 7] = ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:http", "wasi:io", "wasi:random", "wasi:sockets"];

/// Whether a host of this version could link this import at all, granted or not.
pub fn is_offered(import: &str) -> bool {
    let path = import.split('@').next().unwrap_or(import);
    match path.split_once('/') {
        Some((WIT_PACKAGE, interface)) => is_known_interface(interface),
        Some((package, _)) => WASI.contains(&package),
        None => false,
    }
}

/// Permissions that are asked for, although nothing is imported that could use them.
pub fn unused(imports: &[String], request: &Permissions) -> Vec<&'static str> {
    let has = |wanted: &str| imports.iter().any(|import| import.split('@').next().unwrap_or(import).starts_with(wanted));
    let mut found = Vec::new();
    for (_, permission) in POWERS {
        let used = POWERS.iter().any(|(name, of)| *of == permission && imports.iter().any(|import| interface_of(import) == Some(name)));
        if asks_for(request, permission) && !used && !found.contains(&permission) {
            found.push(permission);
        }
    }
    for (asked, permission, import) in [
        (!request.net.is_empty(), "net", "wasi:http/outgoing-handler"),
        (!request.secrets.is_empty(), "secrets", "wasi:http/outgoing-handler"),
        // A shell reaches the same folders.
        (!request.fs.is_empty() && !request.terminal, "fs", "wasi:filesystem/"),
    ] {
        if asked && !has(import) {
            found.push(permission);
        }
    }
    found
}

/// The interface's own name when it is one of this package, bare or in full.
pub(crate) fn interface_of(name: &str) -> Option<&str> {
    let path = name.split('@').next().unwrap_or(name);
    match path.split_once('/') {
        Some((package, interface)) => (package == WIT_PACKAGE).then_some(interface),
        None => Some(path),
    }
}

pub(crate) fn is_known_interface(name: &str) -> bool {
    HARMLESS.contains(&name) || POWERS.iter().any(|(power, _)| *power == name)
}

fn asks_for(request: &Permissions, permission: &str) -> bool {
    match permission {
        "kv" => request.kv.is_some(),
        "memory" => request.memory.is_some(),
        "schedule" => request.schedule,
        "agent" => request.agent.is_some(),
        "messages" => !request.messages.is_empty(),
        "script" => !request.script.is_empty(),
        "reveal" => !request.reveal.is_empty(),
        "propose" => request.propose,
        "terminal" => request.terminal,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::{Access, AgentRule, KvRule};

    fn everything() -> Permissions {
        Permissions {
            kv: Some(KvRule { bytes: 1, keys: 1 }),
            reveal: vec!["a".into()],
            script: vec!["a".into()],
            agent: Some(AgentRule { turns: 1 }),
            messages: vec!["a".into()],
            schedule: true,
            memory: Some(Access::Read),
            propose: true,
            terminal: true,
            ..Default::default()
        }
    }

    #[test]
    fn each_power_needs_its_permission_and_no_other() {
        for (interface, permission) in POWERS {
            let import = vec![format!("skynet:plugin/{interface}@0.1.0")];
            assert_eq!(undeclared(&import, &everything()), Vec::<String>::new(), "{interface}");
            let faults = undeclared(&import, &Permissions::default());
            assert_eq!(faults.len(), 1);
            assert!(faults[0].contains(interface) && faults[0].contains(&format!("`{permission}`")), "{faults:?}");
        }
    }

    #[test]
    fn harmless_imports_and_wasi_need_nothing() {
        let imports: Vec<String> = HARMLESS.iter().map(|name| format!("skynet:plugin/{name}@0.1.0")).collect();
        assert_eq!(undeclared(&imports, &Permissions::default()), Vec::<String>::new());
        for name in ["wasi:http/outgoing-handler@0.2.12", "wasi:filesystem/preopens@0.2.0", "acme:other/kv@0.1.0"] {
            assert_eq!(required_permission(name), None, "{name}");
        }
        assert_eq!(required_permission("kv"), Some("kv"));
        assert_eq!(required_permission("skynet:plugin/secret-reveal@0.1.0"), Some("reveal"));
    }

    #[test]
    fn what_is_asked_for_and_cannot_be_used_is_named() {
        let import = |name: &str| format!("skynet:plugin/{name}@0.1.0");
        let none: Vec<String> = Vec::new();
        assert_eq!(unused(&none, &Permissions::default()), Vec::<&str>::new());
        assert_eq!(
            unused(&none, &everything()),
            ["kv", "memory", "schedule", "agent", "messages", "script", "reveal", "propose", "terminal"]
        );
        let all: Vec<String> = POWERS.iter().map(|(name, _)| import(name)).collect();
        assert_eq!(unused(&all, &everything()), Vec::<&str>::new());
        assert!(!unused(&[import("knowledge")], &everything()).contains(&"memory"), "one of its two interfaces is enough");
        let net = Permissions { net: vec![crate::permission::NetRule::parse("https://x.com").unwrap()], ..Default::default() };
        assert_eq!(unused(&none, &net), ["net"]);
        assert_eq!(unused(&["wasi:http/outgoing-handler@0.2.6".into()], &net), Vec::<&str>::new());
    }

    #[test]
    fn only_what_a_host_could_link_is_offered() {
        for name in ["skynet:plugin/kv@0.1.0", "skynet:plugin/log", "wasi:io/streams@0.2.6", "wasi:sockets/tcp@0.2.0"] {
            assert!(is_offered(name), "{name}");
        }
        for name in ["skynet:plugin/root@0.1.0", "acme:other/kv@0.1.0", "kv", "wasi:keyvalue/store@0.2.0", "wasi:io", ""] {
            assert!(!is_offered(name), "{name}");
        }
    }

    #[test]
    fn every_interface_of_the_contract_is_known_here() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");
        let mut found = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "wit") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for name in text.lines().filter_map(|line| line.strip_prefix("interface ")?.strip_suffix(" {")) {
                found += 1;
                assert!(is_known_interface(name), "wit/ has `{name}`: say here which permission its import needs");
            }
            let declared = format!("package {WIT_PACKAGE}@{};", crate::version::WIT_VERSION);
            assert!(text.contains(&declared), "{} is of another version", path.display());
        }
        assert_eq!(found, HARMLESS.len() + POWERS.len());
    }
}
