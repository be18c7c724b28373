//! What the newline costs: the same exchange with two writes, one write, and two writes on a
//! socket without Nagle's algorithm. Untraced, one after the other in one run.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
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
    /// Starts it and waits until it says where it listens.
    fn start(binary: &Path, arguments: &[&str]) -> Result<Running> {
        let name = binary.display();
        let mut command = Command::new(binary);
        command
            .args(arguments)
            .arg("127.0.0.1:0")
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let log = child.stderr.take().context("the server has no standard error")?;
        let mut running = Running {
            child,
            address: String::new(),
        };
        let mut lines = BufReader::new(log).lines();
        let told = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("listening on ")?.1.to_owned()));
        running.address = told.with_context(|| format!("{name} did not say where it listens"))?;
        // Its log must go somewhere, or it would wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
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
