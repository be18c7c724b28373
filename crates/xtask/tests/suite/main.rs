//! All tests of what keeps the pages true, in one program: each program more is linked, and kept, with the whole harness
//! in it.

use std::process::ExitCode;

mod bench;
mod command;
mod languages;
mod pages;
mod prose;

fn main() -> ExitCode {
    harness::testing::run_all(&[
        ("bench", bench::TESTS),
        ("command", command::TESTS),
        ("languages", languages::TESTS),
        ("pages", pages::TESTS),
        ("prose", prose::TESTS),
    ])
}
