// A chat: each line goes to everyone, and everyone waits until it is written.
// Try it: cargo run --bin everyone-waits, and in two other terminals: nc localhost 3000.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::{env, thread};

/// Who is connected.
static ROSTER: LazyLock<Mutex<HashMap<SocketAddr, Arc<TcpStream>>>> = LazyLock::new(Mutex::default);

fn roster() -> MutexGuard<'static, HashMap<SocketAddr, Arc<TcpStream>>> {
    ROSTER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("localhost:3000".to_owned());
    let listener = TcpListener::bind(address)?;
    eprintln!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept()?;
        thread::spawn(move || {
            if let Err(error) = chat(Arc::new(stream), peer) {
                eprintln!("lost {peer}: {error}");
            }
            roster().remove(&peer); // the last owner goes
        });
    }
}

fn chat(stream: Arc<TcpStream>, peer: SocketAddr) -> io::Result<()> {
    roster().insert(peer, stream.clone());
    for line in BufReader::new(&*stream).split(b'\n') {
        let line = [line?, vec![b'\n']].concat();
        for writer in roster().values() {
            let _ = writer.as_ref().write_all(&line); // who is gone is found by reading
        }
    }
    Ok(())
}
