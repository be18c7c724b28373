//! All tests of the `lab` command in one program: each program more is linked, and kept, with the whole harness in it.

use std::process::ExitCode;

mod bench;
mod captures;
mod command;
mod languages;
mod links;
mod wireshark;

fn main() -> ExitCode {
    harness::suite::run_all(&[
        ("bench", bench::TESTS),
        ("captures", captures::TESTS),
        ("command", command::TESTS),
        ("languages", languages::TESTS),
        ("links", links::TESTS),
        ("wireshark", wireshark::TESTS),
    ])
}
