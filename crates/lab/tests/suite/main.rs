//! All tests of the `lab` command in one program: each program more is linked, and kept, with the whole harness in it.

use std::process::ExitCode;

mod bench;
mod captures;
mod command;
mod drawing;
mod gate;
mod languages;
mod learn;
mod learning;
mod prose;
#[cfg(target_os = "linux")]
mod robust;
mod teaching;
mod wireshark;

fn main() -> ExitCode {
    harness::testing::run_all(&[
        // Those that take longest.
        ("learn", learn::TESTS),
        ("gate", gate::TESTS),
        ("command", command::TESTS),
        ("learning", learning::TESTS),
        #[cfg(target_os = "linux")]
        ("robust", robust::TESTS),
        #[cfg(target_os = "linux")]
        ("robust::large", robust::large::TESTS),
        ("captures", captures::TESTS),
        ("wireshark", wireshark::TESTS),
        ("bench", bench::TESTS),
        ("teaching", teaching::TESTS),
        ("drawing", drawing::TESTS),
        ("languages", languages::TESTS),
        ("prose", prose::TESTS),
    ])
}
