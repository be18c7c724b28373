// An echo server that takes no long lines: it says so, says goodbye, and lets the client finish.
// Try it: cargo run --bin how-long, and in another terminal: nc localhost 3000.

use std::{env, time::Duration};
use tokio::io::{self, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time;

/// The longest line that this server takes.
const LONGEST: u64 = 1000;

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("localhost:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => _ = tokio::spawn(async move {
                if let Err(error) = echo(stream).await {
                    eprintln!("lost {peer}: {error}");
                }
            }),
            Err(error) => {
                eprintln!("cannot accept a client: {error}");
                time::sleep(Duration::from_millis(100)).await; // nothing tells when a descriptor becomes free
            }
        }
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        (&mut reader).take(LONGEST).read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Ok(());
        }
        if !line.ends_with(b"\n") {
            writer.write_all(b"too long\n").await?;
            writer.shutdown().await?; // FIN: this was the last word
            io::copy(&mut reader, &mut io::sink()).await?; // until the client has closed too
            return Ok(());
        }
        writer.write_all(&line).await?;
    }
}
