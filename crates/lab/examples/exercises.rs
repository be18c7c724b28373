//! All servers of all exercises in one program, for the tests: what a learner is given, solutions, and wrong turns.
//!
//!     EXERCISE=08-one-write/main.rs exercises 127.0.0.1:3000
//!
//! The list below is written by `lab docs`; each server is a program of its own for whoever learns.
#![allow(
    clippy::all,
    clippy::unwrap_used,
    dead_code,
    missing_docs,
    reason = "some are wrong on purpose"
)]

macro_rules! servers {
    ($($module:ident $path:literal)*) => {
        $(mod $module {
            include!(concat!("../exercises/", $path));

            pub fn run() -> bool {
                super::ended(main())
            }
        })*

        fn run(path: &str) -> bool {
            match path {
                $($path => $module::run(),)*
                _ => {
                    eprintln!("there is no server {path:?} in this program");
                    false
                }
            }
        }
    };
}

/// What `main` gives: nothing, or perhaps an error.
trait Ended {
    fn is_well(self) -> bool;
}

impl Ended for () {
    fn is_well(self) -> bool {
        true
    }
}

impl<E: std::fmt::Debug> Ended for Result<(), E> {
    fn is_well(self) -> bool {
        self.inspect_err(|error| eprintln!("Error: {error:?}")).is_ok()
    }
}

fn ended(outcome: impl Ended) -> bool {
    outcome.is_well()
}

fn main() -> std::process::ExitCode {
    let path = std::env::var("EXERCISE").unwrap_or_default();
    match run(&path) {
        true => std::process::ExitCode::SUCCESS,
        false => std::process::ExitCode::FAILURE,
    }
}

// <!-- generated: exercises -->
servers! {
    e08_one_write_main "08-one-write/main.rs"
    e08_one_write_solution "08-one-write/solution.rs"
    e08_one_write_wrong_answers_nothing "08-one-write/wrong/answers-nothing.rs"
    e08_one_write_wrong_buffer_without_flush "08-one-write/wrong/buffer-without-flush.rs"
    e08_one_write_wrong_closes_at_once "08-one-write/wrong/closes-at-once.rs"
    e08_one_write_wrong_constant "08-one-write/wrong/constant.rs"
    e08_one_write_wrong_detects_the_tracer "08-one-write/wrong/detects-the-tracer.rs"
    e08_one_write_wrong_flush_each "08-one-write/wrong/flush-each.rs"
    e08_one_write_wrong_no_newline "08-one-write/wrong/no-newline.rs"
    e08_one_write_wrong_nodelay "08-one-write/wrong/nodelay.rs"
    e08_one_write_wrong_sleep "08-one-write/wrong/sleep.rs"
    e08_one_write_wrong_waits_before "08-one-write/wrong/waits-before.rs"
    e17_reset_main "17-reset/main.rs"
    e17_reset_solution "17-reset/solution.rs"
    e17_reset_wrong_reads_all "17-reset/wrong/reads-all.rs"
}
// <!-- end -->
