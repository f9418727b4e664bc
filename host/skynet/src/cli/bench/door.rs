//! A request through the egress door beside the same request by a plain client, to one
//! server on loopback, one after the other. What it costs more is the door's.

use super::Bed;
use super::report::{Bound, Report, median, micros};
use crate::scripts::HostScripts;
use crate::vault::Places;
use crate::wire;
use anyhow::{Context, Result};
use skynet_core::PluginId;
use skynet_plugins::PlainClient;
use skynet_policy::scrub::Known;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nhi";
/// Before the first that counts: both connections are open, all code was run once.
const WARM_UP: usize = 20;

/// Answers every head, and nothing else.
async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        heard.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if heard.ends_with(b"\r\n\r\n") {
            heard.clear();
            stream.write_all(ANSWER).await?;
        }
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

pub(crate) async fn run(bed: &Bed, quick: bool, report: &mut Report<'_>) -> Result<()> {
    let wired = wire::wire(
        &bed.home,
        wire::open_store(&bed.home).await?,
        Known::default(),
        Places::of(&bed.home)?,
        HostScripts::off("not measured here"),
    )
    .await?;
    let (address, accepting) = server().await?;
    // A round is a plugin of its own, within what one plugin may send in a minute.
    let (rounds, requests) = if quick { (2, 100) } else { (15, 400) };
    let mut plain = PlainClient::connect(address).await?;
    let (mut of_plain, mut of_door) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let mut door = wired.host.visitor(PluginId::new(&format!("bench/door-{round}"))?, address)?;
        for number in 0..WARM_UP + requests {
            let (took_plain, done) = micros(plain.get()).await;
            done?;
            let (took_door, done) = micros(door.get()).await;
            done?;
            if number >= WARM_UP {
                of_plain.push(took_plain);
                of_door.push(took_door);
            }
        }
    }
    accepting.abort();
    let (plain, door) = (median(&mut of_plain), median(&mut of_door));
    report.figure("request to loopback, plain client (baseline), p50", plain, "us");
    report.figure("request to loopback, through the door, p50", door, "us");
    report.held("what the door adds, p50", door - plain, "us", Bound::AtMost(100.0));
    Ok(())
}
