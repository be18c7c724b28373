//! Tests of `src/wire.rs`, which see what is private there.

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn wire(words: &[&str]) -> Result<Option<String>> {
    let line = Line::try_parse_from([&["lab"], words].concat())?;
    Ok(line.options.wire()?.map(|wire| wire.to_string()))
}

#[test]
fn options_are_statements() {
    let words = "--restore after|2s --cut after|reply|1 --lose server|data|2 --lose client|syn --delay 25ms --seed 3";
    let words: Vec<String> = words.split(' ').map(|word| word.replace('|', " ")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let expected = "delay 25ms\nseed 3\nlose server data 2\nlose client syn\ncut after reply 1\nrestore after 2s\n";
    assert_eq!(wire(&words).unwrap().as_deref(), Some(expected));
    assert_eq!(wire(&[]).unwrap(), None);
    assert_eq!(wire(&["--delay", "0ms"]).unwrap().as_deref(), Some(""));
    assert!(wire(&["--rate", "1mbit", "--queue", "5"]).unwrap().is_some());
}

#[test]
fn an_error_names_the_option_and_the_word() {
    for (option, value, word) in [
        ("--lose", "servr data 2", "\"servr\""),
        ("--delay", "25", "\"25\""),
        ("--queue", "x", "\"x\""),
        ("--cut", "after lunch", "\"lunch\""),
    ] {
        let error = wire(&[option, value]).unwrap_err().to_string();
        assert!(error.contains(option) && error.contains(word), "{error}");
    }
    assert!(wire(&["--queue", "5"]).unwrap_err().to_string().contains("rate"));
    assert!(
        wire(&["--wire", "/no/such/file"])
            .unwrap_err()
            .to_string()
            .contains("/no/such/file")
    );
}
