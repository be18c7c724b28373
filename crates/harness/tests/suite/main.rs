//! The tests that look at the machine before they run, in one program: each program more is linked, and kept, with
//! the whole harness in it.

use std::process::ExitCode;

use harness::testing::Needs::{self, Request};

mod beside;
mod conversations;
mod findings;
mod levels;
#[cfg(target_os = "linux")]
mod linux_tcp;
mod oracle;
mod ordeals;
mod wire;
mod wrong_servers;

/// Of tests that take seconds of a processor, since they move megabytes.
const LARGE: Needs = Request("moves megabytes: run with --ignored");

fn main() -> ExitCode {
    harness::testing::run_all(&[
        // Those that wait longest.
        ("ordeals", ordeals::TESTS),
        ("wire", wire::TESTS),
        #[cfg(target_os = "linux")]
        ("linux_tcp", linux_tcp::TESTS),
        ("wrong_servers", wrong_servers::TESTS),
        ("beside", beside::TESTS),
        ("conversations", conversations::TESTS),
        ("findings", findings::TESTS),
        ("levels", levels::TESTS),
        ("oracle", oracle::TESTS),
        // Memory that was used once stays with the process, and to copy its page tables makes each fork slower.
        ("wrong_servers::large", wrong_servers::large::TESTS),
        ("findings::large", findings::large::TESTS),
        ("levels::large", levels::large::TESTS),
        ("wire::large", wire::large::TESTS),
    ])
}
