// A server that takes its time for each order, a line. Asked to stop by TERM, it stops.
// Try it: cargo run --bin last-orders, and in another terminal: nc localhost 3000.

use std::{env, process, time::Duration};
use tokio::io::{self, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::{select, time};

/// How long an order takes.
const WORK: Duration = Duration::from_millis(200);

#[tokio::main]
async fn main() -> io::Result<()> {
    // A byte comes when the server is asked to stop.
    let (asked, told) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, told.into_std()?)?;
    let address = env::args().nth(1).unwrap_or("localhost:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    loop {
        select! {
            accepted = listener.accept() => {
                let (stream, peer) = accepted?;
                tokio::spawn(async move {
                    if let Err(error) = serve(stream).await {
                        eprintln!("lost {peer}: {error}");
                    }
                });
            }
            _ = asked.readable() => process::exit(0),
        }
    }
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut orders = BufReader::new(reader).split(b'\n');
    while let Some(mut order) = orders.next_segment().await? {
        time::sleep(WORK).await;
        order.push(b'\n');
        writer.write_all(&order).await?;
    }
    Ok(())
}
