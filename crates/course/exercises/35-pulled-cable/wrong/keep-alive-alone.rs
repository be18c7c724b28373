// An echo server that asks whether its clients are still there.
// Try it: cargo run --bin pulled-cable, and in another terminal: nc localhost 3000.

use socket2::{SockRef, TcpKeepalive};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::{env, thread, time::Duration};

const ASKS: Duration = Duration::from_secs(1);

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
    let probes = TcpKeepalive::new().with_time(ASKS).with_interval(ASKS).with_retries(2);
    SockRef::from(stream).set_tcp_keepalive(&probes)?; // with nothing on its way
    for line in BufReader::new(stream).split(b'\n') {
        stream.write_all(&[line?, vec![b'\n']].concat())?;
    }
    Ok(())
}
