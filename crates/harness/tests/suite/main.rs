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
        ("findings", findings::TESTS),
        ("levels", levels::TESTS),
        ("oracle", oracle::TESTS),
        ("wire", wire::TESTS),
        ("wrong_servers", wrong_servers::TESTS),
    ])
}
