// One write_all of the whole reply. The socket closes when its last owner is dropped.
use std::io::{BufRead, BufReader, Result, Write};
use std::net::{TcpListener, TcpStream};

fn handle(mut client: TcpStream) -> Result<()> {
    for line in BufReader::new(client.try_clone()?).lines() {
        let reply = line? + "\n";
        client.write_all(reply.as_bytes())?; // reply
    }
    Ok(())
}

fn main() -> Result<()> {
    let address = std::env::args().nth(1).expect("give an address");
    for client in TcpListener::bind(address)?.incoming() {
        let client = client?;
        std::thread::spawn(move || handle(client));
    }
    Ok(())
}
