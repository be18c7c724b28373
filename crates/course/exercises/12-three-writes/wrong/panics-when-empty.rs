// An echo server: it sends each line back.
// Try it: cargo run --bin three-writes, and in another terminal: nc localhost 3000.

use std::{env, io};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("localhost:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        tokio::spawn(async move {
            if let Err(error) = echo(stream).await {
                eprintln!("lost {peer}: {error}");
            }
        });
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut lines = BufReader::new(reader).split(b'\n');
    while let Some(line) = lines.next_segment().await? {
        assert!(!line.is_empty(), "nothing to split");
        let (first, rest) = line.split_at(line.len() / 2);
        writer.write_all(first).await?;
        writer.write_all(rest).await?;
        writer.write_all(b"\n").await?;
    }
    Ok(())
}
