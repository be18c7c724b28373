// A chat: each line goes to everyone. Each client has a queue, and a thread that writes from it.
// Try it: cargo run --bin everyone-waits, and in two other terminals: nc localhost 3000.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::{env, thread};

/// Who is connected, and the queue of what is to be written to them.
static ROSTER: LazyLock<Mutex<HashMap<SocketAddr, Sender<Vec<u8>>>>> = LazyLock::new(Mutex::default);

fn roster() -> MutexGuard<'static, HashMap<SocketAddr, Sender<Vec<u8>>>> {
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
            roster().remove(&peer); // so its queue ends
        });
    }
}

fn chat(stream: Arc<TcpStream>, peer: SocketAddr) -> io::Result<()> {
    let (queue, lines) = mpsc::channel();
    roster().insert(peer, queue);
    let writer = stream.clone();
    thread::spawn(move || write_lines(&writer, lines));
    for line in BufReader::new(&*stream).split(b'\n') {
        let line = [line?, vec![b'\n']].concat();
        let _ = line;
    }
    Ok(())
}

fn write_lines(mut writer: &TcpStream, lines: Receiver<Vec<u8>>) -> io::Result<()> {
    for line in lines {
        writer.write_all(&line)?;
    }
    Ok(())
}
