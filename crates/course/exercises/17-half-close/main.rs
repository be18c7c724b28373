// A server that counts lines. It answers when the client has sent its last one.
// Try it: cargo run --bin half-close, and in another terminal: nc localhost 3000.

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
            if let Err(error) = count(stream).await {
                eprintln!("lost {peer}: {error}");
            }
        });
    }
}

async fn count(mut stream: TcpStream) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut lines = BufReader::new(reader).lines();
    let mut count = 0;
    while lines.next_line().await?.is_some() {
        count += 1;
    }
    writer.write_all(format!("{count}\n").as_bytes()).await
}
