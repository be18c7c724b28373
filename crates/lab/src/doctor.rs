//! What this machine allows, why not more, and the cure.

use std::fmt::Write as _;

use harness::suite::find_program;
use harness::timeline::Level;
use harness::{Machine, Refusal};

/// A tool that helps and is not needed.
struct Tool {
    name: &'static str,
    cure: &'static str,
}

const TOOLS: [Tool; 4] = [
    Tool {
        name: "wireshark",
        cure: "install it to look at captures in its window: see docs/wireshark.md",
    },
    Tool {
        name: "tshark",
        cure: "install it to look at captures in the terminal, and for the tests that compare with it",
    },
    Tool {
        name: "strace",
        cure: "install it for the tests that compare with it",
    },
    Tool {
        name: "just",
        cure: "cargo install just; every recipe is a plain cargo command too",
    },
];

/// The report, a line for each thing, and what to do about each that is missing.
pub fn report(machine: &Machine) -> String {
    let mut text = String::new();
    let mut line = |name: &str, missing: Option<String>| {
        // Writing to a string cannot fail.
        let _ = match missing {
            None => writeln!(text, "{name:<20} yes"),
            Some(why) => writeln!(text, "{name:<20} no: {why}"),
        };
    };
    let refused = |refusal: &Option<Refusal>| {
        refusal
            .as_ref()
            .map(|refusal| format!("{}\n{:<20} cure: {}", refusal.reason, "", refusal.cure))
    };
    line("system calls", refused(&machine.no_trace));
    line("private network", refused(&machine.no_sandbox));
    line("packets on the host", refused(&machine.no_host_capture));
    line(
        "IPv6",
        (!machine.ipv6).then(|| "::1 cannot be bound; tests over IPv6 are ignored".to_owned()),
    );
    for tool in TOOLS {
        line(
            tool.name,
            find_program(tool.name).is_none().then(|| tool.cure.to_owned()),
        );
    }
    let level = match machine.level {
        Some(Level::Sandbox) => "sandbox: system calls, packets and socket states, in a private network",
        Some(Level::Loopback) => "loopback: system calls, packets and socket states, on the host's own network",
        Some(_) => "no packets: system calls and socket states; the kernel's counters in place of packets",
        None => "none: a server cannot be observed here; captures can be read and shown",
    };
    let _ = writeln!(text, "{:<20} {level}", "level");
    text
}
