//! A static file server on loopback, with TLS or without, that does what a test tells it for
//! some paths.

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// What is done for paths that hold a text.
#[derive(Clone)]
pub(crate) enum Act {
    /// Other bytes.
    Say(Vec<u8>),
    /// 302.
    Redirect(String),
    /// Half of the file, and then nothing until the test ends; tells when half is out.
    Stall(Sender<()>),
}

#[derive(Default)]
struct State {
    acts: BTreeMap<String, Act>,
    heard: Vec<String>,
    /// Stalled connections stay open.
    open: Vec<Box<dyn Send>>,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub(crate) fn of(folder: &Path) -> Self {
        Self::start(folder, None)
    }

    /// The same under TLS.
    pub(crate) fn under_tls(folder: &Path, config: Arc<ServerConfig>) -> Self {
        Self::start(folder, Some(config))
    }

    fn start(folder: &Path, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::<Mutex<State>>::default());
        let (folder, shared) = (folder.to_owned(), Arc::clone(&state));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (folder, shared, tls) = (folder.clone(), Arc::clone(&shared), tls.clone());
                std::thread::spawn(move || {
                    let Some(config) = tls else { return drop(answer(stream, &folder, &shared)) };
                    let connection = ServerConnection::new(config).unwrap();
                    drop(answer(StreamOwned::new(connection, stream), &folder, &shared));
                });
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// From now on, for each path that holds `part`.
    pub(crate) fn act(&self, part: &str, act: Act) {
        self.state.lock().unwrap().acts.insert(part.to_owned(), act);
    }

    pub(crate) fn stall(&self, part: &str) -> Receiver<()> {
        let (told, heard) = channel();
        self.act(part, Act::Stall(told));
        heard
    }

    pub(crate) fn behave(&self) {
        self.state.lock().unwrap().acts.clear();
    }

    /// Heads of requests for paths that hold `part`, since the last look.
    pub(crate) fn heard(&self, part: &str) -> Vec<String> {
        let heard = std::mem::take(&mut self.state.lock().unwrap().heard);
        heard.into_iter().filter(|head| head.lines().next().is_some_and(|line| line.contains(part))).collect()
    }
}

fn answer(stream: impl Read + Write + Send + 'static, folder: &Path, state: &Mutex<State>) -> std::io::Result<()> {
    let mut head = String::new();
    let mut reader = BufReader::new(stream);
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let path = head.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
    let act = {
        let mut state = state.lock().unwrap();
        state.heard.push(head.clone());
        state.acts.iter().find(|(part, _)| path.contains(part.as_str())).map(|(_, act)| act.clone())
    };
    let stored = |path: &str| std::fs::read(PathBuf::from(folder).join(path));
    let from: usize = head.lines().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse().ok()).unwrap_or(0);
    let mut stream = reader.into_inner();
    match act {
        Some(Act::Say(bytes)) => say(&mut stream, "200 OK", "", &bytes),
        Some(Act::Redirect(to)) => say(&mut stream, "302 Found", &format!("location: {to}\r\n"), b""),
        Some(Act::Stall(told)) => {
            let bytes = stored(&path)?;
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", bytes.len())?;
            stream.write_all(&bytes[..bytes.len() / 2])?;
            stream.flush()?;
            state.lock().unwrap().open.push(Box::new(stream));
            // A test that looks no more does not matter.
            told.send(()).ok();
            Ok(())
        }
        None => match stored(&path) {
            Ok(bytes) if from > 0 => {
                let range = format!("content-range: bytes {from}-{}/{}\r\n", bytes.len() - 1, bytes.len());
                say(&mut stream, "206 Partial Content", &range, &bytes[from..])
            }
            Ok(bytes) => say(&mut stream, "200 OK", "", &bytes),
            Err(_) => say(&mut stream, "404 Not Found", "", b""),
        },
    }
}

fn say(stream: &mut impl Write, status: &str, more: &str, body: &[u8]) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n", body.len())?;
    stream.write_all(body)?;
    stream.flush()
}
