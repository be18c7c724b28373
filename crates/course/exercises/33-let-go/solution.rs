// A chat: each line goes to everyone. Each client has a queue, and who does not take a line in time is let go.
// Try it: cargo run --bin let-go, and in two other terminals: nc localhost 3000.

use std::{collections::HashMap, env, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, tcp::OwnedWriteHalf};
use tokio::{select, sync::Mutex, sync::mpsc, time};

/// Who is connected, and the queue of what is to be written to them.
type Roster = Arc<Mutex<HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>>>;

const QUEUE: usize = 16; // lines that may wait for a client
const TAKES: Duration = Duration::from_secs(1); // how long each may take

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
    let (queue, waiting) = mpsc::channel(QUEUE);
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
    let deadline = time::Instant::now() + TAKES; // one for the line, however many clients have no room for it
    let everyone = roster.lock().await.clone(); // others may have the roster meanwhile
    for (peer, queue) in everyone {
        if time::timeout_at(deadline, queue.send(line.clone())).await.is_err() {
            eprintln!("letting {peer} go: {QUEUE} lines wait for it");
            roster.lock().await.remove(&peer);
        }
    }
}

async fn write_lines(mut queue: mpsc::Receiver<Vec<u8>>, mut writer: OwnedWriteHalf) -> io::Result<()> {
    while let Some(line) = queue.recv().await {
        let written = time::timeout(TAKES, writer.write_all(&line)).await;
        written.map_err(|_| io::Error::other(format!("let go, as it took no line within {TAKES:?}")))??;
    }
    Ok(())
}
