// A server that sends one line back and closes.
// Try it: cargo run --bin time-wait, and in another terminal: nc localhost 3000.

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
    if let Some(mut line) = lines.next_segment().await? {
        line.push(b'\n');
        writer.write_all(&line).await?;
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    Ok(())
}
