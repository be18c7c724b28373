// A server that listens and never accepts.
// Try it: cargo run --bin handshake, and in another terminal: nc localhost 3000.

use std::{env, future, io};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("localhost:3000".to_owned());
    let listener = TcpListener::bind(address).await?; // socket, bind, listen
    eprintln!("listening on {}", listener.local_addr()?);
    future::pending().await // waits for ever; there is no `accept`
}
