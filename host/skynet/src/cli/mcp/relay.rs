//! `skynet mcp serve`: lines of stdin to the gateway, its messages to stdout.
//!
//! Owns the session: it is opened by the client's own hello, and opened again by the same
//! words when the host came back without it. Ends when stdin ends. Nothing of a message is
//! understood here but its id, its method and which version it speaks.

use super::error;
use super::post::{self, Answer, Headers};
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::{ANSWER, MCP_AGAIN, MCP_ANSWER, MCP_IN_FLIGHT, MCP_LAST_ANSWERS, MCP_LINE};
use anyhow::Result;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// What all requests of one client share.
struct Relay {
    home: Home,
    token: String,
    stdout: mpsc::Sender<String>,
    session: Mutex<Session>,
}

#[derive(Default)]
struct Session {
    id: Option<String>,
    version: Option<String>,
    /// The client's own words, to say them again to a host that has forgotten it.
    hello: Option<String>,
    listener: Option<JoinHandle<()>>,
}

pub(super) async fn run(home: &Home, token: &str) -> Result<()> {
    let (stdout, mut lines) = mpsc::channel::<String>(MCP_IN_FLIGHT);
    let writer = tokio::spawn(async move {
        let mut out = tokio::io::stdout();
        while let Some(line) = lines.recv().await {
            // Who reads no more has ended; stdin ends too then.
            if out.write_all(format!("{line}\n").as_bytes()).await.is_err() || out.flush().await.is_err() {
                break;
            }
        }
    });
    let relay = Arc::new(Relay { home: home.clone(), token: token.to_owned(), stdout, session: Mutex::default() });
    let read = relay.clone().serve(BufReader::new(tokio::io::stdin())).await;
    relay.leave().await;
    drop(relay);
    // What was said is written; a client that does not read it is not waited for.
    let _ = timeout(MCP_AGAIN, writer).await;
    read
}

