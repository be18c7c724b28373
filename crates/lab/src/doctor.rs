//! What this machine allows, why not more, and the cure; and whether that is enough for the exercises.

use std::io;
use std::net::{TcpListener, ToSocketAddrs};

use harness::format::json::{self, Doctor};
use harness::testing::find_program;
use harness::timeline::Level;
use harness::{Machine, Refusal};

use crate::terminal::filled;

/// The version of the line for machines. It grows when something is taken away or changes its meaning.
const VERSION: u32 = 1;

/// Where the steps listen unless told otherwise.
const ADDRESS: &str = "localhost:3000";

/// The programs: what each is called, whether the exercises need it, and what it is for.
const TOOLS: [(&str, bool, &str); 8] = [
    ("bash", true, "install it: the exercises use its /dev/tcp"),
    (
        "git",
        true,
        "install it: the exercises change the steps and put them back",
    ),
    (
        "nc",
        true,
        "install it to talk to the servers; on Debian and Ubuntu: sudo apt install netcat-openbsd",
    ),
    (
        "ss",
        true,
        "install it to look at sockets; on Debian and Ubuntu: sudo apt install iproute2",
    ),
    (
        "strace",
        false,
        "install it to see system calls alone, and for the tests that compare with it",
    ),
    (
        "wireshark",
        false,
        "install it to look at captures in its window: see docs/wireshark.md",
    ),
    (
        "tshark",
        false,
        "install it to look at captures in the terminal, and for the tests that compare with it",
    ),
    (
        "just",
        false,
        "cargo install just; every recipe is a plain cargo command too",
    ),
];

/// What was found.
#[derive(Debug)]
pub struct Report {
    level: Option<Level>,
    /// Each thing that was looked at; whether the exercises cannot be done without it; why it is missing, and what to do.
    requirements: Vec<(&'static str, bool, Option<String>)>,
}

impl Report {
    /// Looks at the machine: its kernel, its programs, and the port of the exercises.
    pub fn look() -> Report {
        let taken = listen().err();
        let builds = || eprintln!("lab: building the server of an exercise, offline, as a check does");
        let unbuilt = course::learn::folder::rehearse(builds).err();
        Report::of(
            &Machine::look(),
            &harness::wire_refusal(),
            |tool| find_program(tool).is_some(),
            taken.map(|error| error.to_string()),
            unbuilt.map(|error| format!("{error:#}")),
        )
    }

    fn of(
        machine: &Machine,
        no_wire: &Option<Refusal>,
        has: impl Fn(&str) -> bool,
        port_taken: Option<String>,
        unbuilt: Option<String>,
    ) -> Report {
        let refused = |refusal: &Option<Refusal>| {
            let told = |refusal: &Refusal| format!("{}\n{:<20} cure: {}", refusal.reason, "", refusal.cure);
            refusal.as_ref().map(told)
        };
        let no_packets = machine.level.is_none_or(|level| level < Level::Loopback);
        let packets = no_packets.then(|| "they take a private network, or packets on the host".to_owned());
        let no_ipv6 = (!machine.ipv6).then(|| "::1 cannot be bound; tests over IPv6 are ignored".to_owned());
        let port = port_taken.map(|error| format!("{error}\n{:<20} cure: stop who listens there: ss -tlnp", ""));
        let builds = unbuilt.map(|why| why.replace('\n', &format!("\n{:<20} ", "")));
        let mut requirements = vec![
            ("system calls", true, refused(&machine.no_trace)),
            ("packets", true, packets),
            ("private network", false, refused(&machine.no_sandbox)),
            ("two hosts, a wire", false, refused(no_wire)),
            ("packets on the host", false, refused(&machine.no_host_capture)),
            ("IPv6", false, no_ipv6),
            ("port 3000", true, port),
            ("builds offline", true, builds),
        ];
        let tools = TOOLS.map(|(name, needed, cure)| (name, needed, (!has(name)).then(|| cure.to_owned())));
        requirements.extend(tools);
        Report {
            level: machine.level,
            requirements,
        }
    }

    /// What the exercises need and the machine does not have.
    fn lacking(&self) -> Vec<&'static str> {
        let lacking = self
            .requirements
            .iter()
            .filter(|(_, needed, missing)| *needed && missing.is_some());
        lacking.map(|(name, ..)| *name).collect()
    }

    /// True if the exercises can be done here.
    pub fn is_ready(&self) -> bool {
        self.lacking().is_empty()
    }

    /// A line for each thing, and what to do about each that is missing, in lines of so many columns.
    pub fn text(&self, width: usize) -> String {
        let mut text = String::new();
        for (name, _, missing) in &self.requirements {
            text += &match missing {
                None => format!("{name:<20} yes\n"),
                Some(why) => format!("{name:<20} no: {why}\n"),
            };
        }
        let level = match self.level {
            Some(Level::Sandbox) => "sandbox: system calls, packets and socket states, in a private network",
            Some(Level::Loopback) => "loopback: system calls, packets and socket states, on the host's own network",
            Some(_) => "no packets: system calls and socket states; the kernel's counters in place of packets",
            None => "none: a server cannot be observed here; captures can be read and shown",
        };
        let exercises = match &self.lacking()[..] {
            [] => "ready".to_owned(),
            lacking => format!("not ready, for want of: {}", lacking.join(", ")),
        };
        text += &format!("{:<20} {level}\n{:<20} {exercises}\n", "level", "exercises");
        filled(&text, width, 21)
    }

    /// One line, for a program that asks many machines.
    pub fn json(&self) -> String {
        let has = self.requirements.iter();
        let answer = Doctor {
            version: VERSION,
            ready: self.is_ready(),
            lacking: self.lacking(),
            // A level below "no packets" is one of capture files alone, and no machine has it.
            level: self.level.map(|level| level.max(Level::NoPackets).into()),
            has: has.map(|(name, _, missing)| (*name, missing.is_none())).collect(),
        };
        json::plain(&answer) + "\n"
    }
}

/// Listens as a step does: on the first address of the name, and on no other.
fn listen() -> io::Result<TcpListener> {
    let first = ADDRESS.to_socket_addrs()?.next();
    TcpListener::bind(first.ok_or(io::ErrorKind::AddrNotAvailable)?)
}

#[cfg(test)]
#[path = "../tests/unit/doctor.rs"]
mod tests;
