//! x
#![allow(missing_docs, clippy::all, clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing)]
use candle_core::quantized::gguf_file::Content;
use provider_local::{model::Model, vocabulary::Vocabulary};
fn main() {
    let mut f = std::io::BufReader::new(std::fs::File::open(std::env::args().nth(1).unwrap()).unwrap());
    let mut c = Content::read(&mut f).unwrap();
    let mut m = Model::load(&c, &mut f).unwrap();
    let v = Vocabulary::take(&mut c.metadata).unwrap();
    let mut ids = vec![];
    for (r, t) in
        [("system", "You are a helpful AI assistant named SmolLM, trained by Hugging Face"), ("user", "What is the capital of France?")]
    {
        ids.push(v.start);
        ids.extend(v.encode(&format!("{r}\n{t}")).unwrap());
        ids.push(v.end);
        ids.extend(v.encode("\n").unwrap());
    }
    ids.push(v.start);
    ids.extend(v.encode("assistant\n").unwrap());
    println!("{:?}", ids);
    println!("{:?}", ids.iter().map(|i| String::from_utf8_lossy(&v.bytes(*i)).to_string()).collect::<Vec<_>>());
    let top = |s: &[f32]| {
        let mut x: Vec<_> = s.iter().copied().enumerate().collect();
        x.sort_by(|a, b| b.1.total_cmp(&a.1));
        x.truncate(5);
        x.iter().map(|(i, s)| (String::from_utf8_lossy(&v.bytes(*i as u32)).to_string(), *s)).collect::<Vec<_>>()
    };
    let s = m.read(&ids).unwrap();
    println!("batch {:?}", top(&s));
    f.get_mut();
    let mut f = std::io::BufReader::new(std::fs::File::open(std::env::args().nth(1).unwrap()).unwrap());
    let c = Content::read(&mut f).unwrap();
    let mut m = Model::load(&c, &mut f).unwrap();
    let mut s = vec![];
    for i in &ids {
        s = m.read(&[*i]).unwrap();
    }
    println!("single {:?}", top(&s));
}
