//! All tests of the course in one program: each program more is linked, and kept, with the whole harness in it.

use std::process::ExitCode;

mod captures;
mod learn;
mod servers;
mod tables;

fn main() -> ExitCode {
    harness::testing::run_all(&[
        // Those that take longest.
        ("learn", learn::TESTS),
        ("servers", servers::TESTS),
        ("captures", captures::TESTS),
        ("tables", tables::TESTS),
    ])
}
