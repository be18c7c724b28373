//! Step 2: a reply is one write, message and newline together.
//! Terminal 1: `cargo run -p step2-one-write`. Terminal 2: `nc localhost 3000`, then type lines.

use anyhow::Context;
use log::{error, info, warn};
use std::{collections::HashMap, env, io, net::SocketAddr, process, sync::Arc};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, lookup_host, tcp::OwnedWriteHalf};
use tokio::{sync::Mutex, time};

/// Who is connected, and where to write to them: what a chat server would keep.
type Roster = Arc<Mutex<HashMap<SocketAddr, Arc<Mutex<OwnedWriteHalf>>>>>;

#[tokio::main]
async fn main() {
    let level = env_logger::Env::default().default_filter_or("info");
    env_logger::Builder::from_env(level).format_timestamp(None).init();
    let mut address = Vec::from_iter(env::args_os().skip(1)).join(" ".as_ref());
    if address.is_empty() {
        address.push("localhost:3000");
    }
    if let Err(error) = serve(&address.to_string_lossy()).await {
        error!("cannot listen on {error:#}: give one free address, such as localhost:3001");
        process::exit(1);
    }
}

async fn serve(address: &str) -> anyhow::Result<()> {
    let mut found = lookup_host(address).await.context(address.to_owned())?;
    let first = found.next().context("a name without address")?; // `bind(address)` would go on to the next
    let listener = TcpListener::bind(first).await.context(first)?;
    info!("listening on {}", listener.local_addr()?);
    let roster = Roster::default();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => _ = tokio::spawn(handle_client(stream, peer, roster.clone())),
            Err(error) => {
                error!("cannot accept a client: {error}");
                time::sleep(time::Duration::from_secs(1)).await; // nothing tells when a descriptor becomes free
            }
        }
    }
}

async fn handle_client(stream: TcpStream, peer: SocketAddr, roster: Roster) {
    info!("Client is connected: {peer}");
    if let Err(error) = echo(stream, peer, &roster).await {
        warn!("Lost client {peer}: {error}");
    }
    // `stream` is dropped, yet no FIN is sent: the roster still owns the socket.
}

async fn echo(stream: TcpStream, peer: SocketAddr, roster: &Roster) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let writer = Arc::new(Mutex::new(writer));
    roster.lock().await.insert(peer, writer.clone());
    let mut lines = BufReader::new(reader).split(b'\n');
    while let Some(mut message) = lines.next_segment().await? {
        info!("[{peer}] Message: {:?}", String::from_utf8_lossy(&message));
        let mut writer = writer.lock().await;
        message.push(b'\n'); // also after a last line that came without one
        writer.write_all(&message).await?;
    }
    Ok(())
}
