//! A turn with a real provider component, which asks a model server over HTTP: the whole path of a
//! message but for the model. The server is played here, on loopback, in the bench's own process, so
//! that only the host's part is counted.
//!
//! Which provider it is nobody names: the one that came with the host and sends a bearer token to the
//! server that a setting names, as servers of the Chat Completions interface want it.

use super::Bed;
use super::host::{Process, grant_when_asked, turn, until_model};
use super::report::{Bound, Report};
use crate::client::Client;
use crate::vault::{self, Ask, Places};
use crate::{config_file, wire};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use skynet_core::PluginId;
use skynet_core::secret::SecretValue;
use skynet_policy::release::{self, Release};
use skynet_store::vault::Deed;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Pieces of one answer: two sentences.
const PIECES: usize = 20;
/// Between two of them. A quick model's pace: without it several would come as one, which costs the host less.
const PAUSE: Duration = Duration::from_millis(1);
/// Turns before the first that counts: the connection is open, all code was run once.
const WARM_UP: usize = 5;

/// A provider component and what it wants to know.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Provider {
    id: PluginId,
    file: PathBuf,
    /// The setting that names its server.
    setting: String,
    secret: String,
}

impl Provider {
    /// The first of these files that speaks to such a server.
    pub(super) fn find(files: &[PathBuf]) -> Option<Self> {
        files.iter().find_map(|file| Self::of(file, &std::fs::read(file).ok()?))
    }

    fn of(file: &Path, bytes: &[u8]) -> Option<Self> {
        let release = Release::parse(release::split(bytes).ok()?.release_json).ok()?;
        let asks = json!(release.permissions);
        let bearer = |rule: &&Value| rule["header"] == "authorization" && rule["format"] == "Bearer {}";
        let rule = asks["secrets"].as_array()?.iter().find(bearer)?;
        let setting = rule["url"].as_str()?.strip_prefix("setting:")?.to_owned();
        let secret = rule["name"].as_str()?.to_owned();
        (release.wit.world == "provider-plugin").then_some(Self { id: release.id, file: file.to_owned(), setting, secret })
    }

    /// Points it to the played server, with a key that is none.
    async fn settle(&self, bed: &Bed, server: SocketAddr) -> Result<()> {
        let key = format!("settings.\"{}\".{}", self.id, self.setting);
        config_file::set(&bed.home, &key, &format!("\"http://{server}/v1\""))?;
        let store = wire::open_store(&bed.home).await?;
        let (unlocked, _) = vault::ensure(&store, &Places::of(&bed.home)?, Ask::Nobody, "bench").await?;
        let value = SecretValue::new("no-key-of-anybody".into());
        store.set_secret(&unlocked, &self.secret, value, Vec::new(), Deed { by: "bench", did: "set" }).await.map_err(vault::failed)?;
        Ok(())
    }
}

/// One answer as it is streamed, in the pieces that are sent one by one.
fn events() -> Vec<String> {
    let event = |choice: Value| {
        json!({ "id": "b", "object": "chat.completion.chunk", "created": 1, "model": "played", "choices": [choice] }).to_string()
    };
    let mut all: Vec<String> = (0..PIECES)
        .map(|number| {
            event(json!({ "index": 0, "delta": { "role": "assistant", "content": format!("word{number} ") }, "finish_reason": null }))
        })
        .collect();
    all.push(event(json!({ "index": 0, "delta": {}, "finish_reason": "stop" })));
    all.push("[DONE]".into());
    all
}

async fn chunk(stream: &mut BufReader<TcpStream>, text: &str) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await
}

/// Answers a GET with the list of models, and a POST with a streamed answer.
async fn serve(stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    loop {
        let (mut line, mut is_question, mut length) = (String::new(), false, 0);
        while line != "\r\n" {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            is_question |= line.starts_with("POST ");
            let header = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            length = header.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(length);
        }
        tokio::io::copy(&mut (&mut stream).take(length), &mut tokio::io::sink()).await?;
        if !is_question {
            let list = json!({ "object": "list", "data": [{ "id": "played", "object": "model" }] }).to_string();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{list}", list.len());
            stream.write_all(head.as_bytes()).await?;
            continue;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").await?;
        for event in events() {
            chunk(&mut stream, &format!("data: {event}\n\n")).await?;
            tokio::time::sleep(PAUSE).await;
        }
        chunk(&mut stream, "").await?;
    }
}

async fn server() -> Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no port on loopback")?;
    let address = listener.local_addr()?;
    let accepting = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    Ok((address, accepting))
}

/// `bed` has the provider and no other that answers by itself.
pub(crate) async fn run(bed: &Bed, provider: &Provider, quick: bool, report: &mut Report<'_>) -> Result<()> {
    let (address, accepting) = server().await?;
    provider.settle(bed, address).await?;
    let process = Process::start(bed).await?;
    let mut client = Client::connect(&bed.home).await?;
    grant_when_asked(&mut client, &provider.id).await?;
    until_model(&mut client).await?;
    let turns = if quick { 20 } else { 200 };
    let mut before = 0.0;
    for number in 0..WARM_UP + turns {
        if number == WARM_UP {
            before = process.cpu_ms()?;
        }
        let said = turn(&mut client, "hello", number).await?;
        anyhow::ensure!(said.contains(&format!("word{}", PIECES - 1)), "the played model's answer did not come whole: {said}");
    }
    let each = (process.cpu_ms()? - before) / turns as f64;
    report.held("CPU of the host for a turn, a provider's answer over HTTP", each, "ms", Bound::AtMost(10.0));
    process.end().await;
    accepting.abort();
    Ok(())
}

/// The files to put into its bed: all that came with the host but for what answers without a server.
pub(super) fn beside<'a>(files: &'a [PathBuf], provider: &Provider) -> Vec<PathBuf> {
    let answers = |file: &&'a PathBuf| {
        let release = std::fs::read(file).ok().and_then(|bytes| Release::parse(release::split(&bytes).ok()?.release_json).ok());
        release.is_some_and(|release| release.wit.world == "provider-plugin")
    };
    files.iter().filter(|file| **file == provider.file || !answers(file)).cloned().collect()
}
