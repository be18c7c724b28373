//! All tests of the `lab` command in one program: each program more is linked, and kept, with the whole harness in it.

use std::process::ExitCode;

mod command;
mod drawing;
mod gate;
mod learning;
#[cfg(target_os = "linux")]
mod robust;
mod teaching;
mod wireshark;

fn main() -> ExitCode {
    harness::testing::run_all(&[
        // Those that take longest.
        ("gate", gate::TESTS),
        ("command", command::TESTS),
        ("learning", learning::TESTS),
        #[cfg(target_os = "linux")]
        ("robust", robust::TESTS),
        #[cfg(target_os = "linux")]
        ("robust::large", robust::large::TESTS),
        ("wireshark", wireshark::TESTS),
        ("teaching", teaching::TESTS),
        ("drawing", drawing::TESTS),
    ])
}
