//! A recorded answer, read again at every way a network can cut it.

use crate::render;
use skynet_plugin_sdk::http::Transport;
use skynet_plugin_sdk::provider::{Completion, Delta, Emit, ProviderError};
use skynet_plugin_sdk::testing::{Collected, Reply, Script};

/// One completion over the transport and the sink that it is given.
pub type Complete = dyn Fn(&mut dyn Transport, &dyn Emit) -> Result<Completion, ProviderError>;

/// Replays the body whole, byte by byte, and cut in two at every position; all
/// must give the same deltas and the same end, which come back as text.
pub fn every_cut(content_type: &str, body: &[u8], complete: &Complete) -> String {
    let whole = run(reply(content_type, body), complete);
    let expected = render::answer(&whole.0, &whole.1);
    let same = |got: (Vec<Delta>, Result<Completion, ProviderError>), how: &str| {
        assert!(got == whole, "{how} reads differently:\n{}\n--- whole:\n{expected}", render::answer(&got.0, &got.1));
    };
    same(run(reply(content_type, body).in_chunks_of(1), complete), "byte by byte");
    for (cut, _) in body.iter().enumerate() {
        let (head, tail) = body.split_at(cut);
        same(run(reply(content_type, head).chunk(tail), complete), &format!("cut at byte {cut}"));
    }
    expected
}

fn reply(content_type: &str, body: &[u8]) -> Reply {
    Reply::new(200, body).header("content-type", content_type)
}

fn run(reply: Reply, complete: &Complete) -> (Vec<Delta>, Result<Completion, ProviderError>) {
    let sink = Collected::new();
    let outcome = complete(&mut Script::new().reply(reply), &sink);
    (sink.deltas(), outcome)
}
