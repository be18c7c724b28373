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
        // Those that wait longest.
        ("learn", learn::TESTS),
        ("bench", bench::TESTS),
        ("captures", captures::TESTS),
        ("command", command::TESTS),
        ("drawing", drawing::TESTS),
        ("gate", gate::TESTS),
        ("languages", languages::TESTS),
        ("learning", learning::TESTS),
        ("prose", prose::TESTS),
        ("teaching", teaching::TESTS),
        #[cfg(target_os = "linux")]
        ("robust", robust::TESTS),
        ("wireshark", wireshark::TESTS),
    ])
}
