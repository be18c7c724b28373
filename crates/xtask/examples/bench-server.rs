//! The servers that `cargo bench -p xtask` holds the steps against, and its traffic: as short as they can be.
//!
//!     bench-server tokio 127.0.0.1:3000       what a task of tokio takes to echo bytes
//!     bench-server std 127.0.0.1:3000         what a thread takes to echo bytes
//!     bench-server ping-pong ADDRESS COUNT    both ends of COUNT exchanges
//!     bench-server exchange ADDRESS COUNT     the client of COUNT exchanges
//!     bench-server drain ADDRESS              reads to the end, then says so with a byte
//!     bench-server pour ADDRESS BYTES         the client of that
//!     bench-server whole INTERFACE            no segment on it is longer than it takes, and each has its checksum
#![allow(unsafe_code, reason = "an ioctl of ethtool; it stands alone below")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Result, bail};
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
        ["exchange", address, count] => exchange(TcpStream::connect(address)?, count.parse()?),
        ["drain", address] => drain(&listen(address)?),
        ["pour", address, bytes] => pour(&TcpStream::connect(address)?, bytes.parse()?),
        #[cfg(target_os = "linux")]
        ["whole", interface] => whole(interface),
        _ => {
            bail!("usage: bench-server tokio|std|drain ADDRESS, or bench-server ping-pong|exchange|pour ADDRESS COUNT")
        }
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
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    let server = std::thread::spawn(move || echo(server));
    exchange(client, count)?;
    // It ends at the end of its input, and has nothing to say.
    let _ = server.join();
    Ok(())
}

fn exchange(mut client: TcpStream, count: usize) -> Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    let mut reply = [0; 6];
    for _ in 0..count {
        client.write_all(b"hello\n")?;
        client.read_exact(&mut reply)?;
    }
    Ok(())
}

fn drain(listener: &TcpListener) -> Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    for stream in listener.incoming() {
        let mut stream = stream?;
        while stream.read(&mut buffer)? > 0 {}
        stream.write_all(b".")?;
    }
    Ok(())
}

fn pour(mut stream: &TcpStream, mut bytes: usize) -> Result<()> {
    let buffer = vec![b'x'; 256 * 1024];
    while bytes > 0 {
        bytes -= stream.write(&buffer[..buffer.len().min(bytes)])?;
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    Ok(stream.read_exact(&mut [0])?)
}

/// Leaves nothing to do for a network card: what `ethtool -K INTERFACE tx off sg off tso off gso off gro off` does.
#[cfg(target_os = "linux")]
fn whole(interface: &str) -> Result<()> {
    use std::os::fd::AsRawFd;

    use nix::libc;

    const SIOCETHTOOL: u64 = 0x8946;
    // linux/ethtool.h: ETHTOOL_STXCSUM, ETHTOOL_SSG, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO
    const COMMANDS: [u32; 5] = [0x17, 0x19, 0x1f, 0x24, 0x2c];
    let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
    for command in COMMANDS {
        let mut value = [command, 0];
        // SAFETY: netdevice(7): all zero is a valid `ifreq`. Its name is shorter than the field, so a zero ends it, and
        // its data are an `ethtool_value`, two numbers that outlive the call.
        let done = unsafe {
            let mut request: libc::ifreq = std::mem::zeroed();
            for (to, from) in request
                .ifr_name
                .iter_mut()
                .zip(interface.bytes().take(libc::IFNAMSIZ - 1))
            {
                *to = from as libc::c_char;
            }
            request.ifr_ifru.ifru_data = value.as_mut_ptr().cast();
            libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &raw mut request)
        };
        nix::errno::Errno::result(done)?;
    }
    Ok(())
}
