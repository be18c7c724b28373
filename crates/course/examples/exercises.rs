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
    e09_one_write_wrong_first_ten "09-one-write/wrong/first-ten.rs"
    e09_one_write_wrong_flush_each "09-one-write/wrong/flush-each.rs"
    e09_one_write_wrong_no_newline "09-one-write/wrong/no-newline.rs"
    e09_one_write_wrong_nodelay "09-one-write/wrong/nodelay.rs"
    e09_one_write_wrong_other_address "09-one-write/wrong/other-address.rs"
    e09_one_write_wrong_panics "09-one-write/wrong/panics.rs"
    e09_one_write_wrong_short_only "09-one-write/wrong/short-only.rs"
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
    e12_three_writes_wrong_panics_when_empty "12-three-writes/wrong/panics-when-empty.rs"
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
    e14_close_wait_wrong_skipped_by_an_error "14-close-wait/wrong/skipped-by-an-error.rs"
    e14_close_wait_wrong_weak_entry "14-close-wait/wrong/weak-entry.rs"
    e15_first_fin_main "15-first-fin/main.rs"
    e16_time_wait_main "16-time-wait/main.rs"
    e16_time_wait_solution "16-time-wait/solution.rs"
    e16_time_wait_wrong_by_the_clock "16-time-wait/wrong/by-the-clock.rs"
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
    e18_clean_on_the_wire_wrong_skipped_by_an_error "18-clean-on-the-wire/wrong/skipped-by-an-error.rs"
    e19_sixty_four_main "19-sixty-four/main.rs"
    e19_sixty_four_solution "19-sixty-four/solution.rs"
    e19_sixty_four_wrong_clears_the_list "19-sixty-four/wrong/clears-the-list.rs"
    e19_sixty_four_wrong_drop_stream "19-sixty-four/wrong/drop-stream.rs"
    e19_sixty_four_wrong_no_list "19-sixty-four/wrong/no-list.rs"
    e19_sixty_four_wrong_shutdown_it "19-sixty-four/wrong/shutdown-it.rs"
    e19_sixty_four_wrong_skipped_by_an_error "19-sixty-four/wrong/skipped-by-an-error.rs"
    e20_unread_eof_main "20-unread-eof/main.rs"
    e20_unread_eof_solution "20-unread-eof/solution.rs"
    e20_unread_eof_wrong_closes "20-unread-eof/wrong/closes.rs"
    e20_unread_eof_wrong_reads_the_end "20-unread-eof/wrong/reads-the-end.rs"
    e21_reset_or_fin_main "21-reset-or-fin/main.rs"
    e22_reset_main "22-reset/main.rs"
    e22_reset_solution "22-reset/solution.rs"
    e22_reset_wrong_exits "22-reset/wrong/exits.rs"
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
    e26_no_limit_main "26-no-limit/main.rs"
    e26_no_limit_solution "26-no-limit/solution.rs"
    e26_no_limit_wrong_counts_the_newline "26-no-limit/wrong/counts-the-newline.rs"
    e26_no_limit_wrong_says_nothing "26-no-limit/wrong/says-nothing.rs"
    e26_no_limit_wrong_skips_the_rest "26-no-limit/wrong/skips-the-rest.rs"
    e26_no_limit_wrong_splits "26-no-limit/wrong/splits.rs"
    e29_how_long_main "29-how-long/main.rs"
    e29_how_long_solution "29-how-long/solution.rs"
    e29_how_long_wrong_closes_at_once "29-how-long/wrong/closes-at-once.rs"
    e29_how_long_wrong_half_a_minute "29-how-long/wrong/half-a-minute.rs"
    e29_how_long_wrong_so_many_bytes "29-how-long/wrong/so-many-bytes.rs"
    e31_everyone_waits_main "31-everyone-waits/main.rs"
    e31_everyone_waits_solution "31-everyone-waits/solution.rs"
    e31_everyone_waits_wrong_says_nothing "31-everyone-waits/wrong/says-nothing.rs"
    e31_everyone_waits_wrong_sleeps "31-everyone-waits/wrong/sleeps.rs"
    e33_let_go_main "33-let-go/main.rs"
    e33_let_go_solution "33-let-go/solution.rs"
    e33_let_go_wrong_a_second_for_each "33-let-go/wrong/a-second-for-each.rs"
    e33_let_go_wrong_drops_whoever_is_full "33-let-go/wrong/drops-whoever-is-full.rs"
    e33_let_go_wrong_queue_without_end "33-let-go/wrong/queue-without-end.rs"
    e35_pulled_cable_main "35-pulled-cable/main.rs"
    e35_pulled_cable_solution "35-pulled-cable/solution.rs"
    e35_pulled_cable_wrong_keep_alive_alone "35-pulled-cable/wrong/keep-alive-alone.rs"
    e35_pulled_cable_wrong_limit_without_question "35-pulled-cable/wrong/limit-without-question.rs"
    e35_pulled_cable_wrong_reads_for_two_seconds "35-pulled-cable/wrong/reads-for-two-seconds.rs"
    e37_last_orders_main "37-last-orders/main.rs"
    e37_last_orders_solution "37-last-orders/solution.rs"
    e37_last_orders_wrong_breaks_off "37-last-orders/wrong/breaks-off.rs"
    e37_last_orders_wrong_does_not_end "37-last-orders/wrong/does-not-end.rs"
    e37_last_orders_wrong_goes_on_accepting "37-last-orders/wrong/goes-on-accepting.rs"
    e37_last_orders_wrong_waits_for_ever "37-last-orders/wrong/waits-for-ever.rs"
    e43_nobody_listens_main "43-nobody-listens/main.rs"
}
// <!-- end -->
