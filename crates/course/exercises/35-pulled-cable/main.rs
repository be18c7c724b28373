// An echo server that believes in its clients for ever.
// Try it: cargo run --bin pulled-cable, and in another terminal: nc localhost 3000.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::{env, thread};

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
    for line in BufReader::new(stream).split(b'\n') {
        stream.write_all(&[line?, vec![b'\n']].concat())?;
    }
    Ok(())
}
