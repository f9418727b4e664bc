//! `skynet doctor` on the wall of the running host: each layer, and what it needs.

use super::Finding;
use crate::home::Home;
use crate::wall;
use skynet_core::config::{Config, Switch};
use skynet_scripts::wall::{Layer, State};

/// The layers of the host that runs as this process.
pub(super) fn findings(home: &Home, config: &Config, pid: u32) -> Vec<Finding> {
    if !cfg!(target_os = "linux") {
        let text = "OFF: this system has no landlock and no seccomp; the sandbox of the plugins stands alone";
        return vec![Finding::note("wall", text, "run the host on Linux where plugins of strangers are to run")];
    }
    let layers = wall::of(home, pid);
    let mut findings: Vec<Finding> = layers.named().into_iter().map(|(name, layer)| finding(name, layer, config)).collect();
    findings.extend(wall::scripts(home, pid).iter().map(|(name, layer)| of_scripts(name, layer)));
    for root in wall::outside(home, config, pid) {
        let text = format!("the folder of root `{root}` is new since the host started, and outside its wall");
        findings.push(Finding::note("wall", text, "skynet daemon restart"));
    }
    findings
}

fn finding(name: &str, layer: &Layer, config: &Config) -> Finding {
    let off_by_owner = match name {
        "landlock" => config.wall.landlock == Switch::Off,
        "seccomp" => config.wall.seccomp == Switch::Off,
        _ => false,
    };
    let remedy = match name {
        _ if off_by_owner => format!("skynet config set wall.{name} on && skynet daemon restart"),
        "landlock" => {
            "use a kernel from 5.13 on with landlock among its boot parameter lsm=; in a container, let it make the landlock calls".into()
        }
        "seccomp" => "use a kernel built with CONFIG_SECCOMP_FILTER; in a container, let it make the seccomp call".into(),
        _ => "restart the host: skynet daemon restart; if it stays so, run it where prctl is allowed".to_owned(),
    };
    match layer.state {
        State::On => Finding::good("wall", format!("{name}: on ({})", layer.says)),
        State::Partly => Finding::note("wall", format!("{name}: on in part ({})", layer.says), remedy),
        State::Unknown => Finding::note("wall", format!("{name}: unknown ({})", layer.says), "skynet daemon restart"),
        State::Off => Finding::note("wall", format!("{name}: OFF ({})", layer.says), remedy),
    }
}

fn of_scripts(name: &str, layer: &Layer) -> Finding {
    let remedy = match name {
        "namespaces for scripts" => {
            "let this user make user namespaces (sysctl kernel.unprivileged_userns_clone or apparmor_restrict_unprivileged_userns), \
            or accept the weaker cell: skynet config set scripts.without_namespaces true && skynet daemon restart"
        }
        "scripts" => "script plugins are refused until then; components are not concerned",
        _ => "use a kernel that has it; in a container, let it make these calls",
    };
    match layer.state {
        State::On => Finding::good("scripts", format!("{name}: on ({})", layer.says)),
        State::Partly => Finding::note("scripts", format!("{name}: on in part ({})", layer.says), remedy),
        State::Unknown => Finding::note("scripts", format!("{name}: unknown ({})", layer.says), "skynet daemon restart"),
        State::Off => Finding::note("scripts", format!("{name}: OFF ({})", layer.says), remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Grade;

    fn check(name: &str, state: State, config: &Config, remedy: Option<&str>) {
        let finding = finding(name, &Layer::new(state, "why"), config);
        assert_eq!(finding.grade == Grade::Good, remedy.is_none(), "{finding:?}");
        assert!(finding.remedy.as_deref().unwrap_or_default().contains(remedy.unwrap_or_default()), "{finding:?}");
    }

    #[test]
    fn each_layer_that_does_not_hold_has_its_remedy() {
        let mut config = Config::default();
        check("landlock", State::On, &config, None);
        check("landlock", State::Partly, &config, Some("5.13"));
        check("landlock", State::Off, &config, Some("lsm="));
        check("seccomp", State::Off, &config, Some("CONFIG_SECCOMP_FILTER"));
        check("no new privileges", State::Off, &config, Some("prctl"));
        check("seccomp", State::Unknown, &config, Some("restart"));
        config.wall.seccomp = Switch::Off;
        check("seccomp", State::Off, &config, Some("wall.seccomp on"));
    }
}
