//! `skynet mcp` and `skynet plugin add-mcp`, as types.

use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Mcp {
    /// Be an MCP server on stdin and stdout that hands everything to the running host.
    #[command(after_help = "A program starts this by itself; `skynet mcp config` prints what to write into its settings.\n\
Ends when stdin ends. Calls count as those of the token: the owner's, unless another one is given.")]
    Serve(ServeMcp),
    /// Print the settings that most MCP clients take, as `mcpServers` JSON.
    Config {
        /// For clients that speak HTTP, with the address in place of a command.
        #[arg(long)]
        http: bool,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServeMcp {
    /// Serve nothing here; print the address of the host's own endpoint and how to use it.
    #[arg(long)]
    pub(crate) http: bool,
    /// A token from `skynet token new`, in place of the owner's. Better by the variable:
    /// arguments can be read by every user of the machine.
    #[arg(long, env = "SKYNET_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Example: skynet plugin add-mcp weather https://mcp.example.com/mcp --secret weather_key\n\
The plugin may reach that one server and nothing else. Its tools are taken as they are described\n\
now; a description that the server changes later is refused until you have seen it (--update).")]
pub(crate) struct AddMcp {
    /// Your name for the server: a-z, 0-9 and -.
    pub(crate) name: String,
    /// Its address, such as https://mcp.example.com/mcp.
    #[arg(required_unless_present = "update", conflicts_with = "update")]
    pub(crate) url: Option<String>,
    /// Look at the server again: show what changed, and take it when you agree.
    #[arg(long)]
    pub(crate) update: bool,
    /// Name of the secret that the host sends as `Authorization: Bearer …`;
    /// set it first: skynet secret set NAME --for SERVER
    #[arg(long, conflicts_with = "update")]
    pub(crate) secret: Option<String>,
    /// The server may be on this machine or the private network.
    #[arg(long)]
    pub(crate) private: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// The signed bridge to make the plugin of; found in the plugins folder when absent.
    #[arg(long, value_name = "FILE")]
    pub(crate) bridge: Option<PathBuf>,
}
