//! What the newline costs: the same exchange with two writes, one write, and two writes on a
//! socket without Nagle's algorithm. Untraced, one after the other in one run.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::steps;

/// What one server took.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What is special about it.
    pub what: &'static str,
    /// Its name for a reader who wants to run it.
    pub server: &'static str,
    /// Exchanges per second over the whole run.
    pub per_second: f64,
    /// The middle one of the exchanges' times.
    pub median: Duration,
}

/// Measures all servers with so many exchanges each.
///
/// # Errors
///
/// If a server cannot be built, started or talked to.
pub fn measure(exchanges: usize) -> Result<Vec<Measured>> {
    ensure!(exchanges > 0, "there is nothing to measure in 0 exchanges");
    let step = |name| steps::find(name)?.build();
    let without_nagle = steps::build("harness", "wrong-server")?;
    let servers: [(&str, &str, PathBuf, &[&str]); 3] = [
        ("two writes", "step1", step("step1")?, &[]),
        ("one write", "step2", step("step2")?, &[]),
        (
            "two writes, TCP_NODELAY",
            "wrong-server two-writes-nodelay",
            without_nagle,
            &["two-writes-nodelay"],
        ),
    ];
    let measure = |(what, server, binary, arguments): (&'static str, &'static str, PathBuf, &[&str])| {
        let mut times = Running::start(&binary, arguments)?.exchange(exchanges)?;
        let total: Duration = times.iter().sum();
        times.sort();
        Ok(Measured {
            what,
            server,
            per_second: exchanges as f64 / total.as_secs_f64(),
            median: times[exchanges / 2],
        })
    };
    servers.into_iter().map(measure).collect()
}

/// The measurements as a table for a page.
pub fn table(measured: &[Measured]) -> String {
    let mut table =
        String::from("| a reply is | server | exchanges per second | median exchange |\n|---|---|--:|--:|\n");
    for Measured {
        what,
        server,
        per_second,
        median,
    } in measured
    {
        let milliseconds = median.as_secs_f64() * 1000.0;
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {what} | `{server}` | {per_second:.0} | {milliseconds:.3} ms |"
        );
    }
    table
}

/// A server on the host's loopback interface, at a port that the kernel chose.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    /// Starts it and waits until it says where it listens, on whichever stream it says so.
    fn start(binary: &Path, arguments: &[&str]) -> Result<Running> {
        let name = binary.display();
        let mut command = Command::new(binary);
        command.args(arguments).arg("127.0.0.1:0").env("RUST_LOG", "info");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let (told, addresses) = mpsc::channel();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut running = Running {
            child,
            address: String::new(),
        };
        if let Some(stdout) = stdout {
            listen_for_address(stdout, told.clone());
        }
        if let Some(stderr) = stderr {
            listen_for_address(stderr, told);
        }
        running.address = addresses
            .recv()
            .with_context(|| format!("{name} did not say where it listens"))?;
        Ok(running)
    }

    /// Sends a line, reads it back, and so on at once; how long each took.
    fn exchange(&self, exchanges: usize) -> Result<Vec<Duration>> {
        let mut stream =
            TcpStream::connect(&self.address).with_context(|| format!("cannot connect to {}", self.address))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut reply = [0; 6];
        (0..exchanges)
            .map(|_| {
                let began = Instant::now();
                stream.write_all(b"hello\n")?;
                stream.read_exact(&mut reply)?;
                ensure!(
                    reply == *b"hello\n",
                    "the reply was {:?}",
                    String::from_utf8_lossy(&reply)
                );
                Ok(began.elapsed())
            })
            .collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a stream to its end on a thread of its own, or the server would wait for a reader, and
/// tells the address that it names.
fn listen_for_address(stream: impl Read + Send + 'static, told: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if let Some((_, address)) = line.split_once("listening on ") {
                // Who has heard it once needs it no more.
                let _ = told.send(address.to_owned());
            }
        }
    });
}
