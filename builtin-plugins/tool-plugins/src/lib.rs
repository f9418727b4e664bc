//! Lets the model look for plugins, write one, and propose either to the owner.
//!
//! `plugin_search`, `plugin_install`, `plugin_author`, `plugin_proposals`. The host verifies,
//! builds, tries out and keeps what is proposed; nothing here installs or approves.

mod author;
mod install;

use install::Host;
use skynet_plugin_sdk::tool::{self, CallContext, Outcome, ToolError, ToolSpec};
use skynet_plugin_sdk::{Description, Lifecycle, Tool, export_tool};

struct Plugins;

impl Lifecycle for Plugins {
    fn describe() -> Description {
        Description::new("Plugins", "Looks for plugins and proposes them to you.")
    }
}

impl Tool for Plugins {
    fn tools() -> Vec<ToolSpec> {
        vec![install::search_spec(), install::install_spec(), author::spec(), install::proposals_spec()]
    }

    fn call(name: &str, arguments: &str, _: &CallContext) -> Result<Outcome, ToolError> {
        match name {
            "plugin_search" => install::search(&Host, &tool::arguments(arguments)?),
            "plugin_install" => install::install(&Host, &tool::arguments(arguments)?),
            "plugin_author" => author::author(&Host, &tool::arguments(arguments)?),
            "plugin_proposals" => install::proposals(&Host),
            other => Err(ToolError::UnknownTool(other.to_owned())),
        }
    }
}

export_tool!(Plugins);
