//! What a recording keeps of real exchanges, and that playing it back reaches nobody.

use super::server::Server;
use super::stage::{PUBLIC, Stage, get};
use crate::staged::Staged;
use serde_json::json;
use std::sync::Arc;

const KEY: &str = "a-key-that-a-server-echoes";

const ECHO: &str = "HTTP/1.1 200 OK\r\nx-echo: a-key-that-a-server-echoes\r\nset-cookie: sid=0123456789; Path=/\r\n\
    content-length: 31\r\n\r\nyou: a-key-that-a-server-echoes";

fn stage(server: &Server, staged: &Arc<Staged>) -> Stage {
    let secret = json!({"name": "k", "header": "x-key", "format": "{}", "url": "http://api.example.com"});
    let granted = json!({"net": [{"url": "http://api.example.com"}], "secrets": [secret]});
    Stage::new(server.address, &[&[PUBLIC]], granted).on_tape(staged)
}

#[tokio::test]
async fn a_recording_is_made_with_the_secret_and_holds_none() {
    let server = Server::saying(ECHO).await;
    let recording = Arc::new(Staged::recording());
    let recorder = stage(&server, &recording);
    recorder.known.learn([("k", KEY)]);
    recorder.get("http://api.example.com/?key=a-key-that-a-server-echoes").await.unwrap();
    assert!(server.heard().concat().contains("\r\nx-key: "), "the server was given the secret");
    let tape = serde_json::to_string(&recording.tape()).unwrap();
    assert!(!tape.contains(KEY) && !tape.contains("0123456789") && !tape.contains("x-key"), "{tape}");
    assert!(tape.contains("you: [secret k]"), "{tape}");

    // Played back, with the words that stand for the secret, nobody is asked.
    let asked = server.heard().len();
    let playing = Arc::new(Staged::playing(recording.tape()));
    let player = stage(&server, &playing);
    player.known.learn([("k", "[secret k]")]);
    let answer = player.get("http://api.example.com/?key=%5Bsecret%20k%5D").await.unwrap();
    assert_eq!(answer, "200 you: [secret k]");
    assert_eq!(server.heard().len(), asked);
    assert!(player.dialled().is_empty() && player.asked().is_empty());
    assert!(
        player.door.send(player.errand("tool"), get("http://other.example.com/")).await.is_err(),
        "what is not granted is refused as ever"
    );
}
