//! `skynet config`: one key of skynet.toml.

use crate::args::Config;
use crate::config_file;
use crate::home::Home;
use crate::lock;
use crate::output::Out;
use anyhow::Result;
use serde_json::json;

pub(crate) fn run(home: &Home, verb: Config, out: &Out) -> Result<()> {
    if let Config::Path = verb {
        out.both(&home.config().display().to_string(), &json!({ "path": home.config() }));
        return Ok(());
    }
    home.must_exist()?;
    match verb {
        Config::Get { key } => {
            let value = config_file::get(home, &key)?;
            out.both(&value, &json!({ "key": key, "value": value }));
        }
        Config::Set { key, value } => {
            config_file::set(home, &key, &value)?;
            let restart = lock::holder(home).is_some();
            let hint = if restart { "; it counts after: skynet daemon restart" } else { "" };
            out.both(&format!("{key} is set{hint}"), &json!({ "key": key, "value": value, "restart_needed": restart }));
        }
        Config::Path => {}
    }
    Ok(())
}
