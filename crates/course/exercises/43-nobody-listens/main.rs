// An echo server for a single client: when that is there, it does not listen any more.

use std::io::{self, BufRead, BufReader, Write};
use std::{env, net::TcpListener};

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("localhost:3000".to_owned());
    let listener = TcpListener::bind(address)?;
    eprintln!("listening on {}", listener.local_addr()?);
    let (mut stream, _) = listener.accept()?;
    drop(listener);
    for line in BufReader::new(stream.try_clone()?).split(b'\n') {
        stream.write_all(&[line?, vec![b'\n']].concat())?;
    }
    Ok(())
}
