//! `skynet memory`: what the host remembers about its owner.
//!
//! A running host is asked over the gateway. What comes from a fact is shown as one
//! plain line: plugins write facts too.

use super::plugin::text;
use crate::args::{Learn, Memory};
use crate::client;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::ANSWER;
use crate::output::Out;
use anyhow::Result;
use serde_json::{Value, json};
use skynet_core::limits::FACT_VALUE_BYTES;
use skynet_policy::naming::plain_line;

pub(crate) async fn run(home: &Home, verb: Memory, out: &Out) -> Result<()> {
    match verb {
        Memory::List { rows } => {
            let answer = client::call(home, "memory.list", json!({ "limit": rows }), ANSWER).await?;
            show(&answer["memories"], "nothing is remembered yet; teach it with: skynet memory learn --help", out);
            Ok(())
        }
        Memory::Search { words, rows } => {
            let params = json!({ "query": words.join(" "), "limit": rows });
            let answer = client::call(home, "memory.search", params, ANSWER).await?;
            show(&answer["memories"], "nothing that is remembered has all of these words", out);
            Ok(())
        }
        Memory::Learn(fact) => learn(home, fact, out).await,
        Memory::Forget { category, key } => {
            let answer = client::call(home, "memory.forget", json!({ "category": category, "key": key }), ANSWER).await?;
            out.both(&format!("{category}/{key} is forgotten"), &answer);
            Ok(())
        }
    }
}

async fn learn(home: &Home, fact: Learn, out: &Out) -> Result<()> {
    let Learn { category, key, value, confidence } = fact;
    let params = json!({ "category": category, "key": key, "value": value, "confidence": confidence });
    let answer = client::call(home, "memory.learn", params, ANSWER).await?;
    if answer["learned"] == false {
        let why = format!("{category}/{key} stays as it is: what stands there is surer. To replace it leave --confidence out");
        return Err(fail(Kind::Refused, why));
    }
    out.both(&format!("{category}/{key} is remembered"), &answer);
    Ok(())
}

fn show(facts: &Value, none: &str, out: &Out) {
    out.value(facts);
    let facts = facts.as_array().map(Vec::as_slice).unwrap_or_default();
    if facts.is_empty() {
        out.line(none);
    }
    for fact in facts {
        let plain = |name: &str| plain_line(text(&fact[name]), FACT_VALUE_BYTES);
        let name = out.paint("1", &format!("{}/{}", plain("category"), plain("key")));
        let origin = format!("({}, said by {})", fact["confidence"], plain("source"));
        out.line(&format!("{name}  {}  {}", plain("value"), out.paint("2", &origin)));
    }
}
