//! All tests of what keeps the pages true, in one program: each program more is linked, and kept, with the whole harness
//! in it.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
mod bench;
mod command;
#[cfg(target_os = "linux")]
mod commands;
mod languages;
mod pages;
mod prose;

fn main() -> ExitCode {
    harness::testing::run_all(&[
        #[cfg(target_os = "linux")]
        ("bench", bench::TESTS),
        ("command", command::TESTS),
        #[cfg(target_os = "linux")]
        ("commands", commands::TESTS),
        ("languages", languages::TESTS),
        ("pages", pages::TESTS),
        ("prose", prose::TESTS),
    ])
}
