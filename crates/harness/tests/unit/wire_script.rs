//! Tests of `src/wire/script.rs`, which see what is private there.

use proptest::prelude::*;

use super::*;

fn error(text: &str) -> String {
    text.parse::<Wire>().unwrap_err().to_string()
}

#[test]
fn every_statement_is_written_as_it_is_read() {
    let script = "delay client 25ms\ndelay server 1500us\nrate 1mbit\nqueue 20\nloss server 0.5%\nmtu 1280\nseed 7\ncongestion cubic\n\
        lose server data 2\nlose client syn 3 times\nlose connection 2 client ack of data 3 every\n\
        duplicate server data 2-4\nswap client packet 5\nhold server fin for 50ms\ncorrupt client probe 1\n\
        cut after reply 1\nrestore after 2s\ncut server after server sent 100 bytes\n\
        restore after 3 lost\ncut client after client read 5 bytes\nrestore at once\ncut after 9 bytes\n\
        cut after client ack of fin\n";
    let wire: Wire = script.parse().unwrap();
    assert_eq!(wire.to_string(), script);
}

#[test]
fn what_is_left_away_has_a_default() {
    let wire: Wire = "LOSE server Data\n\n  # nothing\nlose client ack 2 times # twice"
        .parse()
        .unwrap();
    assert_eq!(wire.to_string(), "lose server data 1\nlose client ack 1 2 times\n");
    assert_eq!("".parse::<Wire>().unwrap(), Wire::new());
}

/// The word that will not do is named, and the words that would.
#[test]
fn an_error_names_the_word_and_what_would_do() {
    for (script, word, wanted) in [
        ("loose server data 2", "loose", "lose, duplicate"),
        ("lose servr data 2", "servr", "client or server"),
        ("lose server dta 2", "dta", "data, ack"),
        ("lose server data x", "x", "complete"),
        ("lose server data 0", "0", "a number from 1 on"),
        ("lose server data 4-2", "4-2", "a number from 1 on"),
        ("lose server data 2 forever", "forever", "complete"),
        ("lose server ack of it", "it", "syn, fin or data"),
        ("delay 25", "25", "25ms"),
        ("delay -1ms", "-1ms", "25ms"),
        ("delay 2h", "2h", "25ms"),
        ("delay 9999999999999999999999s", "9999999999999999999999s", "hour"),
        ("rate fast", "fast", "mbit"),
        ("rate 0mbit", "0mbit", "mbit"),
        ("loss 101%", "101%", "100%"),
        ("loss 1", "1", "100%"),
        ("mtu 10", "10", "576"),
        ("seed x", "x", "whole"),
        ("congestion a/b", "a/b", "reno"),
        ("cut soon", "soon", "after reply 1"),
        ("cut after lunch", "lunch", "after reply 1"),
        ("cut after 7", "7", "after 5000 bytes"),
        ("cut after server read x bytes", "x", "number of bytes"),
        ("hold server data 1 50ms", "50ms", "for"),
        ("queue 5", "queue", "rate"),
    ] {
        let error = error(script);
        assert!(
            error.contains(&format!("{word:?}")) && error.contains(wanted),
            "{script}: {error}"
        );
    }
}

#[test]
fn a_statement_that_ends_too_early_says_what_follows() {
    for (script, wanted) in [
        ("lose", "client or server"),
        ("lose server", "what the server sends"),
        ("delay", "a time"),
        ("cut", "a moment"),
        ("cut after", "a moment"),
        ("cut after reply", "a number"),
        ("hold server data 1", "\"for\""),
        ("hold server data 1 for", "a time"),
    ] {
        let error = error(script);
        assert!(
            error.contains("ends too early") && error.contains(wanted),
            "{script}: {error}"
        );
    }
}

#[test]
fn a_script_of_several_lines_says_which() {
    assert!(error("delay 1ms\n\nlose it\n").starts_with("line 3: "));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,80}") {
        let _ = text.parse::<Wire>();
    }

    /// Words of the language in any order: what is understood is written so that it is read again.
    #[test]
    fn what_is_understood_is_read_again_as_the_same(words in prop::collection::vec(prop::sample::select(vec![
        "lose", "hold", "cut", "restore", "client", "server", "data", "ack", "of", "fin", "2", "3-5", "times",
        "every", "for", "5ms", "after", "reply", "bytes", "sent", "read", "lost", "at", "once", "delay", "loss",
        "1%", "connection", "seed", "rate", "1mbit", "\n",
    ]), 1..9)) {
        if let Ok(wire) = words.join(" ").parse::<Wire>() {
            prop_assert_eq!(wire.to_string().parse::<Wire>(), Ok(wire));
        }
    }
}
