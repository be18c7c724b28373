//! The servers that `lab bench` holds the steps against, and its traffic: as short as they can be.
//!
//!     bench-server tokio 127.0.0.1:3000       what a task of tokio takes to echo bytes
//!     bench-server std 127.0.0.1:3000         what a thread takes to echo bytes
//!     bench-server ping-pong ADDRESS COUNT    both ends of COUNT exchanges; the packets so far

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const BUFFER: usize = 8192;

/// A reply that has not come within this time is not going to.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["tokio", address] => serve_with_tasks(address),
        ["std", address] => serve_with_threads(&listen(address)?),
        ["ping-pong", address, count] => ping_pong(&listen(address)?, count.parse()?),
        _ => bail!("usage: bench-server tokio|std ADDRESS, or bench-server ping-pong ADDRESS COUNT"),
    }
}

fn listen(address: &str) -> Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    eprintln!("listening on {}", listener.local_addr()?);
    Ok(listener)
}

#[tokio::main]
async fn serve_with_tasks(address: &str) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    loop {
        let (mut stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut buffer = [0; BUFFER];
            while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        });
    }
}

fn serve_with_threads(listener: &TcpListener) -> Result<()> {
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || echo(stream));
    }
    Ok(())
}

fn echo(mut stream: TcpStream) {
    let mut buffer = [0; BUFFER];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}

fn ping_pong(listener: &TcpListener, count: usize) -> Result<()> {
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    let server = std::thread::spawn(move || echo(server));
    client.set_read_timeout(Some(PATIENCE))?;
    let mut reply = [0; 6];
    for _ in 0..count {
        client.write_all(b"hello\n")?;
        client.read_exact(&mut reply)?;
    }
    drop(client);
    // It ends at the end of its input, and has nothing to say.
    let _ = server.join();
    println!("{}", packets_on_loopback()?);
    Ok(())
}

/// The packets that the loopback interface of this network has carried: proc_pid_net(5), `dev`.
fn packets_on_loopback() -> Result<u64> {
    let table = std::fs::read_to_string("/proc/self/net/dev")?;
    let line = table.lines().find_map(|line| line.trim().strip_prefix("lo:"));
    let received = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(received.context("there is no loopback interface")?.parse()?)
}
