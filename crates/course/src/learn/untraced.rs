//! A run that nobody traces: a server that looks for its tracer must not be another one without it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use harness::segment_counters;
use harness::timeline::{Side, Timeline};
use socket2::Socket;

use super::exercise::Exercise;
use super::fault::Untraced;
use super::play::PATIENCE;
use super::subject::Subject;

/// The exchanges of a run, one right after the other.
const EXCHANGES: u32 = 12;

/// Runs of which one has to send as many segments as the traced one. An ACK that its kernel sends alone counts too.
const RUNS: usize = 3;

/// How often to ask whether it listens.
const ASK_AGAIN: Duration = Duration::from_millis(5);

/// What differs from the run that was traced, if something does: the replies, how many segments they take, whether
/// the server closes. The kernel counts segments by itself (`tcpi_segs_in`), so this needs no capture.
///
/// # Errors
///
/// If it cannot be started.
pub fn differs(exercise: &Exercise, subject: &Subject, traced: &Timeline) -> Result<Option<Untraced>> {
    if !exercise.about.echo {
        return Ok(None);
    }
    let segments = traced.segments_per_reply().into_iter().max().filter(|count| *count > 0);
    let mut connections = traced.connections();
    let closes = connections.all(|connection| connection.closing().fins.contains(&Side::Server));
    let mut difference = None;
    for _ in 0..RUNS {
        difference = run(subject, segments, closes)?;
        if !matches!(difference, Some(Untraced::Segments(..))) {
            break;
        }
    }
    Ok(difference)
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(subject: &Subject, segments: Option<usize>, closes: bool) -> Result<Option<Untraced>> {
    // Free now; if somebody takes it before the server does, the server ends and this run differs.
    let address = TcpListener::bind("127.0.0.1:0")
        .and_then(|free| free.local_addr())
        .context("no free port")?;
    let mut command = Command::new(&subject.program);
    command
        .arg(address.to_string())
        .envs(subject.environment.iter().cloned());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = Running(command.spawn().context("cannot start the server")?);
    let told = |what| Ok(Some(Untraced::Behaviour(what)));
    let Some(mut stream) = connect(address, &mut running.0) else {
        return Ok(Some(Untraced::Listening(address)));
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    let received = |stream: &TcpStream| {
        let socket = stream.try_clone().map(Socket::from).ok()?;
        Some(segment_counters(&socket)?.received)
    };
    let before = received(&stream);
    for number in 0..EXCHANGES {
        let line = format!("line {number} of an untraced run\n");
        let mut reply = vec![0; line.len()];
        let replied = stream
            .write_all(line.as_bytes())
            .and_then(|()| stream.read_exact(&mut reply));
        if replied.is_err() || reply != line.as_bytes() {
            return told("does not give each line back");
        }
    }
    let now = received(&stream);
    let counted = before.zip(now).map(|(before, now)| now.wrapping_sub(before));
    if let (Some(counted), Some(segments)) = (counted, segments)
        && u64::from(counted) >= u64::from(EXCHANGES) * (segments as u64 + 1)
    {
        return Ok(Some(Untraced::Segments(counted, EXCHANGES)));
    }
    if closes {
        stream.shutdown(Shutdown::Write)?;
        if !matches!(stream.read(&mut [0; 64]), Ok(0)) {
            return told("does not close when its client has");
        }
    }
    Ok(None)
}

fn connect(address: SocketAddr, server: &mut Child) -> Option<TcpStream> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline && matches!(server.try_wait(), Ok(None)) {
        match TcpStream::connect(address) {
            // Where nobody listens yet, the kernel may give the client this very port, and it is connected to itself.
            Ok(stream) if stream.local_addr().ok() != Some(address) => return Some(stream),
            Ok(_) => {}
            // Nothing tells when another process begins to listen.
            Err(_) => thread::sleep(ASK_AGAIN),
        }
    }
    None
}
