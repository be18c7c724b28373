// An echo server for lines of up to 1000 bytes. To a longer one it says `too long`, and closes.
// Try it: cargo run --bin no-limit, and in another terminal: nc localhost 3000.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::{env, thread};

/// The longest line, in bytes, its newline not counted.
const LONGEST: usize = 1000;

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("localhost:3000".to_owned());
    let listener = TcpListener::bind(address)?;
    eprintln!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept()?;
        thread::spawn(move || {
            if let Err(error) = echo(&stream) {
                eprintln!("lost {peer}: {error}");
            }
        });
    }
}

fn echo(mut stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.by_ref().take(LONGEST as u64 + 1).read_until(b'\n', &mut line)? > 0 {
        if line.len() > LONGEST && !line.ends_with(b"\n") {
            return stream.write_all(b"too long\n");
        }
        stream.write_all(&line)?;
        line.clear();
    }
    Ok(())
}