impl Relay {
    async fn serve(self: Arc<Self>, mut stdin: impl AsyncBufRead + Unpin) -> Result<()> {
        let room = Arc::new(Semaphore::new(MCP_IN_FLIGHT));
        let mut running = JoinSet::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            if !read_line(&mut stdin, &mut line).await? {
                break;
            }
            while running.try_join_next().is_some() {}
            let text = String::from_utf8_lossy(&line).trim().to_owned();
            if text.is_empty() {
                continue;
            }
            let Ok(message) = serde_json::from_str::<Value>(&text) else {
                self.say(error(None, -32700, "this line is no JSON; send one JSON-RPC message on each")).await;
                continue;
            };
            if let Some(messages) = message.as_array() {
                self.say(no_batch(messages)).await;
                continue;
            }
            // In order: hello before all else, word of it before requests, a cancellation after its request.
            if message["method"] == "initialize" || message.get("id").is_none() || message.get("method").is_none() {
                self.carry(text, message).await;
                continue;
            }
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { break };
            let relay = Arc::clone(&self);
            running.spawn(async move {
                relay.carry(text, message).await;
                drop(place);
            });
        }
        // A program may send its requests, close its end and wait for the answers.
        let _ = timeout(MCP_LAST_ANSWERS, async { while running.join_next().await.is_some() {} }).await;
        Ok(())
    }

    async fn say(&self, line: String) {
        let _ = self.stdout.send(line).await;
    }

    /// Carries one message; whatever happens, a request is answered.
    async fn carry(self: &Arc<Self>, text: String, message: Value) {
        if let Err(problem) = self.exchange(&text, &message).await
            && let (Some(id), Some(_)) = (message.get("id"), message.get("method"))
        {
            self.say(error(Some(id), -32000, &format!("{problem:#}"))).await;
        }
    }

    async fn exchange(self: &Arc<Self>, text: &str, message: &Value) -> Result<()> {
        if message["method"] == "initialize" {
            let mut session = self.session.lock().await;
            return self.hello(&mut session, text, true).await;
        }
        let session = self.session.lock().await.id.clone();
        let mut answer = post::send(&self.home, "POST", &self.headers(Some(message)).await, text, MCP_ANSWER).await?;
        if answer.status == 404 && session.is_some() {
            self.again(session.as_deref()).await?;
            answer = post::send(&self.home, "POST", &self.headers(Some(message)).await, text, MCP_ANSWER).await?;
        }
        self.forward(answer).await
    }

    /// The client's hello. When it is said again, the client does not hear the answer twice.
    async fn hello(self: &Arc<Self>, session: &mut Session, text: &str, first: bool) -> Result<()> {
        let headers = vec![("authorization", format!("Bearer {}", self.token))];
        let mut answer = post::send(&self.home, "POST", &headers, text, ANSWER).await?;
        let id = answer.session.clone();
        if answer.status >= 400 {
            // Its answer is the client's to hear when the client said it, not when it is said for it again.
            let (status, said) = (answer.status, answer.next().await?.unwrap_or_default());
            return if first { self.refused(status, said).await } else { Err(refusal(status, &said)) };
        }
        while let Some(line) = answer.next().await? {
            let said: Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(version) = said["result"]["protocolVersion"].as_str() {
                session.version = Some(version.to_owned());
            }
            if first {
                self.say(line).await;
            }
        }
        session.id = id;
        session.hello = Some(text.to_owned());
        if let Some(old) = session.listener.replace(tokio::spawn(Arc::clone(self).listen())) {
            old.abort();
        }
        Ok(())
    }

    /// Opens the session again, once for all requests that found it gone.
    async fn again(self: &Arc<Self>, gone: Option<&str>) -> Result<()> {
        {
            let mut session = self.session.lock().await;
            let Some(hello) = session.hello.clone().filter(|_| session.id.as_deref() == gone) else { return Ok(()) };
            self.hello(&mut session, &hello, false).await?;
        }
        let done = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        post::send(&self.home, "POST", &self.headers(Some(&done)).await, &done.to_string(), ANSWER).await?;
        // The list may be another one since.
        self.say(json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" }).to_string()).await;
        Ok(())
    }

    async fn headers(&self, message: Option<&Value>) -> Headers {
        let session = self.session.lock().await;
        let mut headers = vec![("authorization", format!("Bearer {}", self.token))];
        let meta = message.and_then(|message| message["params"]["_meta"][META_VERSION].as_str());
        if let Some(version) = meta.or(session.version.as_deref()) {
            headers.push(("mcp-protocol-version", version.to_owned()));
        }
        match (&session.id, message, meta) {
            // Later versions have no sessions: each message names itself in its head.
            (_, Some(message), Some(_)) => {
                for (name, value) in [("mcp-method", &message["method"]), ("mcp-name", &message["params"]["name"])] {
                    headers.extend(value.as_str().map(|value| (name, value.to_owned())));
                }
            }
            (Some(id), ..) => headers.push(("mcp-session-id", id.clone())),
            _ => {}
        }
        headers
    }

    async fn forward(&self, mut answer: Answer) -> Result<()> {
        if answer.status < 400 {
            while let Some(line) = answer.next().await? {
                self.say(line).await;
            }
            return Ok(());
        }
        let said = answer.next().await?.unwrap_or_default();
        self.refused(answer.status, said).await
    }

    /// Passes on what is an answer to the client's request; all else is an error to be told as one.
    async fn refused(&self, status: u16, said: String) -> Result<()> {
        let parsed: Value = serde_json::from_str(&said).unwrap_or_default();
        if parsed.get("jsonrpc").is_some() && parsed.get("id").is_some_and(|id| !id.is_null()) {
            self.say(said).await;
            return Ok(());
        }
        Err(refusal(status, &said))
    }

    /// What the host says by itself, for as long as the session stands.
    async fn listen(self: Arc<Self>) {
        loop {
            let headers = self.headers(None).await;
            match post::send(&self.home, "GET", &headers, "", ANSWER).await {
                Ok(mut answer) if answer.status < 300 => {
                    while let Ok(Some(line)) = answer.next().await {
                        self.say(line).await;
                    }
                }
                // Gone; the next request opens another one.
                Ok(_) => return,
                Err(_) => {}
            }
            tokio::time::sleep(MCP_AGAIN).await;
        }
    }

    /// Ends the session, so that the host need not wait for it.
    async fn leave(&self) {
        let headers = self.headers(None).await;
        let mut session = self.session.lock().await;
        if let Some(listener) = session.listener.take() {
            listener.abort();
        }
        if session.id.take().is_some() {
            let _ = post::send(&self.home, "DELETE", &headers, "", ANSWER).await;
        }
    }
}

/// What the host's refusal is to a person.
fn refusal(status: u16, said: &str) -> anyhow::Error {
    let parsed: Value = serde_json::from_str(said).unwrap_or_default();
    let words = parsed["error"]["message"].as_str().unwrap_or(said);
    let hint = if status == 401 { "; the token does not hold: make one with skynet token new NAME" } else { "" };
    fail(Kind::Refused, format!("the host refused it with status {status}: {words}{hint}"))
}

