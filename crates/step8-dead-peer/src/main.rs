//! Step 8: the kernel asks whether a client is still there. One that has not answered for a while is let go.
//! Terminal 1: `cargo run -p step8-dead-peer`. Terminals 2 and 3: `nc localhost 3000`, then type lines.

use anyhow::Context;
use log::{error, info, warn};
use socket2::{SockRef, TcpKeepalive};
use std::{collections::HashMap, env, net::SocketAddr, process, sync::Arc, time::Duration};
use tokio::io::{self, AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, lookup_host, tcp::OwnedWriteHalf};
use tokio::{select, sync::Mutex, sync::mpsc, time};

/// Who is connected, and the queue of what is to be written to them.
type Roster = Arc<Mutex<HashMap<SocketAddr, mpsc::Sender<Line>>>>;
type Line = Arc<[u8]>;

const LIMIT: usize = 64 * 1024; // bytes of a line: one that does not end must not fill the memory
const DRAIN: u64 = 16 * 1024 * 1024; // how many bytes of a client are thrown away after our goodbye
const PATIENCE: Duration = Duration::from_secs(3); // and how long that may take
const QUEUE: usize = 100; // lines that may wait for a client
const TAKES: Duration = Duration::from_secs(1); // how long each may take
const GONE: u64 = 20; // seconds without an answer of a client, unless the environment says another number in GONE

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
    if let Err(error) = chat(stream, peer, &roster).await {
        warn!("Lost client {peer}: {error}");
    }
    info!("Closing client's connection: {peer}");
    roster.lock().await.remove(&peer); // nobody keeps it any longer
}

async fn chat(stream: TcpStream, peer: SocketAddr, roster: &Roster) -> io::Result<()> {
    let gone = env::var("GONE").ok().and_then(|gone| gone.parse().ok()).unwrap_or(GONE);
    let asks = Duration::from_secs(gone.div_ceil(4));
    let probes = TcpKeepalive::new().with_time(asks).with_interval(asks);
    SockRef::from(&stream).set_tcp_keepalive(&probes)?; // with nothing on its way, the kernel asks after 5 s, and again
    #[cfg(target_os = "linux")]
    SockRef::from(&stream).set_tcp_user_timeout(Some(Duration::from_secs(gone)))?; // how long it waits for an ACK
    let (reader, writer) = stream.into_split();
    let (queue, lines) = mpsc::channel(QUEUE);
    roster.lock().await.insert(peer, queue);
    let mut writing = tokio::spawn(write_lines(lines, writer));
    let mut reader = BufReader::new(reader);
    while let Some(mut message) = select! {
        read = read_line(&mut reader) => read?,
        written = &mut writing => return written?, // it was let go
    } {
        if message.len() > LIMIT {
            warn!(target: &peer.to_string(), "A line of more than {LIMIT} bytes");
            let answer = format!("error: a line has at most {LIMIT} bytes\n");
            if let Some(own) = roster.lock().await.remove(&peer) {
                let _ = own.send(answer.into_bytes().into()).await;
            }
            break;
        }
        info!(target: &peer.to_string(), "Message: {:?}", String::from_utf8_lossy(&message));
        message.push(b'\n'); // also after a last line that came without one
        tell_everyone(roster, message.into()).await;
    }
    roster.lock().await.remove(&peer); // so its queue ends, and is written up to there
    writing.await??;
    // `close` would end that by a reset if more came in: so read on, until the client has ended too.
    time::timeout(PATIENCE, io::copy_buf(&mut reader.take(DRAIN), &mut io::sink())).await??;
    Ok(())
}

async fn tell_everyone(roster: &Roster, line: Line) {
    let deadline = time::Instant::now() + TAKES; // one for the line, however many clients have no room for it
    let everyone = roster.lock().await.clone(); // others may have the roster meanwhile
    for (peer, queue) in everyone {
        if time::timeout_at(deadline, queue.send(line.clone())).await.is_err() {
            warn!("Letting {peer} go: {QUEUE} lines wait for it, and it took none within {TAKES:?}");
            roster.lock().await.remove(&peer);
        }
    }
}

async fn write_lines(mut queue: mpsc::Receiver<Line>, mut writer: OwnedWriteHalf) -> io::Result<()> {
    while let Some(line) = queue.recv().await {
        let written = time::timeout(TAKES, writer.write_all(&line)).await;
        written.map_err(|_| io::Error::other(format!("let go, as it took no line within {TAKES:?}")))??;
    }
    writer.shutdown().await // the FIN. What is not acknowledged yet, the kernel still sends again
}

/// However bytes come, a line in pieces or several at once. Of a line that is too long it takes one byte too many.
async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = reader.take(LIMIT as u64 + 1).read_until(b'\n', &mut line).await?;
    line.pop_if(|last| *last == b'\n');
    Ok((read > 0).then_some(line))
}
