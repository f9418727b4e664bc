//! `tools.invoke`: one tool call, without a model.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::invoke::{self, Invoked, Reader};
use crate::refusal::Refusal;
use crate::schema::{Kind, WORD, may, must};
use crate::transcript;
use serde_json::{Map, Value, json};

pub(super) const METHODS: &[Method] = &[method(
    "tools.invoke",
    Some(Scope::Write),
    Some(&[
        must("name", WORD),
        may("args", Kind::Map(&Kind::Any)),
        may("sessionKey", WORD),
        may("agentId", WORD),
        may("confirm", Kind::Bool),
        may("idempotencyKey", WORD),
    ]),
    |call| Box::pin(tools_invoke(call)),
)];

async fn tools_invoke(mut call: Call) -> Answer {
    let session = invoke::session(call.text("sessionKey")).map_err(Refusal::invalid)?;
    let arguments = call.params.remove("args").unwrap_or_else(|| Map::new().into());
    let name = call.text("name").unwrap_or("").to_owned();
    let failed = |code: &str, message: String| json!({"ok": false, "toolName": name, "error": {"code": code, "message": message}});
    let (actor, reader) = (call.client.actor(), Reader::with(call.client.identity.scopes));
    let answer: Value = match invoke::run(&call.server, &actor, reader, &name, arguments, session, std::future::pending()).await {
        Invoked::Done(done) => {
            let mut output = json!({"content": transcript::result_content(&done.result.content)});
            if let (Some(structured), Some(output)) = (done.structured, output.as_object_mut()) {
                output.insert("structured".into(), structured);
            }
            json!({"ok": true, "toolName": name, "output": output})
        }
        Invoked::Failed(message) => failed("tool_error", message),
        Invoked::Unknown(message) => failed("not_found", message),
        Invoked::TooOften(after_ms) => return Err(Refusal::too_often("tool calls", after_ms)),
        Invoked::Withheld(message) => failed("unavailable", message),
    };
    Ok(answer.into())
}
