//! x
#![allow(missing_docs, clippy::all, clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing)]
use provider_local::answer::Loaded;
use skynet_plugin_sdk::provider::*;
use skynet_plugin_sdk::testing::{Collected, context};
fn main(){
 let mut a=std::env::args().skip(1); let path=a.next().unwrap();
 for sys in ["","You are a helpful assistant.","You are SmartopolAI, a helpful assistant. Answer briefly."] {
 for q in ["What is the capital of France?","What is the capital of France? Answer in one sentence.","Hello! Who are you?","Write one sentence about the sea."] {
 let request = CompletionRequest { model: String::new(), system: vec![SystemBlock{text:sys.into(),cache_anchor:false}],
        messages: vec![Message { role: Role::User, parts: vec![Part::Text(q.into())], extra: Vec::new() }],
        tools: Vec::new(), tool_choice: ToolChoice::Automatic, max_output: Some(60), temperature: Some(std::env::var("T").map_or(0.0,|t| t.parse().unwrap())), thinking: ThinkingLevel::Off,
        stop: Vec::new(), options: "{}".to_owned(), context: context(), extra: Vec::new() };
 let sink=Collected::new();
 Loaded::read(&mut std::io::BufReader::with_capacity(1<<18,std::fs::File::open(&path).unwrap())).unwrap().answer(&request,&sink).unwrap();
 println!("[{sys}] {q} -> {:?}", sink.text());
 }}
}
