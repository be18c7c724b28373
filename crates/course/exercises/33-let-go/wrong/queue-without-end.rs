// A chat: each line goes to everyone. Each client has a queue, and who does not take a line in time is let go.
// Try it: cargo run --bin let-go, and in two other terminals: nc localhost 3000.

use std::{collections::HashMap, env, io, net::SocketAddr, sync::Arc};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, tcp::OwnedWriteHalf};
use tokio::{select, sync::Mutex, sync::mpsc};

/// Who is connected, and the queue of what is to be written to them.
type Roster = Arc<Mutex<HashMap<SocketAddr, mpsc::UnboundedSender<Vec<u8>>>>>;


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
            roster.lock().await.remove(&peer); // so its queue ends
        });
    }
}

async fn chat(stream: TcpStream, peer: SocketAddr, roster: &Roster) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let (queue, waiting) = mpsc::unbounded_channel();
    roster.lock().await.insert(peer, queue);
    let mut writing = tokio::spawn(write_lines(waiting, writer));
    let mut lines = BufReader::new(reader).split(b'\n');
    while let Some(mut line) = select! {
        read = lines.next_segment() => read?,
        written = &mut writing => return written?, // it was let go
    } {
        line.push(b'\n');
        tell_everyone(roster, line).await;
    }
    Ok(())
}

async fn tell_everyone(roster: &Roster, line: Vec<u8>) {
    for queue in roster.lock().await.values() {
        let _ = queue.send(line.clone());
    }
}

async fn write_lines(mut queue: mpsc::UnboundedReceiver<Vec<u8>>, mut writer: OwnedWriteHalf) -> io::Result<()> {
    while let Some(line) = queue.recv().await {
        writer.write_all(&line).await?;
    }
    Ok(())
}
