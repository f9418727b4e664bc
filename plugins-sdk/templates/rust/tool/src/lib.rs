//! {{title}}: tools for the model. Say here what they do.

use serde::Deserialize;
use skynet_plugin_sdk::arguments::Arguments as _;
use skynet_plugin_sdk::tool::{self, CallContext, Outcome, ToolError, ToolSpec};
use skynet_plugin_sdk::{Arguments, Description, Lifecycle, Tool, export_tool};

struct Plugin;

#[derive(Deserialize, Arguments)]
struct Greet {
    /// Whom to greet.
    name: String,
}

impl Lifecycle for Plugin {
    fn describe() -> Description {
        Description::new("{{title}}", "Greets somebody by name.")
    }
}

impl Tool for Plugin {
    fn tools() -> Vec<ToolSpec> {
        vec![ToolSpec::new("greet", "Greets somebody by name.", Greet::schema()).read_only().idempotent().closed_world()]
    }

    fn call(name: &str, arguments: &str, _: &CallContext) -> Result<Outcome, ToolError> {
        match name {
            "greet" => {
                let greet: Greet = tool::arguments(arguments)?;
                Ok(Outcome::text(format!("Hello, {}.", greet.name)))
            }
            other => Err(ToolError::UnknownTool(other.to_owned())),
        }
    }
}

export_tool!(Plugin);

#[cfg(test)]
mod tests {
    use super::*;
    use skynet_plugin_sdk::testing::context;

    #[test]
    fn it_greets_by_name() {
        let outcome = Plugin::call("greet", r#"{"name":"Ada"}"#, &context()).unwrap();
        assert_eq!(outcome, Outcome::text("Hello, Ada."));
    }
}
