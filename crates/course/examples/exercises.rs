//! All servers of all exercises in one program, for the tests: what a learner is given, solutions, and wrong turns.
//!
//!     EXERCISE=08-one-write/main.rs exercises 127.0.0.1:3000
//!
//! The list below is written by `cargo xtask docs`; each server is a program of its own for whoever learns.
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
    e01_handshake_main "01-handshake/main.rs"
    e05_held_newline_main "05-held-newline/main.rs"
    e06_nodelay_main "06-nodelay/main.rs"
    e06_nodelay_solution "06-nodelay/solution.rs"
    e06_nodelay_wrong_flush_after_each "06-nodelay/wrong/flush-after-each.rs"
    e06_nodelay_wrong_one_write "06-nodelay/wrong/one-write.rs"
    e06_nodelay_wrong_short_sleep "06-nodelay/wrong/short-sleep.rs"
    e09_one_write_main "09-one-write/main.rs"
    e09_one_write_solution "09-one-write/solution.rs"
    e09_one_write_wrong_answers_nothing "09-one-write/wrong/answers-nothing.rs"
    e09_one_write_wrong_buffer_without_flush "09-one-write/wrong/buffer-without-flush.rs"
    e09_one_write_wrong_closes_at_once "09-one-write/wrong/closes-at-once.rs"
    e09_one_write_wrong_constant "09-one-write/wrong/constant.rs"
    e09_one_write_wrong_detects_the_tracer "09-one-write/wrong/detects-the-tracer.rs"
    e09_one_write_wrong_flush_each "09-one-write/wrong/flush-each.rs"
    e09_one_write_wrong_no_newline "09-one-write/wrong/no-newline.rs"
    e09_one_write_wrong_nodelay "09-one-write/wrong/nodelay.rs"
    e09_one_write_wrong_other_address "09-one-write/wrong/other-address.rs"
    e09_one_write_wrong_panics "09-one-write/wrong/panics.rs"
    e09_one_write_wrong_sleep "09-one-write/wrong/sleep.rs"
    e09_one_write_wrong_trims "09-one-write/wrong/trims.rs"
    e09_one_write_wrong_waits_before "09-one-write/wrong/waits-before.rs"
    e10_forgotten_flush_main "10-forgotten-flush/main.rs"
    e10_forgotten_flush_solution "10-forgotten-flush/solution.rs"
    e10_forgotten_flush_wrong_flush_after_each "10-forgotten-flush/wrong/flush-after-each.rs"
    e10_forgotten_flush_wrong_flush_at_the_end "10-forgotten-flush/wrong/flush-at-the-end.rs"
    e10_forgotten_flush_wrong_flush_between "10-forgotten-flush/wrong/flush-between.rs"
    e11_writeln_main "11-writeln/main.rs"
    e11_writeln_solution "11-writeln/solution.rs"
    e11_writeln_wrong_buffer_without_flush "11-writeln/wrong/buffer-without-flush.rs"
    e11_writeln_wrong_nodelay "11-writeln/wrong/nodelay.rs"
    e11_writeln_wrong_write_macro "11-writeln/wrong/write-macro.rs"
    e11_writeln_wrong_writeln_and_flush "11-writeln/wrong/writeln-and-flush.rs"
    e12_three_writes_main "12-three-writes/main.rs"
    e12_three_writes_solution "12-three-writes/solution.rs"
    e12_three_writes_wrong_nodelay "12-three-writes/wrong/nodelay.rs"
    e12_three_writes_wrong_two_writes "12-three-writes/wrong/two-writes.rs"
    e12_three_writes_wrong_vectored "12-three-writes/wrong/vectored.rs"
    e13_find_the_leak_main "13-find-the-leak/main.rs"
    e14_close_wait_main "14-close-wait/main.rs"
    e14_close_wait_solution "14-close-wait/solution.rs"
    e14_close_wait_wrong_clear_roster "14-close-wait/wrong/clear-roster.rs"
    e14_close_wait_wrong_close_after_reply "14-close-wait/wrong/close-after-reply.rs"
    e14_close_wait_wrong_drop_writer "14-close-wait/wrong/drop-writer.rs"
    e14_close_wait_wrong_no_roster "14-close-wait/wrong/no-roster.rs"
    e14_close_wait_wrong_remove_inside_the_loop "14-close-wait/wrong/remove-inside-the-loop.rs"
    e14_close_wait_wrong_shutdown_keeps_entry "14-close-wait/wrong/shutdown-keeps-entry.rs"
    e14_close_wait_wrong_weak_entry "14-close-wait/wrong/weak-entry.rs"
    e15_first_fin_main "15-first-fin/main.rs"
    e16_time_wait_main "16-time-wait/main.rs"
    e16_time_wait_solution "16-time-wait/solution.rs"
    e16_time_wait_wrong_keeps_it_open "16-time-wait/wrong/keeps-it-open.rs"
    e16_time_wait_wrong_lingers "16-time-wait/wrong/lingers.rs"
    e16_time_wait_wrong_shutdown_first "16-time-wait/wrong/shutdown-first.rs"
    e16_time_wait_wrong_sleep "16-time-wait/wrong/sleep.rs"
    e17_half_close_main "17-half-close/main.rs"
    e18_clean_on_the_wire_main "18-clean-on-the-wire/main.rs"
    e18_clean_on_the_wire_solution "18-clean-on-the-wire/solution.rs"
    e18_clean_on_the_wire_wrong_drop_writer "18-clean-on-the-wire/wrong/drop-writer.rs"
    e18_clean_on_the_wire_wrong_no_roster "18-clean-on-the-wire/wrong/no-roster.rs"
    e18_clean_on_the_wire_wrong_no_shutdown "18-clean-on-the-wire/wrong/no-shutdown.rs"
    e19_sixty_four_main "19-sixty-four/main.rs"
    e19_sixty_four_solution "19-sixty-four/solution.rs"
    e19_sixty_four_wrong_drop_stream "19-sixty-four/wrong/drop-stream.rs"
    e19_sixty_four_wrong_no_list "19-sixty-four/wrong/no-list.rs"
    e19_sixty_four_wrong_shutdown_it "19-sixty-four/wrong/shutdown-it.rs"
    e20_unread_eof_main "20-unread-eof/main.rs"
    e20_unread_eof_solution "20-unread-eof/solution.rs"
    e20_unread_eof_wrong_closes "20-unread-eof/wrong/closes.rs"
    e20_unread_eof_wrong_reads_the_end "20-unread-eof/wrong/reads-the-end.rs"
    e21_reset_or_fin_main "21-reset-or-fin/main.rs"
    e22_reset_main "22-reset/main.rs"
    e22_reset_solution "22-reset/solution.rs"
    e22_reset_wrong_reads_all "22-reset/wrong/reads-all.rs"
    e23_lost_reply_main "23-lost-reply/main.rs"
    e23_lost_reply_solution "23-lost-reply/solution.rs"
    e23_lost_reply_wrong_flush "23-lost-reply/wrong/flush.rs"
    e23_lost_reply_wrong_hold_on "23-lost-reply/wrong/hold-on.rs"
    e23_lost_reply_wrong_reads_this_line "23-lost-reply/wrong/reads-this-line.rs"
    e23_lost_reply_wrong_shutdown_alone "23-lost-reply/wrong/shutdown-alone.rs"
    e23_lost_reply_wrong_sleep "23-lost-reply/wrong/sleep.rs"
    e23_lost_reply_wrong_smaller_limit "23-lost-reply/wrong/smaller-limit.rs"
    e23_lost_reply_wrong_take_all "23-lost-reply/wrong/take-all.rs"
}
// <!-- end -->
