//! A client of the server under test, whose actions are on the timeline too.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::Socket;

use crate::error::Error;
use crate::forks;
use crate::observe::{Network, segment_counters};
use crate::recorder::{Seen, now};
use timeline::{Call, ClientAction, ClientActionKind, Endpoints, Level, Record, SegmentCounters, What};

/// How long [`Client::settle`] waits for acknowledgments. A delayed ACK takes 40 ms on Linux and
/// at most 500 ms anywhere (RFC 9293, section 3.8.6.3).
const SETTLE_LIMIT: Duration = Duration::from_secs(2);

/// Without packets to look at, counters that stand still for so long mean that no ACK is due.
const COUNTERS_STILL: Duration = Duration::from_millis(250);

/// A connection to the server. Dropping it closes it at once; [`close`](Self::close) waits for
/// acknowledgments first, as a person at a terminal would.
pub struct Client {
    socket: Option<Socket>,
    network: Arc<Network>,
    on: Endpoints,
    /// Bytes received and not yet handed out.
    buffer: Unread,
    sent: u64,
    received: u64,
    /// How many bytes have come since it sent something last.
    came: u64,
    /// The end of file has been read.
    ended: bool,
    limit: Duration,
}

impl Client {
    pub(crate) fn new(socket: Socket, network: Arc<Network>, limit: Duration) -> io::Result<Client> {
        let address = |found: io::Result<socket2::SockAddr>| {
            let address = found?
                .as_socket()
                .ok_or_else(|| io::Error::other("the socket has no IP address"))?;
            Ok::<_, io::Error>(SocketAddr::new(address.ip().to_canonical(), address.port()))
        };
        let on = Endpoints {
            client: address(socket.local_addr())?,
            server: address(socket.peer_addr())?,
        };
        set_limit(&socket, limit)?;
        let client = Client {
            socket: Some(socket),
            network,
            on,
            buffer: Unread::default(),
            sent: 0,
            received: 0,
            came: 0,
            ended: false,
            limit,
        };
        client.record(ClientActionKind::Connected);
        Ok(client)
    }

    /// Its own address.
    pub fn local_addr(&self) -> SocketAddr {
        self.on.client
    }

    /// The kernel's segment counters for its socket.
    pub fn counters(&self) -> Option<SegmentCounters> {
        segment_counters(self.socket.as_ref()?)
    }

    /// Its socket, for options that this type has no method for.
    pub fn socket(&self) -> &Socket {
        // Only `close`, `reset` and `drop` take the socket, and they consume the client.
        self.socket
            .as_ref()
            .expect("a client that can be borrowed has its socket")
    }

    /// Sends a text and reads a line back, its newline included.
    ///
    /// # Errors
    ///
    /// [`Error::Client`] if the reply does not come in time, ends early or is not UTF-8.
    pub fn exchange(&mut self, text: &str) -> Result<String, Error> {
        self.send(text)?;
        let line = self.read_line()?;
        let text = String::from_utf8(line);
        text.map_err(|error| self.error("read a line of text", io::Error::new(io::ErrorKind::InvalidData, error)))
    }

    /// Sends bytes, all of them.
    ///
    /// # Errors
    ///
    /// [`Error::Client`].
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Error> {
        let bytes = bytes.as_ref();
        self.has_sent(bytes);
        let done = self.socket().write_all(bytes);
        done.map_err(|error| self.failed("send", error))
    }

    /// Counts what goes out, and puts it on the timeline.
    fn has_sent(&mut self, bytes: &[u8]) {
        let len = bytes.len() as u64;
        self.record(ClientActionKind::Sent {
            bytes: bytes[..bytes.len().min(Call::KEEP)].into(),
            len,
        });
        self.sent += len;
        self.came = 0;
    }