/// The answer to messages that come together, which the protocol no longer has: an error for each request.
fn no_batch(messages: &[Value]) -> String {
    let refused = |id| error(id, -32600, "messages that come together are not taken; send one on each line");
    let requests = messages.iter().filter(|message| message.get("method").is_some());
    let answers: Vec<String> = requests.filter_map(|request| request.get("id")).map(|id| refused(Some(id))).collect();
    if answers.is_empty() { refused(None) } else { format!("[{}]", answers.join(",")) }
}

/// One line, without its end. `false` when there is no more.
async fn read_line(from: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> Result<bool> {
    loop {
        let piece = from.fill_buf().await?;
        if piece.is_empty() {
            return Ok(!line.is_empty());
        }
        let end = piece.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(piece.len());
        line.extend_from_slice(piece.get(..taken).unwrap_or_default());
        from.consume(taken + usize::from(end.is_some()));
        if line.len() > MCP_LINE {
            return Err(fail(Kind::Refused, format!("a line on stdin is longer than {MCP_LINE} bytes")));
        }
        if end.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    /// A gateway that answers each POST with the next of these, and has nothing else.
    async fn gateway(mut answers: VecDeque<(&'static str, Value)>) -> (tempfile::TempDir, Home) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = format!("[gateway]\nport = {}\n", listener.local_addr().unwrap().port());
        std::fs::write(folder.path().join("skynet.toml"), settings).unwrap();
        let home = Home::at(folder.path().to_owned());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let (mut head, mut length) = (String::new(), 0);
                while stream.read_line(&mut head).await.unwrap() > 2 {
                    let line = head.lines().last().unwrap().to_lowercase();
                    length = line.strip_prefix("content-length: ").map_or(length, |length| length.parse().unwrap());
                }
                stream.read_exact(&mut vec![0; length]).await.unwrap();
                let post = head.starts_with("POST").then(|| answers.pop_front()).flatten();
                let (status, body) = post.unwrap_or(("405 Method Not Allowed", json!({})));
                let body = body.to_string();
                let head = format!("HTTP/1.1 {status}\r\nmcp-session-id: s\r\ncontent-type: application/json\r\nconnection: close");
                let said = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                stream.get_mut().write_all(said.as_bytes()).await.unwrap();
            }
        });
        (folder, home)
    }

    async fn said(home: &Home, lines: &str) -> Vec<Value> {
        let (stdout, mut heard) = mpsc::channel(MCP_IN_FLIGHT);
        let relay = Arc::new(Relay { home: home.clone(), token: "t".into(), stdout, session: Mutex::default() });
        Arc::clone(&relay).serve(BufReader::new(lines.as_bytes())).await.unwrap();
        let mut all = Vec::new();
        while let Ok(line) = heard.try_recv() {
            all.push(serde_json::from_str(&line).unwrap());
        }
        all
    }

    #[tokio::test]
    async fn a_hello_that_is_refused_when_it_is_said_again_is_told_to_the_request_that_waits_and_to_no_other() {
        let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {} });
        let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
        let answers = VecDeque::from([
            ("200 OK", json!({ "jsonrpc": "2.0", "id": 1, "result": { "protocolVersion": "2025-06-18" } })),
            ("404 Not Found", json!({})),
            ("403 Forbidden", json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -1, "message": "no more of you" } })),
        ]);
        let (_folder, home) = gateway(answers).await;
        let said = said(&home, &format!("{hello}\n{list}\n")).await;
        assert_eq!(said.iter().map(|line| line["id"].clone()).collect::<Vec<_>>(), [json!(1), json!(2)], "{said:?}");
        assert!(said[1]["error"]["message"].as_str().unwrap().contains("no more of you"), "{said:?}");
    }

    #[test]
    fn each_request_of_a_batch_is_answered_with_why_not() {
        let batch = [json!({ "id": 3, "method": "a" }), json!({ "method": "b" }), json!({ "id": 4, "result": {} })];
        let answers: Value = serde_json::from_str(&no_batch(&batch)).unwrap();
        assert_eq!((answers.as_array().unwrap().len(), &answers[0]["id"]), (1, &json!(3)));
        let empty: Value = serde_json::from_str(&no_batch(&[])).unwrap();
        assert_eq!(empty["id"], Value::Null);
    }
}
