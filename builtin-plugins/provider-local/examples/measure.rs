//! Answers one question natively, with the code that runs in the component, and
//! says what it cost. `measure MODEL.gguf [QUESTION]`; one line of JSON on stdout.
//! Compare on one thread: `RAYON_NUM_THREADS=1`.
#![allow(clippy::print_stdout)]

use provider_local::answer::Loaded;
use skynet_plugin_sdk::provider::{CompletionRequest, Message, Part, Role, ThinkingLevel, ToolChoice};
use skynet_plugin_sdk::testing::{Collected, context};
use std::error::Error;
use std::fs::{File, read_to_string};
use std::io::BufReader;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: measure MODEL.gguf [QUESTION]")?;
    let question = arguments.next().unwrap_or_else(|| "What is the capital of France?".to_owned());
    let request = CompletionRequest {
        model: String::new(),
        system: Vec::new(),
        messages: vec![Message { role: Role::User, parts: vec![Part::Text(question)], extra: Vec::new() }],
        tools: Vec::new(),
        tool_choice: ToolChoice::Automatic,
        max_output: Some(128),
        temperature: Some(0.0),
        thinking: ThinkingLevel::Off,
        stop: Vec::new(),
        options: "{}".to_owned(),
        context: context(),
        extra: Vec::new(),
    };
    let sink = Collected::new();
    let loaded = Loaded::read(&mut BufReader::with_capacity(256 * 1024, File::open(path)?))?;
    let completion = loaded.answer(&request, &sink).map_err(|error| format!("{error:?}"))?;
    let milliseconds = completion.extra.iter().find(|(name, _)| name == "milliseconds").map(|(_, times)| times.as_str());
    println!(
        "{{\"text\":{},\"input\":{},\"output\":{},\"milliseconds\":{},\"cpu_milliseconds\":{}}}",
        serde_json::to_string(&sink.text())?,
        completion.usage.input,
        completion.usage.output,
        milliseconds.unwrap_or("null"),
        cpu_milliseconds().map_or("null".to_owned(), |time| time.to_string()),
    );
    Ok(())
}

/// Of all threads; only Linux says it in a file.
fn cpu_milliseconds() -> Option<u64> {
    let nanoseconds = std::fs::read_dir("/proc/self/task").ok()?.flatten().filter_map(|task| {
        let text = read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Some(nanoseconds.sum::<u64>() / 1_000_000)
}
