// A chat: each line goes to everyone, and everyone waits until it is written.
// Try it: cargo run --bin let-go, and in two other terminals: nc localhost 3000.

use std::{collections::HashMap, env, io, net::SocketAddr, sync::Arc};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, tcp::OwnedWriteHalf};
use tokio::sync::Mutex;

/// Who is connected, and where to write to them.
type Roster = Arc<Mutex<HashMap<SocketAddr, Arc<Mutex<OwnedWriteHalf>>>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("localhost:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    let roster = Roster::default();
    loop {
        let (stream, peer) = listener.accept().await?;
        let roster = roster.clone();
        tokio::spawn(async move {
            if let Err(error) = chat(stream, peer, &roster).await {
                eprintln!("lost {peer}: {error}");
            }
            roster.lock().await.remove(&peer);
        });
    }
}

async fn chat(stream: TcpStream, peer: SocketAddr, roster: &Roster) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    roster.lock().await.insert(peer, Arc::new(Mutex::new(writer)));
    let mut lines = BufReader::new(reader).split(b'\n');
    while let Some(mut line) = lines.next_segment().await? {
        line.push(b'\n');
        for writer in roster.lock().await.values() {
            let _ = writer.lock().await.write_all(&line).await; // who is gone is found by reading
        }
    }
    Ok(())
}