    /// Sends as much of these bytes as the kernel takes at once: how many.
    pub(crate) fn send_now(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.waits(false)?;
        let sent = self.socket().write(bytes);
        self.waits(true)?;
        match sent {
            Ok(length) => {
                self.has_sent(&bytes[..length]);
                Ok(length)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(self.failed("send", error)),
        }
    }

    /// Sends bytes and, on the segment of the last of them, the FIN.
    pub(crate) fn send_last(&mut self, bytes: &[u8]) -> Result<(), Error> {
        /// `MSG_MORE` of send(2): what is sent waits for what follows.
        const MORE: i32 = 0x8000;
        self.has_sent(bytes);
        let sent = self.socket().send_with_flags(bytes, MORE);
        sent.map_err(|error| self.failed("send", error))?;
        self.shutdown_write()
    }

    /// Sends one byte of urgent data (RFC 9293, section 3.8.5), which is no part of the stream.
    pub(crate) fn send_urgent(&mut self) -> Result<(), Error> {
        let sent = self.socket().send_out_of_band(b"!");
        sent.map(drop).map_err(|error| self.failed("send urgent data", error))
    }

    /// The connection.
    pub(crate) fn on(&self) -> Endpoints {
        self.on
    }

    /// Reads up to and including the next newline.
    ///
    /// # Errors
    ///
    /// [`Error::Client`] if it does not come in time, or the server closes first.
    pub fn read_line(&mut self) -> Result<Vec<u8>, Error> {
        loop {
            if let Some(line) = self.buffer.line() {
                return Ok(line);
            }
            if self.fill("read a line", "a line")? == 0 {
                return Err(self.give_up("read a line", "a line", None));
            }
        }
    }

    /// Reads so many bytes.
    ///
    /// # Errors
    ///
    /// As [`read_line`](Self::read_line).
    pub fn read_exact(&mut self, length: usize) -> Result<Vec<u8>, Error> {
        let wanted = format!("{length} bytes");
        while self.buffer.bytes.len() < length {
            if self.fill("read", &wanted)? == 0 {
                return Err(self.give_up("read", &wanted, None));
            }
        }
        Ok(self.buffer.take(length))
    }

    /// Reads until the server closes.
    ///
    /// # Errors
    ///
    /// [`Error::Client`] if it does not close in time, or resets.
    pub fn read_to_end(&mut self) -> Result<Vec<u8>, Error> {
        while self.fill("read to the end", "the end of file")? > 0 {}
        Ok(self.buffer.take_all())
    }

    /// Reads what comes next, however much it is: at least a byte, or nothing at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Client`] if nothing comes in time, or the server resets.
    pub fn read_some(&mut self) -> Result<Vec<u8>, Error> {
        if self.buffer.bytes.is_empty() {
            self.fill("read", "data")?;
        }
        Ok(self.buffer.take_all())
    }

    /// As [`read_some`](Self::read_some), but `None` if nothing comes within this time: that is no failure of
    /// anybody's, and is not on the timeline.
    ///
    /// # Errors
    ///
    /// [`Error::Client`] if the server resets.
    pub fn read_within(&mut self, limit: Duration) -> Result<Option<Vec<u8>>, Error> {
        let kept = self.limit;
        self.read_if_there(|client, begins| client.wait_at_most(if begins { limit } else { kept }))
    }

    /// Reads what comes next while the socket is set to wait otherwise than it does: `set` is told whether that begins.
    fn read_if_there(
        &mut self,
        set: impl Fn(&mut Client, bool) -> Result<(), Error>,
    ) -> Result<Option<Vec<u8>>, Error> {
        if self.buffer.bytes.is_empty() {
            set(self, true)?;
            let filled = self.try_fill("read");
            set(self, false)?;
            if filled?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(self.buffer.take_all()))
    }

    /// How long reads and writes wait from here on.
    ///
    /// # Errors
    ///
    /// [`Error::Client`] if the system refuses, as it does a limit of 0.
    pub fn wait_at_most(&mut self, limit: Duration) -> Result<(), Error> {
        self.limit = limit;
        set_limit(self.socket(), limit).map_err(|error| self.error("set a time limit", error))
    }

    /// As [`read_within`](Self::read_within), without waiting: `None` if nothing is there.
    ///
    /// # Errors
    ///
    /// [`Error::Client`] if the server resets.
    pub fn read_now(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.read_if_there(|client, begins| client.waits(!begins))
    }

    fn waits(&self, waits: bool) -> Result<(), Error> {
        let set = self.socket().set_nonblocking(!waits);
        set.map_err(|error| self.error("set whether it waits", error))
    }

    /// Puts on the timeline that it has waited for something in vain, `a line` say: for so long, or with `None` until
    /// the server closed. An error to return.
    pub fn give_up(&self, what: &str, wanted: &str, waited: Option<Duration>) -> Error {
        self.record(ClientActionKind::GaveUp {
            wanted: wanted.to_owned(),
            waited,
        });
        let source = match waited {
            None => io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection first"),
            Some(waited) if self.came == 0 => {
                io::Error::new(io::ErrorKind::TimedOut, format!("nothing came within {waited:?}"))
            }
            Some(waited) => io::Error::new(
                io::ErrorKind::TimedOut,
                format!("{wanted} did not come within {waited:?}"),
            ),
        };
        self.error(what, source)
    }

    /// Reads more, as much as is there, and has to read something, or the end.
    fn fill(&mut self, what: &str, wanted: &str) -> Result<usize, Error> {
        match self.try_fill(what)? {
            Some(length) => Ok(length),
            None => Err(self.give_up(what, wanted, Some(self.limit))),
        }
    }

    /// Reads more, as much as is there: how many bytes, and 0 at the end. `None` if none comes in time.
    fn try_fill(&mut self, what: &str) -> Result<Option<usize>, Error> {
        let mut part = [0; 16 * 1024];
        let read = loop {
            match self.socket().read(&mut part) {
                // A signal came to the thread that reads. The kernel never repeats a read that has a time limit
                // (signal(7)), so it is repeated here.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let length = match read {
            Ok(length) => length,
            // A read that ran into its time limit fails with EAGAIN. ETIMEDOUT is another thing: TCP has given the
            // connection up.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(self.failed(what, error)),
        };
        self.ended |= length == 0;
        self.received += length as u64;
        self.came += length as u64;
        self.buffer.bytes.extend_from_slice(&part[..length]);
        self.record(match length {
            0 => ClientActionKind::EndOfFile,
            _ => ClientActionKind::Received {
                bytes: part[..length.min(Call::KEEP)].into(),
                len: length as u64,
            },
        });
        Ok(Some(length))
    }

    /// Waits until all that both sides have sent is acknowledged, the client's delayed ACK
    /// included. Gives up after two seconds, and the time that a wire takes: a server that does not read may never get there.
    pub fn settle(&self) {
        let deadline = Instant::now() + SETTLE_LIMIT + self.network.slow_by();
        let received = self.received + u64::from(self.ended);
        if self.network.level() > Level::NoPackets {
            let quiet = |seen: &Seen| seen.is_quiet(&self.on, self.sent, received).then_some(());
            let _ = self.network.recorder().wait(deadline, quiet);
            return;
        }
        // Nothing wakes us when a segment leaves: the counters have to be asked.
        let mut last = (self.counters(), Instant::now());
        while Instant::now() < deadline && last.1.elapsed() < COUNTERS_STILL {
            let _: Option<()> = self
                .network
                .recorder()
                .wait(Instant::now() + COUNTERS_STILL / 10, |_| None);
            let counters = self.counters();
            if counters != last.0 {
                last = (counters, Instant::now());
            }
        }
    }

    /// Says that it will send no more: its FIN goes out, and it can still read.
    ///
    /// # Errors
    ///
    /// [`Error::Client`] if the connection is gone.
    pub fn shutdown_write(&mut self) -> Result<(), Error> {
        self.record(ClientActionKind::ShutdownWrite);
        self.socket()
            .shutdown(Shutdown::Write)
            .map_err(|error| self.failed("shut down", error))
    }

    /// Waits for acknowledgments (see [`settle`](Self::settle)), reads what is left, and closes:
    /// a socket that is closed with unread data sends a reset instead of a FIN.
    pub fn close(self) {
        self.settle();
        if !self.ended && self.socket().set_nonblocking(true).is_ok() {
            let read = || self.socket().read(&mut [0; 16 * 1024]);
            let mut last = read();
            while let Ok(1..) = last {
                last = read();
            }
            if last.is_ok() {
                self.record(ClientActionKind::EndOfFile);
            }
        }
    }

    /// Closes with a reset instead of a FIN (`SO_LINGER` with a time of 0), as a process that
    /// crashes with unread data does.
    ///
    /// # Errors
    ///
    /// [`Error::Client`] if the option is refused.
    pub fn reset(mut self) -> Result<(), Error> {
        let linger = self.socket().set_linger(Some(Duration::ZERO));
        linger.map_err(|error| self.failed("ask for a reset", error))?;
        let _no_fork = forks::none();
        self.record(ClientActionKind::Reset);
        self.socket = None;
        Ok(())
    }

    fn record(&self, kind: ClientActionKind) {
        let action = Box::new(ClientAction {
            kind,
            counters: self.counters(),
            call: None,
        });
        self.network.recorder().push(Record {
            at: now(),
            what: What::Client { on: self.on, action },
        });
    }

    fn failed(&self, what: &str, error: io::Error) -> Error {
        self.record(ClientActionKind::Failed(error.to_string()));
        self.error(what, error)
    }

    fn error(&self, what: &str, source: io::Error) -> Error {
        Error::Client {
            what: what.into(),
            source,
            server: state_of(&self.network),
        }
    }
}

/// What a client has received and not yet handed out.
#[derive(Default)]
struct Unread {
    bytes: Vec<u8>,
    /// So many of the first bytes are known to hold no newline. A long line comes in thousands of parts,
    /// and each byte is looked at once.
    searched: usize,
}

impl Unread {
    /// Takes the first line out, its newline included, if all of it is there.
    fn line(&mut self) -> Option<Vec<u8>> {
        let newline = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n');
        match newline {
            Some(at) => Some(self.take(self.searched + at + 1)),
            None => {
                self.searched = self.bytes.len();
                None
            }
        }
    }

    /// Takes the first bytes out, of which there are so many.
    fn take(&mut self, length: usize) -> Vec<u8> {
        self.searched = 0;
        self.bytes.drain(..length).collect()
    }

    fn take_all(&mut self) -> Vec<u8> {
        self.searched = 0;
        std::mem::take(&mut self.bytes)
    }
}

/// How long a socket waits in a read or a write.
fn set_limit(socket: &Socket, limit: Duration) -> io::Result<()> {
    socket.set_read_timeout(Some(limit))?;
    socket.set_write_timeout(Some(limit))
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.socket.is_some() {
            let _no_fork = forks::none();
            self.record(ClientActionKind::Closed);
            self.socket = None;
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("from", &self.on.client)
            .field("to", &self.on.server)
            .finish()
    }
}

/// What is known of a server when a client of it fails: a sentence's end.
pub(crate) fn state_of(network: &Network) -> String {
    match network.ended() {
        Some(exit) => format!("; the server has ended ({exit}){}", network.output()),
        // It may be on its way to its end: what killed it may be what the client felt first.
        None => format!("; the server had not ended by then{}", network.output()),
    }
}

#[cfg(test)]
#[path = "../tests/unit/client.rs"]
mod tests;
