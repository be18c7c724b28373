//! Step 5: before it closes, the server says that it has no more to say, and lets the client finish.
//! Terminal 1: `cargo run -p step5-goodbye`. Terminal 2: `nc localhost 3000`, then type lines.

use anyhow::Context;
use log::{error, info, warn};
use std::{collections::HashMap, env, net::SocketAddr, process, sync::Arc, time::Duration};
use tokio::io::{self, AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, lookup_host, tcp::OwnedWriteHalf};
use tokio::{sync::Mutex, time};

/// Who is connected, and where to write to them: what a chat server would keep.
type Roster = Arc<Mutex<HashMap<SocketAddr, Arc<Mutex<OwnedWriteHalf>>>>>;

const LIMIT: usize = 64 * 1024; // bytes of a line: one that does not end must not fill the memory
const DRAIN: u64 = 16 * 1024 * 1024; // how many bytes of a client are thrown away after our goodbye
const PATIENCE: Duration = Duration::from_secs(3); // and how long that may take

#[tokio::main]
async fn main() {
    let level = env_logger::Env::default().default_filter_or("info");
    env_logger::Builder::from_env(level).format_timestamp_millis().init();
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
                time::sleep(Duration::from_secs(1)).await; // nothing tells when a descriptor becomes free
            }
        }
    }
}

async fn handle_client(stream: TcpStream, peer: SocketAddr, roster: Roster) {
    info!("Client is connected: {peer}");
    if let Err(error) = echo(stream, peer, &roster).await {
        warn!("Lost client {peer}: {error}");
    }
    info!("Closing client's connection: {peer}");
    roster.lock().await.remove(&peer); // nobody keeps it any longer
}

async fn echo(stream: TcpStream, peer: SocketAddr, roster: &Roster) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let writer = Arc::new(Mutex::new(writer));
    roster.lock().await.insert(peer, writer.clone());
    let mut reader = BufReader::new(reader);
    while let Some(mut message) = read_line(&mut reader).await? {
        if message.len() > LIMIT {
            warn!(target: &peer.to_string(), "A line of more than {LIMIT} bytes");
            let answer = format!("error: a line has at most {LIMIT} bytes\n");
            writer.lock().await.write_all(answer.as_bytes()).await?;
            break;
        }
        info!(target: &peer.to_string(), "Message: {:?}", String::from_utf8_lossy(&message));
        let mut writer = writer.lock().await;
        message.push(b'\n'); // also after a last line that came without one
        writer.write_all(&message).await?;
    }
    writer.lock().await.shutdown().await?; // the FIN. What is not acknowledged yet, the kernel still sends again
    // `close` would end that by a reset if more came in: so read on, until the client has ended too.
    time::timeout(PATIENCE, io::copy_buf(&mut reader.take(DRAIN), &mut io::sink())).await??;
    Ok(())
}

/// However bytes come, a line in pieces or several at once. Of a line that is too long it takes one byte too many.
async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = reader.take(LIMIT as u64 + 1).read_until(b'\n', &mut line).await?;
    line.pop_if(|last| *last == b'\n');
    Ok((read > 0).then_some(line))
}
