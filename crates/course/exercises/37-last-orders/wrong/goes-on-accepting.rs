// A server that takes its time for each order, a line. Asked to stop by TERM, it takes no more, and finishes.
// Try it: cargo run --bin last-orders, and in another terminal: nc localhost 3000.

use std::{env, time::Duration};
use tokio::io::{self, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::{select, time};

/// How long an order takes.
const WORK: Duration = Duration::from_millis(200);

/// So long stopping may take in all.
const STOPS: Duration = Duration::from_secs(8);

#[tokio::main]
async fn main() -> io::Result<()> {
    // A byte comes when the server is asked to stop.
    let (asked, told) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, told.into_std()?)?;
    let address = env::args().nth(1).unwrap_or("localhost:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    let (stop, stopped) = watch::channel(()); // each client's task has a `stopped` until it ends
    loop {
        let accepted = select! {
            accepted = listener.accept() => accepted,
            _ = asked.readable() => break,
        };
        let (stream, peer) = accepted?;
        let stopped = stopped.clone();
        tokio::spawn(async move {
            if let Err(error) = serve(stream, stopped).await {
                eprintln!("lost {peer}: {error}");
            }
        });
    }
    drop(stopped);
    stop.send_replace(());
    let _ = time::timeout(STOPS, stop.closed()).await; // until no task has a `stopped` any more
    Ok(())
}

async fn serve(mut stream: TcpStream, mut stop: watch::Receiver<()>) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut orders = BufReader::new(reader).split(b'\n');
    while let Some(mut order) = select! {
        order = orders.next_segment() => order?,
        _ = stop.changed() => None,
    } {
        time::sleep(WORK).await;
        order.push(b'\n');
        writer.write_all(&order).await?;
    }
    writer.shutdown().await
}
