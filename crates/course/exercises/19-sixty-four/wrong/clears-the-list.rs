// An echo server that can say good-bye: the line `stop` ends the connections of all clients.
// Try it: cargo run --bin sixty-four, and in another terminal: nc localhost 3000.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{env, thread, time::Duration};

/// All that are connected.
static CLIENTS: Mutex<BTreeMap<SocketAddr, Arc<TcpStream>>> = Mutex::new(BTreeMap::new());

fn clients() -> MutexGuard<'static, BTreeMap<SocketAddr, Arc<TcpStream>>> {
    CLIENTS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("localhost:3000".to_owned());
    let listener = TcpListener::bind(address)?;
    eprintln!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept() {
            Ok((stream, peer)) => _ = thread::spawn(move || handle_client(stream, peer)),
            Err(error) => {
                eprintln!("cannot accept a client: {error}");
                thread::sleep(Duration::from_secs(10)); // nothing tells when a descriptor becomes free
            }
        }
    }
}

fn handle_client(stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
    let stream = Arc::new(stream);
    clients().insert(peer, stream.clone());
    let ended = echo(&stream);
    clients().clear();
    ended
}

fn echo(mut stream: &TcpStream) -> io::Result<()> {
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if line == "stop" {
            for client in clients().values() {
                client.shutdown(Shutdown::Both)?;
            }
            break;
        }
        stream.write_all(format!("{line}\n").as_bytes())?;
    }
    Ok(())
}
