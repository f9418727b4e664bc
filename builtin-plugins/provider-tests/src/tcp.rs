//! A plain HTTP/1.1 transport for tests: one connection per request, no TLS.
//!
//! It reads a length, chunks, or to the end, and reports a connection that ends
//! early as what it is. It refuses anything but `http` addresses.

use skynet_plugin_sdk::http::{Address, Body, Error, Request, Response, Transport};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a test waits for a server on its own machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The transport; the headers are added to each request, as the host adds keys.
#[derive(Debug, Clone, Default)]
pub struct Tcp {
    /// Headers that the plugin does not know of.
    pub injected: Vec<(String, String)>,
}

impl Tcp {
    /// A transport that adds one header.
    pub fn with_header(name: &str, value: &str) -> Self {
        Self { injected: vec![(name.to_owned(), value.to_owned())] }
    }
}

impl Transport for Tcp {
    fn send(&mut self, request: Request) -> Result<Response, Error> {
        let address = Address::parse(&request.url)?;
        if address.secure {
            return Err(Error::InvalidRequest("this transport has no TLS".to_owned()));
        }
        let mut stream = TcpStream::connect(&address.authority).map_err(network)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(network)?;
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", request.method, address.path_and_query, address.authority);
        for (name, value) in request.headers.iter().chain(&self.injected) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\nconnection: close\r\n\r\n", request.body.len()));
        stream.write_all(head.as_bytes()).map_err(network)?;
        stream.write_all(&request.body).map_err(network)?;
        read_head(BufReader::new(stream))
    }
}

fn network(error: std::io::Error) -> Error {
    Error::Network(error.to_string())
}

fn line(reader: &mut BufReader<TcpStream>) -> Result<String, Error> {
    let mut line = String::new();
    match reader.read_line(&mut line).map_err(network)? {
        0 => Err(Error::Network("the connection closed early".to_owned())),
        _ => Ok(line.trim_end().to_owned()),
    }
}

fn read_head(mut reader: BufReader<TcpStream>) -> Result<Response, Error> {
    let first = line(&mut reader)?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| Error::Protocol(format!("no status line: {first}")))?;
    let mut headers = Vec::new();
    loop {
        let text = line(&mut reader)?;
        let Some((name, value)) = text.split_once(':') else { break };
        headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    let get = |name: &str| skynet_plugin_sdk::http::header(&headers, name);
    let framing = match (get("transfer-encoding"), get("content-length")) {
        (Some(coding), _) if coding.eq_ignore_ascii_case("chunked") => Framing::Chunks,
        (_, Some(length)) => Framing::Length(length.parse().map_err(|_| Error::Protocol(format!("bad length {length}")))?),
        _ => Framing::ToTheEnd,
    };
    Ok(Response { status, headers, body: Box::new(Incoming { reader, framing }) })
}

enum Framing {
    Chunks,
    Length(usize),
    ToTheEnd,
    Done,
}

struct Incoming {
    reader: BufReader<TcpStream>,
    framing: Framing,
}

impl Incoming {
    fn exactly(&mut self, length: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes).map_err(network)?;
        Ok(bytes)
    }
}

impl Body for Incoming {
    fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match self.framing {
            Framing::Done | Framing::Length(0) => Ok(None),
            Framing::Length(length) => {
                self.framing = Framing::Done;
                self.exactly(length).map(Some)
            }
            Framing::ToTheEnd => {
                let mut bytes = vec![0; 4096];
                let read = self.reader.read(&mut bytes).map_err(network)?;
                bytes.truncate(read);
                Ok((read > 0).then_some(bytes))
            }
            Framing::Chunks => {
                let size = line(&mut self.reader)?;
                let digits = size.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(digits, 16).map_err(|_| Error::Protocol(format!("bad chunk size {size:?}")))?;
                let bytes = self.exactly(size)?;
                let ending = line(&mut self.reader);
                if size == 0 {
                    self.framing = Framing::Done;
                    return Ok(None);
                }
                ending.map(|_| Some(bytes))
            }
        }
    }
}
