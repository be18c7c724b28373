// An echo server that knows who is connected: the line `who` is answered with how many they are.
// Try it: cargo run --bin close-wait, and in another terminal: nc localhost 3000.

use std::{collections::HashMap, env, io, net::SocketAddr, sync::Arc};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, tcp::OwnedWriteHalf};
use tokio::sync::Mutex;

/// Who is connected, and where to write to them: what a chat server would keep.
type Roster = Arc<Mutex<HashMap<SocketAddr, Arc<Mutex<OwnedWriteHalf>>>>>;

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("localhost:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    let roster = Roster::default();
    loop {
        let (stream, peer) = listener.accept().await?;
        tokio::spawn(handle_client(stream, peer, roster.clone()));
    }
}

async fn handle_client(stream: TcpStream, peer: SocketAddr, roster: Roster) {
    if let Err(error) = echo(stream, peer, &roster).await {
        eprintln!("lost {peer}: {error}");
    }
}

async fn echo(stream: TcpStream, peer: SocketAddr, roster: &Roster) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let writer = Arc::new(Mutex::new(writer));
    roster.lock().await.insert(peer, writer.clone());
    let mut lines = BufReader::new(reader).split(b'\n');
    while let Some(mut line) = lines.next_segment().await? {
        if line == b"who" {
            line = roster.lock().await.len().to_string().into_bytes();
        }
        line.push(b'\n');
        writer.lock().await.write_all(&line).await?;
    }
    roster.lock().await.remove(&peer);
    Ok(())
}
