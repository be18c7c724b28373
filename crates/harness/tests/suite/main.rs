//! The tests that look at the machine before they run, in one program: each program more is linked, and kept, with
//! the whole harness in it.

use std::process::ExitCode;

mod findings;
mod levels;
mod oracle;
mod wire;
mod wrong_servers;

fn main() -> ExitCode {
    harness::testing::run_all(&[
        // Those that wait longest.
        ("wire", wire::TESTS),
        ("findings", findings::TESTS),
        ("levels", levels::TESTS),
        ("oracle", oracle::TESTS),
        ("wrong_servers", wrong_servers::TESTS),
        // Memory that was used once stays with the process, and to copy its page tables makes each fork slower.
        ("findings", findings::large::TESTS),
        ("levels", levels::large::TESTS),
        ("wire", wire::large::TESTS),
        ("wrong_servers", wrong_servers::large::TESTS),
    ])
}
