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
#[command(after_help = "Examples:\n\
  skynet plugin add-mcp weather https://mcp.example.com/mcp --secret weather_key\n\
  skynet plugin add-mcp notes --root workspace:write -- node /usr/local/lib/node_modules/notes/server.js\n\
  skynet plugin add-mcp sums --folder ./my-server -- python3 server.py\n\
A plugin of an address may reach that one server and nothing else. A plugin of a command keeps the program in\n\
the sandbox of scripts between calls: it sees the system's programs, the trees of scripts.tools, its own copy of\n\
--folder and the roots you name; it has no network, so one that fetches itself at each start is installed first;\n\
of the environment it gets what --env says. Your approval is\n\
bound to the program's file, its arguments and that copy. To remove it, take its folder out of tools/.\n\
Tools are taken as they are described now; a description that the server changes later is refused until\n\
you have seen it (--update).")]
pub(crate) struct AddMcp {
    /// Your name for the server: a-z, 0-9 and -.
    pub(crate) name: String,
    /// Its address, such as https://mcp.example.com/mcp.
    #[arg(required_unless_present_any = ["update", "command"], conflicts_with_all = ["update", "command"])]
    pub(crate) url: Option<String>,
    /// A server that is a program of this machine, behind `--`: the program and its arguments. It speaks on
    /// stdin and stdout, and works in its copy of --folder.
    #[arg(last = true, value_name = "COMMAND", conflicts_with_all = ["update", "secret", "private", "bridge"])]
    pub(crate) command: Vec<String>,
    /// Take a copy of this folder along, with the server's files.
    #[arg(long, value_name = "DIR", requires = "command", conflicts_with_all = ["update", "url"])]
    pub(crate) folder: Option<PathBuf>,
    /// A variable that the program gets. Others see it in the plugin's folder, so no secrets.
    #[arg(long, value_name = "NAME=VALUE", requires = "command", conflicts_with_all = ["update", "url"])]
    pub(crate) env: Vec<String>,
    /// A folder of [roots] that the program may read, or with `:write` change.
    #[arg(long, value_name = "ROOT[:write]", requires = "command", conflicts_with_all = ["update", "url"])]
    pub(crate) root: Vec<String>,
    /// Seconds that one call may take.
    #[arg(long, value_name = "SECONDS", requires = "command", conflicts_with_all = ["update", "url"], default_value_t = 110, value_parser = clap::value_parser!(u64).range(1..=3500))]
    pub(crate) timeout: u64,
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;
    use clap::error::ErrorKind;

    #[derive(Debug, clap::Parser)]
    struct Words {
        #[command(flatten)]
        add: AddMcp,
    }

    fn read(words: &[&str]) -> Result<AddMcp, ErrorKind> {
        Words::try_parse_from([&["add-mcp", "a-server"], words].concat()).map(|words| words.add).map_err(|error| error.kind())
    }

    /// clap waives what an option requires where that conflicts with another word, so each says itself what it is not for.
    #[test]
    fn what_only_a_command_has_is_refused_beside_an_address_and_an_update() {
        for option in [["--timeout", "5"], ["--folder", "."], ["--env", "A=b"], ["--root", "workspace"]] {
            for other in ["--update", "https://mcp.example.com/mcp"] {
                assert_eq!(read(&[&option[..], &[other]].concat()).unwrap_err(), ErrorKind::ArgumentConflict, "{option:?} {other}");
            }
            read(&[&option[..], &["--", "sh"]].concat()).unwrap();
        }
        assert_eq!(read(&["--timeout", "5", "--", "sh"]).unwrap().timeout, 5);
        assert_eq!(read(&["--", "sh"]).unwrap().timeout, 110);
        assert!(read(&["--update"]).unwrap().update);
    }
}
