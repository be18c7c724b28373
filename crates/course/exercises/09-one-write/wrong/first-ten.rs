// A server that gives each line back. Try it: cargo run --bin one-write, and in another terminal nc localhost 3000.

use std::{env, io};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("localhost:3000".into());
    let listener = TcpListener::bind(&address).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        tokio::spawn(async move {
            if let Err(error) = echo(stream).await {
                eprintln!("lost client {peer}: {error}");
            }
        });
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut lines = BufReader::new(reader).split(b'\n');
    let mut number = 0;
    while let Some(mut message) = lines.next_segment().await? {
        number += 1;
        if number <= 10 {
            message.push(b'\n');
            writer.write_all(&message).await?;
        } else {
            writer.write_all(&message).await?;
            writer.write_all(b"\n").await?;
        }
    }
    Ok(())
}
