//! Step 1: a reply is two writes, the message and then its newline.
//! Terminal 1: `cargo run -p step1-two-writes`. Terminal 2: `nc localhost 3000`, then type lines.

use std::io::{self, Write};
use std::{collections::HashMap, env, net::SocketAddr, process::ExitCode, sync::Arc};

use anyhow::{Context, anyhow};
use log::{error, info, warn};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, lookup_host, tcp::OwnedWriteHalf};
use tokio::{sync::Mutex, time};

/// Who is connected, and where to write to them: what a chat server would keep.
type Roster = Arc<Mutex<HashMap<SocketAddr, Arc<Mutex<OwnedWriteHalf>>>>>;

#[tokio::main]
async fn main() -> ExitCode {
    let level = env_logger::Env::default().default_filter_or("info");
    env_logger::Builder::from_env(level)
        .format_timestamp(None)
        .format_target(false)
        .init();
    let args = Vec::from_iter(env::args_os().skip(1));
    let (status, served) = match args.as_slice() {
        [] => (1, serve("localhost:3000").await),
        [address] => (1, serve(&address.to_string_lossy()).await),
        _ => (
            2,
            Err(anyhow!(
                "expected one address, not {} arguments",
                args.len()
            )),
        ),
    };
    if let Err(error) = served {
        // Not `eprintln!`: that panics when nobody reads stderr any more.
        let name = env!("CARGO_BIN_NAME");
        let _ = writeln!(
            io::stderr(),
            "{name}: {error:#}: give a free one: {name} localhost:3001"
        );
    }
    ExitCode::from(status)
}

async fn serve(address: &str) -> anyhow::Result<()> {
    // Given a name, `bind` would go on to its next address when a server has the first.
    let mut addresses = lookup_host(address).await?;
    let first = addresses.next().context("no address has this name")?;
    let listener = TcpListener::bind(first).await?;
    info!("listening on {}", listener.local_addr()?);
    let roster = Roster::default();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => drop(tokio::spawn(handle_client(stream, peer, roster.clone()))),
            Err(error) => {
                error!("cannot accept a client: {error}");
                // Nothing tells a server when a descriptor becomes free: wait, then try again.
                time::sleep(time::Duration::from_secs(1)).await;
            }
        }
    }
}

async fn handle_client(stream: TcpStream, peer: SocketAddr, roster: Roster) {
    info!("Client is connected: {peer}");
    if let Err(error) = echo(stream, peer, &roster).await {
        warn!("Lost client {peer}: {error}");
    }
    // `stream` is gone, yet no FIN is sent: the roster still owns the socket.
}

async fn echo(stream: TcpStream, peer: SocketAddr, roster: &Roster) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let writer = Arc::new(Mutex::new(writer));
    roster.lock().await.insert(peer, writer.clone());
    let (mut reader, mut line) = (BufReader::new(reader), Vec::new());
    while reader.read_until(b'\n', &mut line).await? > 0 {
        // At end of input, a last line without a newline gets one.
        let message = line.strip_suffix(b"\n").unwrap_or(&line);
        info!("[{peer}] Message: {:?}", String::from_utf8_lossy(message));
        let mut writer = writer.lock().await;
        writer.write_all(message).await?; // nothing to write when the line is empty
        writer.write_all(b"\n").await?;
        line.clear();
    }
    Ok(())
}
